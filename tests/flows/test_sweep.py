"""What a run that died with its machine leaves, and who may remove it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect import flow
from prefect.runtime import flow_run

from flows.sweep import sweep
from tasks.inventory import existing
from tasks.notifications import create_messaging
from tasks.plan import RunPlan, ensure_bucket, plan_run
from tasks.settings import Settings
from tasks.sweeping import Sweep

pytestmark = pytest.mark.usefixtures("prefect_backend", "local_aws")


def left_behind(run_id: str, hours_ago: float) -> RunPlan:
    """Topics and a queue of a run that began then; they expire six hours after."""
    plan = plan_run(run_id, Settings(expires_after_hours=6))
    old = RunPlan(**{**plan.__dict__, "started_at": datetime.now(UTC) - timedelta(hours=hours_ago)})
    ensure_bucket(old)
    create_messaging(old)
    assert existing(old.bucket, run_id)
    return old


@pytest.fixture
def expired() -> Iterator[RunPlan]:
    return left_behind(str(uuid4()), hours_ago=7)


def test_what_has_expired_of_a_run_that_is_over_is_removed(expired: RunPlan) -> None:
    swept: Sweep = sweep()
    assert swept.runs == (expired.run_id,)
    assert len(swept.removed) == 5, "two topics, a queue, two subscriptions"
    assert existing(expired.bucket) == []
    assert sweep().runs == ()


def test_a_dry_run_removes_nothing(expired: RunPlan) -> None:
    assert sweep(dry_run=True).runs == (expired.run_id,)
    assert len(existing(expired.bucket)) == 5


def test_what_has_not_expired_stays_unless_expiry_is_ignored_and_its_run_is_known_to_be_over() -> None:
    @flow
    def short_run() -> RunPlan:
        return left_behind(flow_run.id or "", hours_ago=1)

    unknown = left_behind(str(uuid4()), hours_ago=1)
    over = short_run()
    assert sweep().runs == ()
    assert sweep(ignore_expiry=True).runs == (over.run_id,)
    assert {resource.run_id for resource in existing(over.bucket)} == {unknown.run_id}, "it may be another Prefect's"


def test_what_a_running_run_made_stays_even_if_it_has_expired() -> None:
    @flow
    def long_run() -> list[str]:
        plan = left_behind(flow_run.id or "", hours_ago=7)
        assert sweep(ignore_expiry=True).runs == ()
        return [resource.label for resource in existing(plan.bucket)]

    assert len(long_run()) == 5
    assert len(sweep().runs) == 1, "and goes once the run is over"
