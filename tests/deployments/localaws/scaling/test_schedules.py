"""Scheduled actions through boto3: what is kept, answered and refused, and that they act on a compressed clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError

from tests.deployments.localaws.cloud import STANDING, Cloud

RESOURCE = "endpoint/endpoint/variant/AllTraffic"
WHERE = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
IN_WORDS = f"service namespace: sagemaker, resource ID: {RESOURCE}, scalable dimension: {WHERE['ScalableDimension']}"
NEVER_LOADS = "import threading\ndef model_fn(model_dir): threading.Event().wait()\n"


def client(cloud: Cloud, asynchronous: bool = True, **endpoint: Any) -> Any:
    """A client, and an endpoint whose one instance can be scaled to between 1 and 3."""
    if asynchronous:
        cloud.async_config()
    else:
        cloud.config()
    cloud.endpoint(**endpoint)
    scaling = cloud.client("application-autoscaling")
    scaling.register_scalable_target(**WHERE, MinCapacity=1, MaxCapacity=3)
    return scaling


@pytest.fixture
def kept(cloud: Cloud) -> Any:
    """A client for what is only kept: its endpoint need not be ready."""
    cloud.model(handler=NEVER_LOADS)
    return client(cloud, status=None)


@pytest.fixture
def acting(cloud: Cloud) -> Any:
    cloud.model()
    scaling = client(cloud)
    cloud.aws.clock.rate = STANDING
    return scaling


def put(scaling: Any, name: str = "night", **members: Any) -> None:
    scaling.put_scheduled_action(**WHERE, ScheduledActionName=name, **members)


def actions(scaling: Any, **request: Any) -> list[dict[str, Any]]:
    pages = scaling.get_paginator("describe_scheduled_actions").paginate(ServiceNamespace="sagemaker", **request)
    return [action for page in pages for action in page["ScheduledActions"]]


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refusal:
        call(**request)
    error = refusal.value.response["Error"]
    return error["Code"], error["Message"]


def test_an_action_is_described_as_it_was_put_and_changes_what_is_given(kept: Any) -> None:
    start = datetime(2100, 1, 1, tzinfo=UTC)
    end = start + timedelta(days=1)
    put(
        kept,
        Schedule="cron(0 22 ? * MON-FRI *)",
        Timezone="Europe/Berlin",
        StartTime=start,
        EndTime=end,
        ScalableTargetAction={"MinCapacity": 0},
    )
    [action] = actions(kept)
    made, arn = action.pop("CreationTime"), action.pop("ScheduledActionARN")
    assert abs(made - datetime.now(UTC)) < timedelta(hours=1)
    assert arn.startswith("arn:aws:autoscaling:us-east-1:123456789012:scheduledAction:")
    assert arn.endswith(f":resource/sagemaker/{RESOURCE}:scheduledActionName/night")
    assert action == {
        **WHERE,
        "ScheduledActionName": "night",
        "Schedule": "cron(0 22 ? * MON-FRI *)",
        "Timezone": "Europe/Berlin",
        "StartTime": start,
        "EndTime": end,
        "ScalableTargetAction": {"MinCapacity": 0},
    }
    put(kept, ScalableTargetAction={"MaxCapacity": 0})
    [changed] = actions(kept)
    assert "StartTime" not in changed
    assert "EndTime" not in changed
    assert (changed["Schedule"], changed["Timezone"]) == ("cron(0 22 ? * MON-FRI *)", "Europe/Berlin")
    assert (changed["ScheduledActionARN"], changed["ScalableTargetAction"]) == (arn, {"MaxCapacity": 0})


def test_actions_are_found_by_name_and_by_resource_paged_and_deleted(kept: Any) -> None:
    for name in ("a", "b", "c"):
        put(kept, name, Schedule="rate(1 day)", ScalableTargetAction={"MinCapacity": 1})
    assert [each["ScheduledActionName"] for each in actions(kept, PaginationConfig={"PageSize": 2})] == ["a", "b", "c"]
    assert [each["ScheduledActionName"] for each in actions(kept, ScheduledActionNames=["b"])] == ["b"]
    assert len(actions(kept, ResourceId=RESOURCE)) == 3
    assert actions(kept, ResourceId="endpoint/other/variant/AllTraffic") == []
    kept.delete_scheduled_action(**WHERE, ScheduledActionName="b")
    assert [each["ScheduledActionName"] for each in actions(kept)] == ["a", "c"]
    assert refused(kept.delete_scheduled_action, **WHERE, ScheduledActionName="b") == (
        "ObjectNotFoundException",
        f"No scheduled action found for {IN_WORDS}, scheduled action name: b",
    )


def test_an_action_against_the_rules_is_refused(kept: Any) -> None:
    bounds = {"ScalableTargetAction": {"MinCapacity": 1}}
    late, early = datetime(2100, 1, 2, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    wrong: dict[str, dict[str, Any]] = {
        "Invalid schedule expression": {"Schedule": "cron(0 18 * * *)", **bounds},
        "schedule must be provided": bounds,
        "Invalid time zone": {"Schedule": "rate(1 day)", "Timezone": "Mars/Olympus", **bounds},
        "start time must be before the end": {
            "Schedule": "rate(1 day)",
            "StartTime": late,
            "EndTime": early,
            **bounds,
        },
        "At least one of minimum capacity and maximum capacity should be provided": {"Schedule": "rate(1 day)"},
        "Minimum capacity cannot be less than 0": {
            "Schedule": "rate(1 day)",
            "ScalableTargetAction": {"MinCapacity": -1},
        },
        "Maximum capacity cannot be less than minimum": {
            "Schedule": "rate(1 day)",
            "ScalableTargetAction": {"MinCapacity": 2, "MaxCapacity": 1},
        },
    }
    for text, members in wrong.items():
        code, message = refused(kept.put_scheduled_action, **WHERE, ScheduledActionName="a", **members)
        assert (code, text in message) == ("ValidationException", True), message
    assert actions(kept) == []
    kept.deregister_scalable_target(**WHERE)
    found = refused(kept.put_scheduled_action, **WHERE, ScheduledActionName="a", Schedule="rate(1 day)", **bounds)
    assert found == ("ObjectNotFoundException", f"No scalable target registered for {IN_WORDS}")


def bounds_of(scaling: Any) -> tuple[int, int]:
    [target] = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    return target["MinCapacity"], target["MaxCapacity"]


def activities(scaling: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"]
    return found


def count_of(cloud: Cloud) -> int:
    [variant] = cloud.sagemaker.describe_endpoint(EndpointName="endpoint")["ProductionVariants"]
    return int(variant["CurrentInstanceCount"])


def test_at_its_time_an_action_sets_the_bounds_and_the_count_that_is_outside(cloud: Cloud, acting: Any) -> None:
    in_five_minutes = datetime.now(UTC) + timedelta(minutes=5)
    put(
        acting,
        "morning",
        Schedule=f"at({in_five_minutes:%Y-%m-%dT%H:%M:%S})",
        ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 4},
    )
    cloud.minutes_until(lambda: bounds_of(acting) == (2, 4))
    assert count_of(cloud) == 2
    assert activities(acting)[0]["StatusCode"] == "Successful"
    count, bounds = activities(acting)
    assert (count["Cause"], count["Description"]) == (
        "minimum capacity was set to 2",
        "Setting desired instance count to 2.",
    )
    assert bounds["Cause"] == "scheduled action name morning was triggered"
    assert bounds["Description"] == "Setting min capacity to 2 and max capacity to 4"
    assert bounds["StatusMessage"] == "Successfully set min capacity to 2 and max capacity to 4"
    assert (bounds["StatusCode"], bounds["StartTime"] <= count["StartTime"]) == ("Successful", True)
    put(acting, "evening", Schedule="rate(1 minute)", ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": 1})
    assert cloud.minutes_until(lambda: bounds_of(acting) == (0, 1)) <= 2
    assert count_of(cloud) == 1


def triggered(cloud: Cloud, name: str) -> int:
    cause = f"scheduled action name {name} was triggered"
    return len(cloud.aws.journal.entries("scaling.activity", cause=cause))


def test_a_recurring_action_acts_again_until_it_is_deleted_and_one_that_is_over_never(
    cloud: Cloud, acting: Any
) -> None:
    local = datetime.now(ZoneInfo("Asia/Kolkata")) + timedelta(minutes=10)
    put(
        acting,
        "local",
        Schedule=f"cron({local.minute} {local.hour} ? * * *)",
        Timezone="Asia/Kolkata",
        ScalableTargetAction={"MaxCapacity": 2},
    )
    put(
        acting,
        "over",
        Schedule="rate(1 minute)",
        StartTime=datetime(2020, 1, 1, tzinfo=UTC),
        EndTime=datetime(2020, 1, 2, tzinfo=UTC),
        ScalableTargetAction={"MaxCapacity": 9},
    )
    put(acting, "again", Schedule="rate(2 minutes)", ScalableTargetAction={"MinCapacity": 1})
    cloud.minutes(7)
    assert triggered(cloud, "again") == 3
    acting.delete_scheduled_action(**WHERE, ScheduledActionName="again")
    cloud.minutes(7)
    assert bounds_of(acting) == (1, 2)
    assert [triggered(cloud, name) for name in ("again", "local", "over")] == [3, 1, 0]


def test_while_scheduled_scaling_is_suspended_nothing_acts(cloud: Cloud, acting: Any) -> None:
    acting.register_scalable_target(**WHERE, SuspendedState={"ScheduledScalingSuspended": True})
    put(acting, "suspended", Schedule="rate(1 minute)", ScalableTargetAction={"MaxCapacity": 2})
    cloud.minutes(3)
    assert (bounds_of(acting), activities(acting)) == ((1, 3), [])
    acting.register_scalable_target(**WHERE, SuspendedState={"ScheduledScalingSuspended": False})
    assert cloud.minutes_until(lambda: bounds_of(acting) == (1, 2)) <= 2


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ({"MinCapacity": 0}, "Minimum capacity cannot be less than 1 for the real-time variant"),
        ({"MinCapacity": 4}, "Maximum capacity cannot be less than minimum capacity"),
    ],
)
def test_bounds_that_do_not_fit_the_target_fail_when_they_are_due(
    cloud: Cloud, action: dict[str, int], reason: str
) -> None:
    cloud.model()
    scaling = client(cloud, asynchronous=False)
    put(scaling, Schedule="rate(1 minute)", ScalableTargetAction=action)
    cloud.minutes(2)
    failed = activities(scaling)[-1]
    assert failed["StatusCode"] == "Failed"
    assert failed["StatusMessage"].startswith(
        f"Failed to set min capacity to {action['MinCapacity']}. Reason: {reason}"
    )
    assert bounds_of(scaling) == (1, 3)
