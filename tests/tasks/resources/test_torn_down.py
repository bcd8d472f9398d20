"""The promise that nothing is left: however the block ends, and in a process that knows only a run's id."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
from prefect import flow
from prefect.client.schemas.objects import FlowRun
from prefect.logging import disable_run_logger
from prefect.states import Crashed

from localaws.faults import Faults, S3Fails
from tasks.errors import LeftoverError, StygigError
from tasks.names import S3Location
from tasks.plan import RunPlan
from tasks.resources.heartbeat import Heartbeat, read_heartbeat, this_process
from tasks.resources.inventory import recorded
from tasks.resources.torn_down import teardown_hook, torn_down
from tasks.storage import keys_under
from tests.tasks.deployed import BUCKET, RUN_ID, made_topic


@pytest.fixture(autouse=True)
def without_a_run() -> Iterator[None]:
    with disable_run_logger():
        yield


@flow
def some_flow() -> None:
    """A flow to pass to a hook."""


def topics() -> int:
    return len(boto3.client("sns").list_topics()["Topics"])


def test_what_was_made_inside_is_gone_afterwards_and_the_removal_is_told(plan: RunPlan) -> None:
    with torn_down(plan) as teardown:
        made_topic(plan)
        assert topics() == 1
    assert topics() == 0
    assert [line.split()[1] for line in teardown.removal.removed] == ["topic", "data"]
    assert recorded(BUCKET) == []


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt(), SystemExit(1)])
def test_however_the_block_ends_all_is_removed_and_the_error_goes_on(plan: RunPlan, error: BaseException) -> None:
    def run() -> None:
        with torn_down(plan):
            made_topic(plan)
            raise error

    with pytest.raises(type(error)) as raised:
        run()
    assert raised.value is error
    assert topics() == 0


@pytest.mark.parametrize(("how", "left_after_success", "left_after_failure"), [
    ({"keep": True}, 1, 1),
    ({"keep_on_success": True}, 1, 0),
])  # fmt: skip
def test_what_is_to_be_kept_is_kept(
    plan: RunPlan, how: dict[str, bool], left_after_success: int, left_after_failure: int
) -> None:
    with torn_down(plan, **how):
        made_topic(plan)
    assert topics() == left_after_success
    with pytest.raises(ValueError, match="wrong"), torn_down(plan, **how):
        raise ValueError("wrong")
    assert topics() == left_after_failure


def test_a_teardown_that_fails_too_does_not_hide_what_went_wrong_first(
    plan: RunPlan, only_allowed: Callable[..., None]
) -> None:
    def run() -> None:
        with torn_down(plan):
            only_allowed("s3:PutObject")
            raise ValueError("the first error")

    with pytest.raises(ValueError, match="the first error"):
        run()


def test_a_teardown_that_may_not_look_says_so_and_proves_nothing(
    plan: RunPlan, only_allowed: Callable[..., None]
) -> None:
    with torn_down(plan) as teardown:
        only_allowed("s3:*")
    assert any("not looked at: sns:ListTopics was denied" in line for line in teardown.removal.left)
    with pytest.raises(LeftoverError, match="not looked at"):
        teardown.removal.proven()


def heartbeat() -> Heartbeat:
    found = read_heartbeat(BUCKET, RUN_ID)
    assert found
    return found


def test_a_run_gives_a_sign_of_life_before_anything_is_made_and_none_after_its_end(plan: RunPlan) -> None:
    with torn_down(plan):
        assert heartbeat().process == this_process()
        assert (heartbeat().ended, heartbeat().kept) == (False, False)
    assert list(keys_under(S3Location(BUCKET, ""))) == []


@pytest.mark.parametrize("how", [{"keep": True}, {"keep_on_success": True}])
def test_a_run_whose_things_stay_says_that_it_has_ended(plan: RunPlan, how: dict[str, bool]) -> None:
    with torn_down(plan, **how):
        assert heartbeat().kept == how.get("keep", False)
    assert (heartbeat().ended, heartbeat().kept) == (True, True)


def test_a_kept_run_that_failed_says_that_it_has_ended(plan: RunPlan) -> None:
    with pytest.raises(ValueError, match="wrong"), torn_down(plan, keep=True):
        raise ValueError("wrong")
    assert (heartbeat().ended, heartbeat().kept) == (True, True)


def test_nothing_is_made_without_a_sign_of_life(plan: RunPlan, local_aws_faults: Faults) -> None:
    local_aws_faults.add(S3Fails(key="*heartbeat.json", operation="PutObject", caller="client"))

    def run() -> None:
        with torn_down(plan):
            made_topic(plan)

    with pytest.raises(StygigError, match="s3:PutObject"):
        run()
    assert topics() == 0


def crashed(**parameters: Any) -> tuple[Any, FlowRun, Any]:
    return some_flow, FlowRun(id=UUID(RUN_ID), flow_id=uuid4(), parameters=parameters), Crashed(message="killed")


@pytest.fixture
def killed(plan: RunPlan, monkeypatch: pytest.MonkeyPatch) -> RunPlan:
    """A run that made something and was killed, in the environment of the hook's process."""
    monkeypatch.setenv("STYGIG_BUCKET", BUCKET)
    made_topic(plan)
    return plan


def test_a_hook_removes_what_a_killed_run_left(killed: RunPlan) -> None:
    teardown_hook(*crashed())
    assert topics() == 0
    teardown_hook(*crashed())


def test_a_hook_leaves_what_was_to_be_kept(killed: RunPlan) -> None:
    teardown_hook(*crashed(keep=True))
    assert topics() == 1


def test_a_hook_leaves_another_runs_things(killed: RunPlan) -> None:
    made_topic(replace(killed, run_id=str(uuid4())))
    teardown_hook(*crashed())
    assert topics() == 1
