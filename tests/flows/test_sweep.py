"""The resources left by a run that died with its machine, and who may remove them."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Running

from flows.sweep import sweep
from tasks.errors import LeftoverError
from tasks.hosting.notifications import create_messaging
from tasks.plan import RunPlan, plan_run
from tasks.planning.preflight import ensure_bucket
from tasks.resources.heartbeat import Process, this_machine
from tasks.resources.inventory import existing, write_down_data
from tasks.resources.sweep import Sweep
from tasks.settings import Settings
from tasks.storage import upload

pytestmark = pytest.mark.usefixtures("prefect_backend", "local_aws")


def left_behind(run_id: str, hours_ago: float) -> RunPlan:
    """Make topics and a queue of a run that began so many hours ago; they expire six hours after its start."""
    plan = plan_run(run_id, Settings(expires_after_hours=6))
    old = RunPlan(**{**plan.__dict__, "started_at": datetime.now(UTC) - timedelta(hours=hours_ago)})
    ensure_bucket(old)
    create_messaging(old)
    assert existing(old.bucket, run_id).resources
    return old


@pytest.fixture
def expired() -> Iterator[RunPlan]:
    return left_behind(str(uuid4()), hours_ago=7)


def test_what_has_expired_of_a_run_that_is_over_is_removed(expired: RunPlan) -> None:
    swept: Sweep = sweep()
    assert swept.runs == (expired.run_id,)
    assert len(swept.removed) == 5, "two topics, a queue, two subscriptions"
    assert existing(expired.bucket).resources == ()
    assert sweep().runs == ()


def test_a_dry_run_removes_nothing(expired: RunPlan) -> None:
    assert sweep(dry_run=True).runs == (expired.run_id,)
    assert len(existing(expired.bucket).resources) == 5


def test_what_has_not_expired_stays_unless_expiry_is_ignored_and_its_run_is_known_to_be_over() -> None:
    @flow
    def short_run() -> RunPlan:
        return left_behind(flow_run.id or "", hours_ago=1)

    unknown = left_behind(str(uuid4()), hours_ago=1)
    over = short_run()
    held = sweep()
    assert held.runs == ()
    assert {each.run_id for each in held.held} == {unknown.run_id, over.run_id}
    assert sweep(ignore_expiry=True).runs == (over.run_id,)
    assert {r.run_id for r in existing(over.bucket).resources} == {unknown.run_id}, "it may be another Prefect's"


def test_what_a_running_run_made_stays_even_if_it_has_expired_and_the_sweep_fails_for_it() -> None:
    @flow
    def long_run() -> list[str]:
        plan = left_behind(flow_run.id or "", hours_ago=7)
        with pytest.raises(LeftoverError, match=f"run {plan.run_id}, which has expired: .* Prefect says RUNNING"):
            sweep(ignore_expiry=True)
        return [resource.label for resource in existing(plan.bucket).resources]

    assert len(long_run()) == 5
    assert len(sweep().runs) == 1, "and goes once the run is over"


def test_prefect_is_told_of_a_run_that_died_so_that_its_slot_is_free() -> None:
    with get_client(sync_client=True) as client:
        dead = client.create_flow_run(sweep, state=Running())
        plan = left_behind(str(dead.id), hours_ago=1)
        write_heartbeat(plan, Process(this_machine(), 2**22 + 1, 0.0))
        swept = sweep()
        state = client.read_flow_run(dead.id).state
    assert swept.runs == (plan.run_id,)
    assert existing(plan.bucket).resources == ()
    assert state
    assert (state.name, state.message) == (
        "Crashed",
        "Found by the sweep: its process 4194305 is gone; nothing of it was meant to stay.",
    )


def write_heartbeat(plan: RunPlan, process: Process) -> None:
    write_down_data(plan)
    beat = {"process": asdict(process), "kept": False, "ended": False}
    upload(json.dumps(beat).encode(), plan.names.prefix.child("heartbeat.json"))
