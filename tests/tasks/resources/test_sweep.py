"""The evidence that a run is over, and the removal of what it left."""

import inspect
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import psutil
import pytest
from prefect.logging import disable_run_logger

from localaws.faults import Faults, S3Fails
from tasks.errors import LeftoverError
from tasks.plan import RunPlan
from tasks.prefect_task import silent
from tasks.resources.flow_runs import FlowRuns
from tasks.resources.heartbeat import Heartbeat, Process, this_machine, this_process
from tasks.resources.inventory import existing, inventory
from tasks.resources.resource import Resource
from tasks.resources.sweep import Decision, Sweep, Witness, _judged, judge_run, judge_runs, sweep_task
from tests.tasks.deployed import BUCKET, RUN_ID, made_topic

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ELSEWHERE = Process("another machine", 7, 0.0)
GONE = Process(this_machine(), 2**22 + 1, 0.0)
assert not psutil.pid_exists(GONE.pid)
MINUTE = 60.0


@pytest.fixture(autouse=True)
def without_a_run() -> Iterator[None]:
    with disable_run_logger():
        yield


def thing(expires_in: timedelta = HOUR, name: str = "mine") -> Resource:
    return Resource("endpoint", name, RUN_ID, NOW - 6 * HOUR, NOW + expires_in)


def beat(process: Process = ELSEWHERE, silent: float = 5.0, *, kept: bool = False, ended: bool = False) -> Heartbeat:
    return Heartbeat(process, kept, ended, silent)


def judged(
    heartbeat: Heartbeat | None, state: str = "RUNNING", *things: Resource, ignore_expiry: bool = False
) -> Decision:
    return judge_run(RUN_ID, things or (thing(),), heartbeat, state, ignore_expiry=ignore_expiry, at=NOW)


SWEPT = {
    "its process is gone": (beat(GONE), "RUNNING", thing()),
    "silent for long, elsewhere": (beat(silent=10 * MINUTE), "RUNNING", thing()),
    "silent for long, and unknown to this Prefect": (beat(silent=10 * MINUTE), "", thing()),
    "crashed, and silent": (beat(silent=2 * MINUTE), "CRASHED", thing()),
    "ended, and kept, and expired": (beat(kept=True, ended=True), "COMPLETED", thing(-HOUR)),
    "expired, without a sign of life, and over": (None, "COMPLETED", thing(-HOUR)),
    "expired, without a sign of life, and unknown": (None, "", thing(-HOUR)),
    "long expired, without a sign of life, whatever Prefect says": (None, "RUNNING", thing(-720 * HOUR)),
    "long expired, its process stuck": (beat(this_process(), 11 * MINUTE), "RUNNING", thing(-13 * HOUR)),
}
HELD = {
    "a live process": (beat(this_process()), "RUNNING", thing(), "lives"),
    "a stopped process": (beat(this_process(), 11 * MINUTE), "RUNNING", thing(), "lives"),
    "a live process that Prefect calls crashed": (beat(this_process()), "CRASHED", thing(), "lives"),
    "a live process, expired": (beat(this_process(), 1.0), "RUNNING", thing(-13 * HOUR), "lives"),
    "stopped for a minute, elsewhere": (beat(silent=MINUTE), "RUNNING", thing(), "sign of life 60 s ago"),
    "the same, called crashed by a server that restarted": (beat(silent=MINUTE), "CRASHED", thing(), "60 s ago"),
    "kept, and not expired": (beat(kept=True, ended=True), "COMPLETED", thing(), "it stays until 2026-11-22 13:00 UTC"),
    "kept by a run that died": (beat(GONE, kept=True), "CRASHED", thing(), "it stays until"),
    "without a sign of life, not expired": (None, "", thing(), "doesn't know the run"),
    "expired, without a sign of life, running": (None, "RUNNING", thing(-HOUR), "Prefect says RUNNING"),
}


@pytest.mark.parametrize(("heartbeat", "state", "left"), SWEPT.values(), ids=SWEPT)
def test_is_swept(heartbeat: Heartbeat | None, state: str, left: Resource) -> None:
    assert judged(heartbeat, state, left).sweep


@pytest.mark.parametrize(("heartbeat", "state", "left", "why"), HELD.values(), ids=HELD)
def test_is_held_back_and_why(heartbeat: Heartbeat | None, state: str, left: Resource, why: str) -> None:
    verdict = judged(heartbeat, state, left)
    assert not verdict.sweep
    assert why in verdict.why
    assert verdict.expired == left.expired(NOW)


def test_what_was_kept_goes_before_it_expires_if_expiry_is_ignored() -> None:
    assert judged(beat(kept=True, ended=True), "COMPLETED", ignore_expiry=True).sweep
    assert judged(beat(GONE, kept=True), "CRASHED", ignore_expiry=True).sweep


def test_ignoring_expiry_touches_no_run_that_lives_or_may_live() -> None:
    assert not judged(beat(this_process()), ignore_expiry=True).sweep
    assert not judged(beat(silent=MINUTE), ignore_expiry=True).sweep
    assert not judged(None, "", ignore_expiry=True).sweep


def test_a_run_of_which_anything_has_not_expired_has_not_expired() -> None:
    assert not judged(None, "COMPLETED", thing(-HOUR), thing(HOUR, "other")).sweep


def swept(verdicts: list[Decision], dry_run: bool = False) -> Sweep:
    found: Sweep = inspect.unwrap(sweep_task)(BUCKET, inventory(BUCKET), verdicts, 1, dry_run)
    return found


OVER = Decision(RUN_ID, True, "its process is gone", False)


def test_a_dry_run_removes_nothing_and_says_what_it_would(plan: RunPlan) -> None:
    made_topic(plan)
    held = Decision("another", False, "it lives", True)
    assert swept([OVER, held], dry_run=True).proven() == Sweep((RUN_ID,), (), (), True, (held,))
    assert len(existing(BUCKET).resources) == 1


def test_a_sweep_removes_the_runs_it_is_told_and_no_other(plan: RunPlan) -> None:
    other = replace(plan, run_id="7777" + RUN_ID[4:])
    for each in (plan, other):
        made_topic(each)
    assert len(swept([OVER]).proven().removed) == 1
    assert {each.run_id for each in existing(BUCKET).resources} == {other.run_id}
    assert len(boto3.client("sns").list_topics()["Topics"]) == 1


def test_what_can_not_be_read_misdirects_no_sweep(plan: RunPlan) -> None:
    made_topic(plan)
    odd = {"stygig:run-id": "", "stygig:expires-at": "2020-01-01T00:00:00+00:00"}
    boto3.client("sqs").create_queue(QueueName="stygig-odd", tags=odd)
    found = inventory(BUCKET)
    assert found.runs == [RUN_ID]
    assert [each.what for each in found.unreadable] == ["queue stygig-odd"]
    assert swept([]).proven().unreadable == ("queue stygig-odd: can't be read, '' is no run's id",)
    assert len(existing(BUCKET).resources) == 1


def test_a_run_whose_sign_of_life_may_not_be_read_is_held_back_and_no_other(
    plan: RunPlan, local_aws_faults: Faults, prefect_backend: str
) -> None:
    """Judged against a Prefect that knows neither run."""
    other = replace(plan, run_id="7777" + RUN_ID[4:], started_at=plan.started_at - timedelta(days=1))
    for each in (plan, other):
        made_topic(each)
    local_aws_faults.add(S3Fails(key=f"runs/{RUN_ID}/heartbeat.json", operation="GetObject", caller="client"))
    witness = Witness(FlowRuns(prefect_backend, {}), silent)
    verdicts = [_judged(BUCKET, each.run_id, inventory(BUCKET), witness, False) for each in (plan, other)]
    assert [verdict.sweep for verdict in verdicts] == [False, True]
    assert "its sign of life can't be read" in verdicts[0].why


def test_a_dry_run_tells_what_it_could_not_look_at() -> None:
    with pytest.raises(LeftoverError, match="not looked at: sns"):
        Sweep((), (), ("not looked at: sns",), True).proven()


def test_a_sweep_that_left_something_says_what() -> None:
    with pytest.raises(LeftoverError, match=r"could not remove: endpoint mine \(Creating\)"):
        Sweep(("a",), (), ("endpoint mine (Creating)",), False).proven()


def test_a_sweep_that_holds_something_back_which_has_expired_fails_and_says_why() -> None:
    held = Decision("b", False, "its process 7 lives", True)
    with pytest.raises(LeftoverError, match="run b, which has expired: its process 7 lives"):
        Sweep((), (), (), False, (held,)).proven()
    assert Sweep((), (), (), False, (replace(held, expired=False),)).proven()


def test_a_prefect_that_does_not_answer_is_told_and_knows_no_run(
    plan: RunPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_topic(plan)
    monkeypatch.setattr("tasks.resources.sweep.known_flow_runs", lambda: FlowRuns("http://127.0.0.1:9/api", {}))
    said: list[str] = []
    (verdict,) = judge_runs(BUCKET, inventory(BUCKET), False, False, said.append)
    assert not verdict.sweep
    assert "there is no sign of life, this Prefect doesn't know the run" in verdict.why
    assert said[0].startswith("Prefect at http://127.0.0.1:9/api gives no answer: ")
    assert said[0].endswith("runs are judged by their signs of life alone")
