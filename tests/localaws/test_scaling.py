"""Scaling that acts, on a compressed clock: to zero and back, out under load, and what holds it back."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

import pytest

from tasks.scaling import backlog_policy_request, scalable_target_request, wake_alarm_request, wake_policy_request
from tests.localaws.cloud import BUCKET, Cloud, eventually

RESOURCE = "endpoint/endpoint/variant/AllTraffic"
WHERE = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
# An AWS minute is a tenth of a second: a worker's start then takes some minutes, which AWS allows when asked.
FAST = 600
PATIENT = {"ContainerStartupHealthCheckTimeoutInSeconds": 3600}


def configure(cloud: Cloud) -> None:
    cloud.model()
    output = {"S3OutputPath": f"s3://{BUCKET}/out"}
    one_at_a_time = {"MaxConcurrentInvocationsPerInstance": 1}
    cloud.config(variant=PATIENT, AsyncInferenceConfig={"OutputConfig": output, "ClientConfig": one_at_a_time})


@pytest.fixture
def scaling(cloud: Cloud) -> Any:
    """A client of Application Auto Scaling, and an asynchronous endpoint of one instance."""
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
    with urllib.request.urlopen(f"{cloud.aws.endpoint_url}/_localaws/status") as answer:
        return float(json.load(answer)["endpoints"][0]["billed_seconds"]["AllTraffic"])


def minutes_pass(cloud: Cloud, count: int) -> None:
    minutes = "ApproximateBacklogSize", "SampleCount", {"EndpointName": "endpoint"}
    seen = cloud.metric(*minutes)
    eventually(lambda: cloud.metric(*minutes) >= seen + count or None)


def test_what_the_project_deploys_sleeps_when_idle_and_a_request_wakes_it(cloud: Cloud, scaling: Any) -> None:
    scaling.register_scalable_target(**scalable_target_request("endpoint", 2))
    scaling.put_scaling_policy(**backlog_policy_request("endpoint", 5))
    arn = scaling.put_scaling_policy(**wake_policy_request("endpoint"))["PolicyARN"]
    cloud.client("cloudwatch").put_metric_alarm(**wake_alarm_request("wake", "endpoint", arn, []))
    cloud.aws.clock.rate = FAST
    reaches(cloud, 0)
    assert cloud.aws.worker_pids() == []
    billed = billed_seconds(cloud)
    time.sleep(0.05)
    assert billed_seconds(cloud) == billed > 60
    answer = cloud.invoke_async({"x": 21})
    assert json.loads(eventually(lambda: cloud.read(answer["OutputLocation"])))["x"] == 42
    eventually(lambda: activities(scaling)[0]["StatusCode"] == "Successful" or None)
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
    cloud.aws.clock.rate = FAST
    reaches(cloud, 0)
    for _ in range(5):
        cloud.invoke_async({"x": 1})
    minutes_pass(cloud, 5)
    assert instances(cloud) == ("InService", 0, 0)
    answer = cloud.invoke_async({"x": 21})
    assert json.loads(eventually(lambda: cloud.read(answer["OutputLocation"])))["x"] == 42


def test_load_adds_instances_by_the_target_unless_scaling_out_is_suspended(cloud: Cloud, scaling: Any) -> None:
    suspended = {"DynamicScalingOutSuspended": True}
    scaling.register_scalable_target(**WHERE, MinCapacity=0, MaxCapacity=4, SuspendedState=suspended)
    scaling.put_scaling_policy(**backlog_policy_request("endpoint", 5))
    for _ in range(11):
        cloud.invoke_async({"sleep": 30})
    cloud.aws.clock.rate = FAST
    high = alarm_names(scaling, "backlog-per-instance")[0]
    eventually(lambda: cloud.aws.journal.entries("alarm.state", alarm=high, state="ALARM") or None)
    minutes_pass(cloud, 3)
    assert activities(scaling) == []
    scaling.register_scalable_target(**WHERE, SuspendedState={"DynamicScalingOutSuspended": False})
    eventually(lambda: activities(scaling) or None)
    reaches(cloud, 3)
    assert [activity["Description"] for activity in activities(scaling)] == ["Setting desired instance count to 3."]


def test_a_real_time_variant_follows_its_invocations_per_instance(cloud: Cloud) -> None:
    cloud.model()
    cloud.config(variant=PATIENT)
    cloud.endpoint()
    scaling = cloud.client("application-autoscaling")
    scaling.register_scalable_target(**WHERE, MinCapacity=1, MaxCapacity=2)
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    tracking = {"TargetValue": 1.0, "PredefinedMetricSpecification": metric}
    policy = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": tracking}
    scaling.put_scaling_policy(PolicyName="invocations", **WHERE, **policy)
    cloud.aws.clock.rate = FAST

    def scaled_out() -> bool | None:
        cloud.invoke({"x": 1})
        return bool(activities(scaling)) or None

    eventually(scaled_out)
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
    cloud.aws.clock.rate = FAST
    reaches(cloud, 2)
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
