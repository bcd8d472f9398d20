"""Scaling to zero and back by Application Auto Scaling: a target, two policies and an alarm.

An asynchronous endpoint without these bills around the clock. The step policy wakes it from zero: target tracking
alone waits until the backlog exceeds its target value.
"""

from typing import Any

from tasks.clients import client, explained
from tasks.limits import (
    BACKLOG_PER_INSTANCE,
    BACKLOG_WITHOUT_CAPACITY,
    METRIC_NAMESPACE,
    SCALABLE_DIMENSION,
    SERVICE_NAMESPACE,
    VARIANT,
)
from tasks.plan import RunPlan
from tasks.prefect_task import run_logger, task
from tasks.resources.inventory import write_down
from tasks.resources.scaling import ALARM, SCALABLE_TARGET

MAXIMUM_INSTANCES = 2
TRACKING, WAKING = "backlog-per-instance", "backlog-without-capacity"
"""The names of the two policies."""


def resource_id(endpoint_name: str, variant: str = VARIANT) -> str:
    return f"endpoint/{endpoint_name}/variant/{variant}"


def scalable_target_request(endpoint_name: str, maximum_instances: int) -> dict[str, Any]:
    return _where(endpoint_name) | {"MinCapacity": 0, "MaxCapacity": maximum_instances}


def backlog_policy_request(endpoint_name: str, backlog_per_instance: float) -> dict[str, Any]:
    """The target tracking; its metric's only dimension is EndpointName: with VariantName it never gets a datapoint."""
    return _where(endpoint_name) | {
        "PolicyName": TRACKING,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": backlog_per_instance,
            "ScaleInCooldown": 600,
            "ScaleOutCooldown": 300,
            "CustomizedMetricSpecification": {
                "MetricName": BACKLOG_PER_INSTANCE,
                "Namespace": METRIC_NAMESPACE,
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint_name}],
                "Statistic": "Average",
            },
        },
    }


def wake_policy_request(endpoint_name: str) -> dict[str, Any]:
    return _where(endpoint_name) | {
        "PolicyName": WAKING,
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": 300,
            # The bound is relative to the alarm's threshold.
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    }


def wake_alarm_request(name: str, endpoint_name: str, policy_arn: str, tags: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "AlarmName": name,
        "AlarmDescription": f"Requests wait at {endpoint_name}, which has no instance: wake one",
        "MetricName": BACKLOG_WITHOUT_CAPACITY,
        "Namespace": METRIC_NAMESPACE,
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "missing",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint_name}],
        "AlarmActions": [policy_arn],
        "Tags": tags,
    }


def _where(endpoint_name: str) -> dict[str, Any]:
    return {
        "ServiceNamespace": SERVICE_NAMESPACE,
        "ResourceId": resource_id(endpoint_name),
        "ScalableDimension": SCALABLE_DIMENSION,
    }


def scale_to_zero(
    plan: RunPlan, endpoint_name: str, maximum_instances: int = MAXIMUM_INSTANCES, backlog_per_instance: float = 5
) -> str:
    """Make the endpoint scale between 0 and `maximum_instances`; return a line with the limits read back."""
    scaling, alarm = client("application-autoscaling"), plan.names.alarm(endpoint_name)
    write_down(plan, SCALABLE_TARGET, resource_id(endpoint_name), endpoint_name)
    with explained("application-autoscaling:RegisterScalableTarget", endpoint_name):
        scaling.register_scalable_target(**scalable_target_request(endpoint_name, maximum_instances))
    with explained("application-autoscaling:PutScalingPolicy", endpoint_name):
        scaling.put_scaling_policy(**backlog_policy_request(endpoint_name, backlog_per_instance))
        arn = scaling.put_scaling_policy(**wake_policy_request(endpoint_name))["PolicyARN"]
    # Target tracking makes its own alarms; the one for a step policy is ours to make.
    write_down(plan, ALARM, alarm, endpoint_name)
    with explained("cloudwatch:PutMetricAlarm", alarm):
        client("cloudwatch").put_metric_alarm(**wake_alarm_request(alarm, endpoint_name, arn, plan.tags))
    return read_back(endpoint_name)


def read_back(endpoint_name: str) -> str:
    with explained("application-autoscaling:DescribeScalableTargets", endpoint_name):
        target = client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace=SERVICE_NAMESPACE, ResourceIds=[resource_id(endpoint_name)]
        )["ScalableTargets"][0]
    return f"{endpoint_name} scales between {target['MinCapacity']} and {target['MaxCapacity']} instances"


@task(name="scale-to-zero")
def scale_to_zero_task(plan: RunPlan, endpoint_name: str) -> None:
    run_logger().info("%s", scale_to_zero(plan, endpoint_name))
