"""Scaling that acts, minute by minute: to zero and back, out under load, and what holds it back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.hosting.scaling import (
    backlog_policy_request,
    scalable_target_request,
    wake_alarm_request,
    wake_policy_request,
)
from tests.deployments.localaws.cloud import BUCKET, FOREVER, STANDING, Cloud, eventually

RESOURCE = "endpoint/endpoint/variant/AllTraffic"
WHERE = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


def configure(cloud: Cloud) -> None:
    cloud.model()
    output = {"S3OutputPath": f"s3://{BUCKET}/out"}
    one_at_a_time = {"MaxConcurrentInvocationsPerInstance": 1}
    cloud.config(AsyncInferenceConfig={"OutputConfig": output, "ClientConfig": one_at_a_time})


@pytest.fixture
def scaling(cloud: Cloud) -> Any:
    """A client of Application Auto Scaling, and an asynchronous endpoint of one instance; time stands still."""
    cloud.aws.clock.rate = STANDING
    configure(cloud)
    cloud.endpoint()
    return cloud.client("application-autoscaling")


def instances(cloud: Cloud) -> tuple[str, int, int]:
    description = cloud.sagemaker.describe_endpoint(EndpointName="endpoint")
    variant = description["ProductionVariants"][0]
    return description["EndpointStatus"], variant["DesiredInstanceCount"], variant["CurrentInstanceCount"]


def reaches(cloud: Cloud, count: int) -> None:
    eventually(lambda: instances(cloud) == ("InService", count, count) or None)


def activities(scaling: Any, **request: Any) -> list[dict[str, Any]]:
    pages = scaling.get_paginator("describe_scaling_activities").paginate(
        ServiceNamespace="sagemaker", ResourceId=RESOURCE, **request
    )
    return [activity for page in pages for activity in page["ScalingActivities"]]


def alarm_names(scaling: Any, policy: str) -> list[str]:
    [found] = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", PolicyNames=[policy])["ScalingPolicies"]
    return [alarm["AlarmName"] for alarm in found["Alarms"]]


def billed_seconds(cloud: Cloud) -> float:
    return float(cloud.status()["endpoints"][0]["billed_seconds"]["AllTraffic"])


def test_what_the_project_deploys_sleeps_when_idle_and_a_request_wakes_it(cloud: Cloud, scaling: Any) -> None:
    scaling.register_scalable_target(**scalable_target_request("endpoint", 2))
    scaling.put_scaling_policy(**backlog_policy_request("endpoint", 5))
    arn = scaling.put_scaling_policy(**wake_policy_request("endpoint"))["PolicyARN"]
    cloud.client("cloudwatch").put_metric_alarm(**wake_alarm_request("wake", "endpoint", arn, []))
    cloud.minutes_until(lambda: instances(cloud) == ("InService", 0, 0))
    assert cloud.aws.worker_pids() == []
    billed = billed_seconds(cloud)
    cloud.minutes(3)
    assert billed_seconds(cloud) == billed > 60
    answer = cloud.invoke_async({"x": 21})
    cloud.minutes_until(lambda: instances(cloud) == ("InService", 1, 1))
    assert json.loads(eventually(lambda: cloud.read(answer["OutputLocation"])))["x"] == 42
    woken, asleep = activities(scaling, PaginationConfig={"PageSize": 1})[-2:]
    assert woken["Cause"] == "monitor alarm wake in state ALARM triggered policy backlog-without-capacity"
    assert woken["Description"] == "Setting desired instance count to 1."
    low = alarm_names(scaling, "backlog-per-instance")[1]
    assert asleep["Cause"] == f"monitor alarm {low} in state ALARM triggered policy backlog-per-instance"
    assert asleep["StatusMessage"] == (
        "Successfully set desired instance count to 0. Change successfully fulfilled by sagemaker."
    )
    assert asleep["StartTime"] < asleep["EndTime"] < woken["StartTime"]


def test_target_tracking_alone_wakes_an_endpoint_once_its_backlog_exceeds_the_target(
    cloud: Cloud, scaling: Any
) -> None:
    scaling.register_scalable_target(**scalable_target_request("endpoint", 2))
    scaling.put_scaling_policy(**backlog_policy_request("endpoint", 5))
    cloud.minutes_until(lambda: instances(cloud) == ("InService", 0, 0))
    for _ in range(5):
        cloud.invoke_async({"x": 1})
    cloud.minutes(5)
    assert instances(cloud) == ("InService", 0, 0)
    answer = cloud.invoke_async({"x": 21})
    cloud.minutes_until(lambda: instances(cloud)[2] > 0)
    assert json.loads(eventually(lambda: cloud.read(answer["OutputLocation"])))["x"] == 42


def test_load_adds_instances_by_the_target_unless_scaling_out_is_suspended(cloud: Cloud, scaling: Any) -> None:
    suspended = {"DynamicScalingOutSuspended": True}
    scaling.register_scalable_target(**WHERE, MinCapacity=0, MaxCapacity=4, SuspendedState=suspended)
    scaling.put_scaling_policy(**backlog_policy_request("endpoint", 5))
    for _ in range(11):
        cloud.invoke_async(FOREVER)
    high = alarm_names(scaling, "backlog-per-instance")[0]
    cloud.minutes_until(lambda: bool(cloud.aws.journal.entries("alarm.state", alarm=high, state="ALARM")))
    cloud.minutes(3)
    assert activities(scaling) == []
    scaling.register_scalable_target(**WHERE, SuspendedState={"DynamicScalingOutSuspended": False})
    cloud.minutes(1)
    assert instances(cloud) == ("InService", 3, 3)
    assert [activity["Description"] for activity in activities(scaling)] == ["Setting desired instance count to 3."]


def test_a_real_time_variant_follows_its_invocations_per_instance(cloud: Cloud) -> None:
    cloud.model()
    cloud.config()
    cloud.endpoint()
    scaling = cloud.client("application-autoscaling")
    scaling.register_scalable_target(**WHERE, MinCapacity=1, MaxCapacity=2)
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    tracking = {"TargetValue": 1.0, "PredefinedMetricSpecification": metric}
    policy = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": tracking}
    scaling.put_scaling_policy(PolicyName="invocations", **WHERE, **policy)
    for _ in range(6):
        for _ in range(2):
            cloud.invoke({"x": 1})
        cloud.minutes(1)
    assert activities(scaling)[0]["Description"] == "Setting desired instance count to 2."


def test_an_alarm_steps_once_in_a_cool_down_and_a_lower_maximum_takes_it_back(cloud: Cloud, scaling: Any) -> None:
    scaling.register_scalable_target(**WHERE, MinCapacity=1, MaxCapacity=3)
    steps = [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]
    policy = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps, "Cooldown": 3000}
    arn = scaling.put_scaling_policy(
        PolicyName="step", PolicyType="StepScaling", StepScalingPolicyConfiguration=policy, **WHERE
    )["PolicyARN"]
    cloudwatch = cloud.client("cloudwatch")
    cloudwatch.put_metric_alarm(**{**wake_alarm_request("wake", "endpoint", arn, []), "OKActions": [arn]})

    def ring(state: str = "ALARM") -> None:
        cloudwatch.set_alarm_state(AlarmName="wake", StateValue=state, StateReason="a drill")

    ring()
    reaches(cloud, 2)
    ring("OK")
    ring()
    assert [activity["Description"] for activity in activities(scaling)] == ["Setting desired instance count to 2."]
    assert cloud.aws.journal.entries("scaling.activity", endpoint="endpoint", status="Successful", before=1, capacity=2)
    scaling.register_scalable_target(**WHERE, MaxCapacity=1)
    reaches(cloud, 1)
    assert activities(scaling)[0]["Cause"] == "maximum capacity was set to 1"


def test_a_minimum_above_the_count_raises_it_once_the_endpoint_is_in_service(cloud: Cloud) -> None:
    configure(cloud)
    cloud.endpoint(status=None)
    scaling = cloud.client("application-autoscaling")
    scaling.register_scalable_target(**WHERE, MinCapacity=2, MaxCapacity=2)
    cloud.settle()
    cloud.minutes(1)
    assert instances(cloud) == ("InService", 2, 2)
    [activity] = activities(scaling)
    assert (activity["Cause"], activity["StatusCode"]) == ("minimum capacity was set to 2", "Successful")


def test_an_endpoint_that_is_deleted_fails_what_was_under_way_and_a_reset_forgets_it(
    cloud: Cloud, scaling: Any
) -> None:
    scaling.register_scalable_target(**WHERE, MinCapacity=2, MaxCapacity=2)
    reaches(cloud, 2)
    cloud.delete()
    [activity] = activities(scaling)
    assert activity["Description"] == "Setting desired instance count to 2."
    cloud.aws.reset()
    assert activities(scaling) == []


def test_however_fast_time_passes_no_minute_is_without_its_datapoint(cloud: Cloud, scaling: Any) -> None:
    backlog = {"Namespace": "AWS/SageMaker", "MetricName": "ApproximateBacklogSize", "Statistic": "SampleCount"}
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="gap",
        **backlog,
        Dimensions=[{"Name": "EndpointName", "Value": "endpoint"}],
        Period=60,
        EvaluationPeriods=10,
        DatapointsToAlarm=1,
        Threshold=1.0,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
    )
    cloud.minutes(13)
    states = [entry.fields["state"] for entry in cloud.aws.journal.entries("alarm.state", alarm="gap")]
    assert states[-1] == "OK"
    cloud.aws.clock.rate = 600_000
    put = "ApproximateBacklogSize", "SampleCount", {"EndpointName": "endpoint"}
    before = cloud.metric(*put)
    eventually(lambda: cloud.metric(*put) > before + 50 or None)
    assert len(cloud.aws.journal.entries("alarm.state", alarm="gap")) == len(states)
