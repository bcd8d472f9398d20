"""Scaling to zero: a target, two policies and an alarm, in the form that AWS wants."""

from typing import Any

import boto3
import pytest
from botocore.session import get_session
from botocore.validate import validate_parameters

from tasks.hosting.scaling import (
    backlog_policy_request,
    read_back,
    scalable_target_request,
    scale_to_zero,
    wake_alarm_request,
    wake_policy_request,
)
from tasks.plan import RunPlan
from tasks.resources.inventory import recorded
from tests.tasks.deployed import BUCKET, LOADS_WHEN_TOLD, put_model

ENDPOINT = "stygig-async-1"
WHERE = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": f"endpoint/{ENDPOINT}/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
ONLY_THE_ENDPOINT = [{"Name": "EndpointName", "Value": ENDPOINT}]
POLICY = "arn:aws:autoscaling:us-east-1:123456789012:scalingPolicy:1"
ALARM = wake_alarm_request("alarm", ENDPOINT, POLICY, [{"Key": "stygig:run-id", "Value": "1"}])


def test_the_target_goes_down_to_zero() -> None:
    assert scalable_target_request(ENDPOINT, 3) == WHERE | {"MinCapacity": 0, "MaxCapacity": 3}


def test_the_backlog_is_tracked_without_a_variant() -> None:
    assert backlog_policy_request(ENDPOINT, 5) == WHERE | {
        "PolicyName": "backlog-per-instance",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 5,
            "ScaleInCooldown": 600,
            "ScaleOutCooldown": 300,
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": ONLY_THE_ENDPOINT,
                "Statistic": "Average",
            },
        },
    }


def test_one_step_wakes_one_instance() -> None:
    found = wake_policy_request(ENDPOINT)
    assert found["PolicyType"] == "StepScaling"
    assert found["StepScalingPolicyConfiguration"]["StepAdjustments"] == [
        {"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}
    ]


def test_the_alarm_fires_the_policy_when_requests_wait_without_capacity() -> None:
    assert (ALARM["MetricName"], ALARM["Namespace"]) == ("HasBacklogWithoutCapacity", "AWS/SageMaker")
    assert ALARM["Dimensions"] == ONLY_THE_ENDPOINT
    assert ALARM["AlarmActions"] == [POLICY]
    assert (ALARM["Threshold"], ALARM["ComparisonOperator"]) == (1.0, "GreaterThanOrEqualToThreshold")


@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        ("application-autoscaling", "RegisterScalableTarget", scalable_target_request(ENDPOINT, 2)),
        ("application-autoscaling", "PutScalingPolicy", backlog_policy_request(ENDPOINT, 5)),
        ("application-autoscaling", "PutScalingPolicy", wake_policy_request(ENDPOINT)),
        ("cloudwatch", "PutMetricAlarm", ALARM),
    ],
)
def test_botocore_accepts_every_request(service: str, operation: str, request_: dict[str, Any]) -> None:
    validate_parameters(request_, get_session().get_service_model(service).operation_model(operation).input_shape)


@pytest.fixture
def endpoint(plan: RunPlan) -> str:
    """An endpoint that exists; it need not be ready."""
    from tasks.hosting.deploying import start_endpoint
    from tasks.hosting.endpoint import EndpointSpec

    return start_endpoint(plan, EndpointSpec("async", put_model(LOADS_WHEN_TOLD)), None).name


def test_scaling_says_what_was_read_back_and_all_of_it_is_there(plan: RunPlan, endpoint: str) -> None:
    assert scale_to_zero(plan, endpoint, maximum_instances=3) == f"{endpoint} scales between 0 and 3 instances"
    policies = boto3.client("application-autoscaling").describe_scaling_policies(ServiceNamespace="sagemaker")
    by_name = {policy["PolicyName"]: policy["PolicyARN"] for policy in policies["ScalingPolicies"]}
    assert set(by_name) == {"backlog-per-instance", "backlog-without-capacity"}
    (alarm,) = boto3.client("cloudwatch").describe_alarms(AlarmNames=[plan.names.alarm(endpoint)])["MetricAlarms"]
    assert alarm["AlarmActions"] == [by_name["backlog-without-capacity"]]


def test_target_and_alarm_are_written_down(plan: RunPlan, endpoint: str) -> None:
    scale_to_zero(plan, endpoint)
    found = {(each.kind, each.name): each.endpoint for each in recorded(BUCKET)}
    assert found["scalable-target", f"endpoint/{endpoint}/variant/AllTraffic"] == endpoint
    assert found["alarm", plan.names.alarm(endpoint)] == endpoint


def test_what_is_read_back_is_what_is_there_now(plan: RunPlan, endpoint: str) -> None:
    scale_to_zero(plan, endpoint)
    boto3.client("application-autoscaling").register_scalable_target(**WHERE | scalable_target_request(endpoint, 9))
    assert read_back(endpoint) == f"{endpoint} scales between 0 and 9 instances"
