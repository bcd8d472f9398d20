"""Which runs are over, and removing what they left."""

import inspect
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from prefect.logging import disable_run_logger

from tasks.errors import LeftoverError
from tasks.inventory import existing
from tasks.plan import RunPlan
from tasks.resource import Resource
from tasks.sweeping import Sweep, runs_to_sweep, sweep_task
from tests.tasks.deployed import BUCKET, RUN_ID, made_topic

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def without_a_run() -> Iterator[None]:
    with disable_run_logger():
        yield


def thing(run_id: str, expires_at: datetime, name: str = "mine") -> Resource:
    return Resource("endpoint", name, run_id, NOW - 6 * HOUR, expires_at)


def test_only_expired_runs_are_swept() -> None:
    found = [thing("old", NOW - HOUR), thing("new", NOW + HOUR), thing("just", NOW)]
    assert runs_to_sweep(found, False, NOW) == ["just", "old"]


def test_a_run_of_which_anything_has_not_expired_is_not_swept() -> None:
    assert runs_to_sweep([thing("old", NOW - HOUR), thing("old", NOW + HOUR, "other")], False, NOW) == []


def test_expiry_can_be_ignored() -> None:
    found = [thing("b", NOW + HOUR), thing("a", NOW - HOUR), thing("b", NOW + HOUR, "other")]
    assert runs_to_sweep(found, True, NOW) == ["a", "b"]


def test_nothing_found_means_nothing_to_sweep() -> None:
    assert runs_to_sweep([], True, NOW) == []


def test_a_dry_run_removes_nothing_and_says_what_it_would(plan: RunPlan) -> None:
    made_topic(plan)
    assert inspect.unwrap(sweep_task)(BUCKET, [RUN_ID], 1, True) == Sweep((RUN_ID,), (), (), True)
    assert len(existing(BUCKET)) == 1


def test_a_sweep_removes_the_runs_it_is_told_and_no_other(plan: RunPlan) -> None:
    other = replace(plan, run_id="7777" + RUN_ID[4:])
    for each in (plan, other):
        made_topic(each)
    swept = inspect.unwrap(sweep_task)(BUCKET, [RUN_ID], 1, False).proven()
    assert len(swept.removed) == 1
    assert {each.run_id for each in existing(BUCKET)} == {other.run_id}
    assert len(boto3.client("sns").list_topics()["Topics"]) == 1


def test_a_sweep_that_left_something_says_what() -> None:
    with pytest.raises(LeftoverError, match=r"could not remove: endpoint mine \(Creating\)"):
        Sweep(("a",), (), ("endpoint mine (Creating)",), False).proven()
