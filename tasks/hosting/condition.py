"""The condition of an endpoint: its status, instances, scaling, backlog and alarms, as far as the caller may look.

Whatever is refused, apart from the endpoint itself, is named in `unread`, and hides nothing else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tasks import limits
from tasks.clients import client, explained
from tasks.clock import now
from tasks.errors import StygigError
from tasks.hosting.endpoint import describe
from tasks.hosting.monitoring import metric_stat
from tasks.hosting.scaling import resource_id
from tasks.resources.resource import Resource, Unreadable, marked, tags_of

LOOKED_BACK = timedelta(minutes=15)
METRICS = {
    "size": limits.BACKLOG_SIZE,
    "per_instance": limits.BACKLOG_PER_INSTANCE,
    "oldest_seconds": limits.BACKLOG_AGE,
    "without_capacity": limits.BACKLOG_WITHOUT_CAPACITY,
}


@dataclass(frozen=True)
class Backlog:
    """The last datapoint of each metric; None where there was none within LOOKED_BACK."""

    size: float | None = None
    """Requests that wait or are being worked on."""
    per_instance: float | None = None
    oldest_seconds: float | None = None
    without_capacity: float | None = None
    """Above 0 if requests wait and there is no instance."""
    at: datetime | None = None

    @property
    def waits(self) -> bool:
        return bool(self.size or self.without_capacity)


@dataclass
class Unread:
    """The readings that were refused, in AWS's words."""

    said: list[str] = field(default_factory=list)

    @contextmanager
    def borne(self) -> Iterator[None]:
        """Note one of our errors, and go on."""
        try:
            yield
        except StygigError as exc:
            self.said.append(str(exc))


@dataclass(frozen=True)
class Scaling:
    """What Application Auto Scaling does with the endpoint. `wakes`: an alarm starts its first instance."""

    minimum: int
    maximum: int
    policies: tuple[str, ...]
    wakes: bool


@dataclass(frozen=True, kw_only=True)
class Condition:
    """An endpoint as it is now. `scaling` is None if there is no target, or if it isn't known."""

    name: str
    status: str
    reason: str = ""
    """AWS's FailureReason."""
    asynchronous: bool = True
    current: int = 0
    desired: int = 0
    variant: str = limits.VARIANT
    scaling: Scaling | None = None
    scaling_known: bool = True
    backlog: Backlog = field(default_factory=Backlog)
    alarms: tuple[str, ...] = ()
    """Those in the state ALARM that watch it or scale it."""
    run_id: str = ""
    expires_at: datetime | None = None
    unread: tuple[str, ...] = ()

    @property
    def resource_id(self) -> str:
        return resource_id(self.name, self.variant)


def read_condition(endpoint_name: str) -> Condition:
    """The endpoint's condition; NotFoundError if it is gone, PermissionDeniedError if it may not be described."""
    described = describe(endpoint_name)
    variants, unread = described.get("ProductionVariants", []), Unread()
    variant = variants[0]["VariantName"] if variants else limits.VARIANT
    alarms: list[dict[str, Any]] | None = None
    mark, backlog, scaling, known = None, Backlog(), None, False
    with unread.borne():
        mark = _mark(described)
    with unread.borne():
        alarms = _all_alarms()
    with unread.borne():
        backlog = read_backlog(endpoint_name) if "AsyncInferenceConfig" in described else backlog
    policies: list[dict[str, Any]] = []
    with unread.borne():
        target, policies = _target(endpoint_name, variant), _policies(endpoint_name, variant)
        scaling, known = (_scaling(target, policies, alarms) if target else None), True
    return Condition(
        name=endpoint_name,
        status=described["EndpointStatus"],
        reason=described.get("FailureReason", ""),
        asynchronous="AsyncInferenceConfig" in described,
        current=sum(each.get("CurrentInstanceCount", 0) for each in variants),
        desired=sum(each.get("DesiredInstanceCount", 0) for each in variants),
        variant=variant,
        scaling=scaling,
        scaling_known=known,
        backlog=backlog,
        alarms=_ringing(alarms or [], endpoint_name, {each["PolicyARN"] for each in policies}),
        run_id=mark.run_id if mark else "",
        expires_at=mark.expires_at if isinstance(mark, Resource) else None,
        unread=tuple(unread.said),
    )


def read_backlog(endpoint_name: str) -> Backlog:
    """The endpoint's backlog; CloudWatch has a datapoint a minute, and the last may be two minutes old."""
    until = now() + timedelta(minutes=1)
    queries = [
        {"Id": name, "MetricStat": metric_stat(metric, endpoint_name, "Maximum")} for name, metric in METRICS.items()
    ]
    with explained("cloudwatch:GetMetricData", endpoint_name):
        answer = client("cloudwatch").get_metric_data(
            MetricDataQueries=queries,
            StartTime=until - LOOKED_BACK,
            EndTime=until,
            ScanBy="TimestampDescending",
        )
    found = {each["Id"]: each for each in answer["MetricDataResults"] if each["Values"]}
    last = {name: float(each["Values"][0]) for name, each in found.items()}
    return Backlog(**last, at=max((each["Timestamps"][0] for each in found.values()), default=None))


def _mark(described: dict[str, Any]) -> Resource | Unreadable | None:
    with explained("sagemaker:ListTags", described["EndpointName"]):
        tags = client("sagemaker").list_tags(ResourceArn=described["EndpointArn"])["Tags"]
    return marked("endpoint", described["EndpointName"], tags_of(tags))


def _target(endpoint_name: str, variant: str) -> dict[str, Any] | None:
    with explained("application-autoscaling:DescribeScalableTargets", endpoint_name):
        found: list[dict[str, Any]] = client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace=limits.SERVICE_NAMESPACE, ResourceIds=[resource_id(endpoint_name, variant)]
        )["ScalableTargets"]
    return next(iter(found), None)


def _policies(endpoint_name: str, variant: str) -> list[dict[str, Any]]:
    with explained("application-autoscaling:DescribeScalingPolicies", endpoint_name):
        found: list[dict[str, Any]] = client("application-autoscaling").describe_scaling_policies(
            ServiceNamespace=limits.SERVICE_NAMESPACE, ResourceId=resource_id(endpoint_name, variant)
        )["ScalingPolicies"]
    return found


def _all_alarms() -> list[dict[str, Any]]:
    # CloudWatch can't list those of a dimension, and those of a metric are another action than the caller has.
    with explained("cloudwatch:DescribeAlarms"):
        pages = client("cloudwatch").get_paginator("describe_alarms").paginate()
        return [alarm for page in pages for alarm in page["MetricAlarms"]]


def _scaling(target: dict[str, Any], policies: list[dict[str, Any]], alarms: list[dict[str, Any]] | None) -> Scaling:
    steps = {each["PolicyARN"] for each in policies if each["PolicyType"] == "StepScaling"}
    waking = [
        alarm
        for alarm in alarms or []
        if alarm.get("MetricName") == limits.BACKLOG_WITHOUT_CAPACITY and steps & set(alarm.get("AlarmActions", []))
    ]
    names = tuple(sorted(each["PolicyName"] for each in policies))
    # Where the alarms may not be seen, a step policy is taken to have its own.
    return Scaling(target["MinCapacity"], target["MaxCapacity"], names, bool(steps if alarms is None else waking))


def _ringing(alarms: list[dict[str, Any]], endpoint_name: str, policy_arns: set[str]) -> tuple[str, ...]:
    return tuple(
        f"{alarm['AlarmName']}: {alarm.get('MetricName') or alarm.get('AlarmDescription', '')}"
        for alarm in alarms
        if alarm["StateValue"] == "ALARM"
        and (_watches(alarm, endpoint_name) or policy_arns & set(alarm.get("AlarmActions", [])))
    )


def _watches(alarm: dict[str, Any], endpoint_name: str) -> bool:
    metrics = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
    dimensions = [each for metric in (alarm, *metrics) for each in metric.get("Dimensions", [])]
    return {"Name": "EndpointName", "Value": endpoint_name} in dimensions
