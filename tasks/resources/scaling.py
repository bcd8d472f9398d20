"""Scalable targets, with their policies, alarms and dashboards as resources of a run."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tasks.clients import client, missing_ok
from tasks.limits import SCALABLE_DIMENSION, SERVICE_NAMESPACE
from tasks.names import PREFIX, RUN_TAG
from tasks.resources.kind import ResourceKind
from tasks.resources.resource import Resource, Unreadable, marked, tags_of
from tasks.resources.sagemaker import tagged_run_of_endpoint

ALARM_USD_PER_HOUR = 0.10 / 720  # 0.10 a month
DASHBOARD_USD_PER_HOUR = 3.00 / 720  # 3.00 a month, the first three of an account free


def _look_at_target(resource: Resource) -> Resource | None:
    found = client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace=SERVICE_NAMESPACE, ResourceIds=[resource.name]
    )["ScalableTargets"]
    return replace(resource, status=f"{found[0]['MinCapacity']} to {found[0]['MaxCapacity']}") if found else None


def _run_of_target(resource: Resource) -> str:
    """The run that the endpoint's tags name; the record's run for a target that has outlived its endpoint."""
    with missing_ok():
        return tagged_run_of_endpoint(resource.name.split("/")[1])  # endpoint/NAME/variant/NAME
    return resource.run_id


def _delete_target(resource: Resource) -> None:
    scaling = client("application-autoscaling")
    where: dict[str, Any] = {"ServiceNamespace": SERVICE_NAMESPACE, "ResourceId": resource.name}
    for policy in scaling.describe_scaling_policies(**where)["ScalingPolicies"]:
        with missing_ok():
            scaling.delete_scaling_policy(
                PolicyName=policy["PolicyName"], ScalableDimension=SCALABLE_DIMENSION, **where
            )
    scaling.deregister_scalable_target(ScalableDimension=SCALABLE_DIMENSION, **where)


def _alarms(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return found


def _alarm_tags(arn: str) -> dict[str, str]:
    return tags_of(client("cloudwatch").list_tags_for_resource(ResourceARN=arn)["Tags"])


def _look_at_alarm(resource: Resource) -> Resource | None:
    found = _alarms(resource.name)
    return replace(resource, status=found[0].get("StateValue", "")) if found else None


def _run_of_alarm(resource: Resource) -> str:
    """The run that the alarm's tags name; empty if another teardown has removed the alarm meanwhile."""
    return next((_alarm_tags(alarm["AlarmArn"]).get(RUN_TAG, "") for alarm in _alarms(resource.name)), "")


def _tagged_alarms() -> Iterator[Resource | Unreadable]:
    for page in client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=PREFIX):
        for alarm in page["MetricAlarms"]:
            with missing_ok():
                if found := marked("alarm", alarm["AlarmName"], _alarm_tags(alarm["AlarmArn"])):
                    yield found


def _look_at_dashboard(resource: Resource) -> Resource:
    client("cloudwatch").get_dashboard(DashboardName=resource.name)
    return resource


SCALABLE_TARGET = ResourceKind("scalable-target", look=_look_at_target, delete=_delete_target, owner=_run_of_target)
ALARM = ResourceKind(
    "alarm",
    look=_look_at_alarm,
    delete=lambda resource: client("cloudwatch").delete_alarms(AlarmNames=[resource.name]),
    owner=_run_of_alarm,
    tagged=_tagged_alarms,
    listing="cloudwatch:DescribeAlarms",
    usd_per_hour=lambda resource: ALARM_USD_PER_HOUR,
)
DASHBOARD = ResourceKind(
    "dashboard",
    look=_look_at_dashboard,
    delete=lambda resource: client("cloudwatch").delete_dashboards(DashboardNames=[resource.name]),
    usd_per_hour=lambda resource: DASHBOARD_USD_PER_HOUR,
)
