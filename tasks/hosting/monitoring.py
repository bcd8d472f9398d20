"""The alarms of an asynchronous endpoint, and the table of the metrics that AWS publishes for one.

An alarm or a widget on a metric that isn't published, or on other dimensions, stays empty for ever and tells nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tasks.clients import client, explained
from tasks.limits import METRIC_NAMESPACE, VARIANT
from tasks.plan import RunPlan
from tasks.prefect_task import run_logger, task
from tasks.resources.inventory import write_down
from tasks.resources.scaling import ALARM

HOST_NAMESPACE = "/aws/sagemaker/Endpoints"
MINUTE = 60
Of = Literal["endpoint", "variant", "host"]
PUBLISHED: Mapping[str, Of] = {
    "ApproximateBacklogSize": "endpoint",
    "ApproximateBacklogSizePerInstance": "endpoint",
    "ApproximateAgeOfOldestRequest": "endpoint",
    "HasBacklogWithoutCapacity": "endpoint",
    "InvocationsProcessed": "variant",
    "InvocationFailures": "variant",
    "ExpiredRequests": "variant",
    "RequestDownloadFailures": "variant",
    "ResponseUploadFailures": "variant",
    "NotificationFailures": "variant",
    "TimeInBacklog": "variant",
    "TotalProcessingTime": "variant",
    "ModelLatency": "variant",
    "Invocation4XXErrors": "variant",
    "Invocation5XXErrors": "variant",
    "CPUUtilization": "host",
    "MemoryUtilization": "host",
}
"""Metrics of an asynchronous endpoint by what they are of: the backlog's have no VariantName, and Invocations,
InvocationsPerInstance and OverheadLatency are not published (docs.aws.amazon.com, async-inference-monitor)."""


def namespace(name: str) -> str:
    return HOST_NAMESPACE if PUBLISHED[name] == "host" else METRIC_NAMESPACE


def dimensions(name: str, endpoint_name: str) -> dict[str, str]:
    """The dimensions with which the metric is published, and no others."""
    of_variant = {} if PUBLISHED[name] == "endpoint" else {"VariantName": VARIANT}
    return {"EndpointName": endpoint_name} | of_variant


def metric_stat(name: str, endpoint_name: str, statistic: str, period_seconds: int = MINUTE) -> dict[str, Any]:
    """A published metric as alarms and queries name it."""
    listed = [{"Name": key, "Value": value} for key, value in dimensions(name, endpoint_name).items()]
    metric = {"Namespace": namespace(name), "MetricName": name, "Dimensions": listed}
    return {"Metric": metric, "Period": period_seconds, "Stat": statistic}


@dataclass(frozen=True)
class Alarm:
    """An alarm on an expression over published metrics, each as (name, statistic) by the letter in the expression."""

    name: str
    means: str
    expression: str
    metrics: Mapping[str, tuple[str, str]]
    above: float
    minutes: int = 1


def alarms_of(plan: RunPlan) -> tuple[Alarm, ...]:
    """The alarms of an endpoint; the limits follow from the run's settings."""
    settings = plan.settings
    failures = ("RequestDownloadFailures", "ResponseUploadFailures", "NotificationFailures")
    return (
        Alarm(
            "no-capacity",
            "Requests have waited for 15 minutes without an instance: capacity, the image or a quota is lacking",
            "m",
            {"m": ("HasBacklogWithoutCapacity", "Maximum")},
            0,
            15,
        ),
        Alarm(
            "backlog-age",
            "The oldest request has waited for half of its time to live: it is about to expire",
            "m",
            {"m": ("ApproximateAgeOfOldestRequest", "Maximum")},
            settings.request_ttl_seconds / 2,
        ),
        Alarm("failures", "Requests failed: the endpoint's log says why", "m", {"m": ("InvocationFailures", "Sum")}, 0),
        Alarm("expired", "Requests expired before an instance took them", "m", {"m": ("ExpiredRequests", "Sum")}, 0),
        Alarm(
            "delivery",
            "Inputs could not be read, or answers or notifications not be sent: look at the role, KMS and the topics",
            "FILL(a, 0) + FILL(b, 0) + FILL(c, 0)",
            dict(zip("abc", ((name, "Sum") for name in failures), strict=True)),
            0,
        ),
        Alarm(
            "latency",
            "The model takes four fifths of the invocation time-out: it is about to be cut off",
            "m / 1000000",
            {"m": ("ModelLatency", "p99")},
            0.8 * settings.invocation_timeout_seconds,
            3,
        ),
        Alarm(
            "idle",
            "An instance has had nothing to do for an hour: it bills, and should have been scaled in",
            "IF(FILL(b, 0) == 0 AND c > 0, 1, 0)",
            {"b": ("ApproximateBacklogSize", "Maximum"), "c": ("CPUUtilization", "SampleCount")},
            0,
            60,
        ),
    )


def alarm_request(alarm: Alarm, name: str, endpoint_name: str, actions: list[str], plan: RunPlan) -> dict[str, Any]:
    """The request for PutMetricAlarm; minutes without datapoints are calm, as those in which nobody asks."""
    queries = [
        {"Id": letter, "MetricStat": metric_stat(metric, endpoint_name, statistic), "ReturnData": False}
        for letter, (metric, statistic) in alarm.metrics.items()
    ]
    watched = {"Id": "watched", "Expression": alarm.expression, "Label": alarm.name, "ReturnData": True}
    return {
        "AlarmName": name,
        "AlarmDescription": f"{endpoint_name}: {alarm.means}"[:1024],
        "Metrics": [*queries, watched],
        "EvaluationPeriods": alarm.minutes,
        "DatapointsToAlarm": alarm.minutes,
        "Threshold": float(alarm.above),
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": actions,
        "OKActions": actions,
        "Tags": plan.tags,
    }


def watch(plan: RunPlan, endpoint_name: str, alarm_topic_arn: str = "") -> tuple[str, ...]:
    """Make the endpoint's alarms, which tell the topic if there is one; return their names."""
    actions = [alarm_topic_arn] if alarm_topic_arn else []
    made = []
    for alarm in alarms_of(plan):
        name = plan.names.alarm(endpoint_name, alarm.name)
        write_down(plan, ALARM, name, endpoint_name)
        with explained("cloudwatch:PutMetricAlarm", name):
            client("cloudwatch").put_metric_alarm(**alarm_request(alarm, name, endpoint_name, actions, plan))
        made.append(name)
    return tuple(made)


@task(name="watch")
def watch_task(plan: RunPlan, endpoint_name: str, alarm_topic_arn: str = "") -> None:
    made = watch(plan, endpoint_name, alarm_topic_arn)
    told = f"which tell {alarm_topic_arn}" if alarm_topic_arn else "which tell nobody: name a topic by alarm_topic_arn"
    run_logger().info("%s has %d alarms, %s", endpoint_name, len(made), told)
