"""Application Auto Scaling through boto3: what it keeps, answers and refuses; ../../scaling tests that it acts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployments.localaws.cloud import Cloud

RESOURCE = "endpoint/endpoint/variant/AllTraffic"
WHERE = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
IN_WORDS = f"service namespace: sagemaker, resource ID: {RESOURCE}, scalable dimension: {WHERE['ScalableDimension']}"
BACKLOG = {
    "MetricName": "ApproximateBacklogSizePerInstance",
    "Namespace": "AWS/SageMaker",
    "Dimensions": [{"Name": "EndpointName", "Value": "endpoint"}],
    "Statistic": "Average",
}
TRACKING: dict[str, Any] = {
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 5.0, "CustomizedMetricSpecification": BACKLOG},
}
STEPS: dict[str, Any] = {
    "PolicyType": "StepScaling",
    "StepScalingPolicyConfiguration": {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    },
}
NEVER_LOADS = "import threading\ndef model_fn(model_dir): threading.Event().wait()\n"


@pytest.fixture
def scaling(cloud: Cloud) -> Any:
    """A client, and an endpoint that exists and need not be ready."""
    cloud.model(handler=NEVER_LOADS)
    cloud.async_config()
    cloud.endpoint(status=None)
    return cloud.client("application-autoscaling")


def refused(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refusal:
        call(**request)
    error = refusal.value.response["Error"]
    return error["Code"], error["Message"]


def register(scaling: Any, **members: Any) -> None:
    scaling.register_scalable_target(**{**WHERE, "MinCapacity": 0, "MaxCapacity": 3, **members})


def test_a_target_against_the_rules_is_refused(scaling: Any) -> None:
    call = scaling.register_scalable_target
    bounds = {"MinCapacity": 0, "MaxCapacity": 2}
    for resource in ("endpoint/nobody/variant/AllTraffic", "endpoint/endpoint/variant/Other"):
        code, message = refused(call, **{**WHERE, **bounds, "ResourceId": resource})
        assert (code, resource in message) == ("ValidationException", True)
    assert refused(call, **WHERE, MinCapacity=2, MaxCapacity=1) == (
        "ValidationException",
        "Maximum capacity cannot be less than minimum capacity",
    )
    assert "must be provided" in refused(call, **WHERE, MinCapacity=1)[1]
    assert "less than 0" in refused(call, **WHERE, MinCapacity=-1, MaxCapacity=1)[1]
    assert "enum value set" in refused(call, **{**WHERE, **bounds, "ServiceNamespace": "moon"})[1]
    dimension = "ecs:service:DesiredCount"
    assert "Unsupported" in refused(call, **{**WHERE, **bounds, "ScalableDimension": dimension})[1]


def test_only_an_asynchronous_variant_can_be_scaled_to_zero(cloud: Cloud, scaling: Any) -> None:
    cloud.config("realtime")
    cloud.endpoint("now", "realtime", status=None)
    where = {**WHERE, "ResourceId": "endpoint/now/variant/AllTraffic"}
    code, message = refused(scaling.register_scalable_target, **where, MinCapacity=0, MaxCapacity=2)
    assert (code, "real-time" in message) == ("ValidationException", True)
    scaling.register_scalable_target(**where, MinCapacity=1, MaxCapacity=2)


def test_a_target_is_described_with_its_defaults_and_changes_what_is_given(scaling: Any) -> None:
    arn = scaling.register_scalable_target(**WHERE, MinCapacity=0, MaxCapacity=3)["ScalableTargetARN"]
    register(scaling, MaxCapacity=7, SuspendedState={"DynamicScalingInSuspended": True})
    scaling.register_scalable_target(**WHERE)
    pages = scaling.get_paginator("describe_scalable_targets").paginate(ServiceNamespace="sagemaker")
    [target] = [target for page in pages for target in page["ScalableTargets"]]
    assert (target["ScalableTargetARN"], target["MinCapacity"], target["MaxCapacity"]) == (arn, 0, 7)
    assert target["RoleARN"].endswith("/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint")
    assert target["SuspendedState"] == {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": False,
    }


def test_what_is_not_there_is_not_found(scaling: Any) -> None:
    missing = {
        scaling.put_scaling_policy: ({"PolicyName": "p", **STEPS}, "No scalable target registered for " + IN_WORDS),
        scaling.deregister_scalable_target: ({}, "No scalable target found for " + IN_WORDS),
        scaling.delete_scaling_policy: (
            {"PolicyName": "p"},
            f"No scaling policy found for {IN_WORDS}, policy name: p",
        ),
    }
    for call, (members, text) in missing.items():
        assert refused(call, **WHERE, **members) == ("ObjectNotFoundException", text)


def test_target_tracking_makes_two_alarms_which_go_with_the_policy(cloud: Cloud, scaling: Any) -> None:
    register(scaling)
    answer = scaling.put_scaling_policy(PolicyName="track", **WHERE, **TRACKING)
    names = [alarm["AlarmName"] for alarm in answer["Alarms"]]
    for name, kind in zip(names, ("High", "Low"), strict=True):
        assert name.startswith(f"TargetTracking-{RESOURCE}-Alarm{kind}-")
    cloudwatch = cloud.client("cloudwatch")
    high, low = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    for alarm, expected in ((high, ("GreaterThanThreshold", 5.0, 3)), (low, ("LessThanThreshold", 4.5, 15))):
        assert (alarm["ComparisonOperator"], alarm["Threshold"], alarm["EvaluationPeriods"]) == expected
        assert (alarm["MetricName"], alarm["Period"]) == ("ApproximateBacklogSizePerInstance", 60)
        assert alarm["AlarmActions"][0].startswith(answer["PolicyARN"] + ":createdBy/")
    [policy] = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert policy["Alarms"] == answer["Alarms"]
    again = scaling.put_scaling_policy(PolicyName="track", **WHERE, **TRACKING)
    assert (again["PolicyARN"], len(cloudwatch.describe_alarms()["MetricAlarms"])) == (answer["PolicyARN"], 2)
    scaling.delete_scaling_policy(PolicyName="track", **WHERE)
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_a_step_policy_lists_the_alarms_that_name_it_and_leaves_them(cloud: Cloud, scaling: Any) -> None:
    register(scaling)
    arn = scaling.put_scaling_policy(PolicyName="step", **WHERE, **STEPS)["PolicyARN"]
    scaling.put_scaling_policy(PolicyName="track", **WHERE, **TRACKING)
    cloudwatch = cloud.client("cloudwatch")
    metric = {"Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    cloudwatch.put_metric_alarm(
        AlarmName="mine", AlarmActions=[arn], Threshold=1, ComparisonOperator="GreaterThanThreshold", **metric
    )
    describe = scaling.describe_scaling_policies
    [step] = describe(ServiceNamespace="sagemaker", PolicyNames=["step"])["ScalingPolicies"]
    assert [alarm["AlarmName"] for alarm in step["Alarms"]] == ["mine"]
    assert step["StepScalingPolicyConfiguration"] == STEPS["StepScalingPolicyConfiguration"]
    scaling.put_scheduled_action(
        **WHERE, ScheduledActionName="night", Schedule="rate(1 day)", ScalableTargetAction={"MaxCapacity": 1}
    )
    scaling.deregister_scalable_target(**WHERE)
    assert describe(ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    assert scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"] == []
    assert [alarm["AlarmName"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]] == ["mine"]


WRONG_STEPS: list[list[tuple[float | None, float | None]]] = [
    [(None, None)],
    [(5, 1)],
    [(0, None), (0, None)],
    [(0, 1), (2, None)],
    [(0, 3), (2, None)],
    [(-1, None)],
    [(0, 5)],
]


def steps(*bounds: tuple[float | None, float | None]) -> dict[str, Any]:
    names = ("MetricIntervalLowerBound", "MetricIntervalUpperBound")
    found = [{name: bound for name, bound in zip(names, pair, strict=True) if bound is not None} for pair in bounds]
    adjustments = [{**each, "ScalingAdjustment": 1} for each in found]
    configuration = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": adjustments}
    return {"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": configuration}


def test_a_policy_against_the_rules_is_refused(scaling: Any) -> None:
    register(scaling)
    configuration = TRACKING["TargetTrackingScalingPolicyConfiguration"]
    wrong: list[dict[str, Any]] = [
        {"PolicyType": "StepScaling"},
        {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1}},
        {**TRACKING, "TargetTrackingScalingPolicyConfiguration": {**configuration, "TargetValue": 0}},
        {
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {**configuration, "ScaleInCooldown": -1},
        },
        {
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": 1,
                "CustomizedMetricSpecification": {"MetricName": "m", "Namespace": "n"},
            },
        },
        {"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": {"StepAdjustments": []}},
        *(steps(*bounds) for bounds in WRONG_STEPS),
    ]
    for members in wrong:
        assert refused(scaling.put_scaling_policy, PolicyName="p", **WHERE, **members)[0] == "ValidationException"
    scaling.put_scaling_policy(PolicyName="p", **WHERE, **STEPS)
    assert "cannot be changed" in refused(scaling.put_scaling_policy, PolicyName="p", **WHERE, **TRACKING)[1]


def test_lists_are_paged_and_a_made_up_token_is_refused(scaling: Any) -> None:
    register(scaling)
    for number in range(3):
        scaling.put_scaling_policy(PolicyName=f"p{number}", **WHERE, **STEPS)
    pages = scaling.get_paginator("describe_scaling_policies").paginate(
        ServiceNamespace="sagemaker", ResourceId=RESOURCE, PaginationConfig={"PageSize": 2}
    )
    assert [[policy["PolicyName"] for policy in page["ScalingPolicies"]] for page in pages] == [["p0", "p1"], ["p2"]]
    describe = scaling.describe_scaling_activities
    assert refused(describe, ServiceNamespace="sagemaker", NextToken="x")[0] == "InvalidNextTokenException"
    assert refused(describe, ServiceNamespace="sagemaker", MaxResults=51)[0] == "ValidationException"
    assert describe(ServiceNamespace="ecs")["ScalingActivities"] == []
