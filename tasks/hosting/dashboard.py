"""An asynchronous endpoint's CloudWatch dashboard, as code: every widget names a metric that AWS publishes."""

from __future__ import annotations

import json
from typing import Any

from tasks.clients import client, explained, partition
from tasks.errors import InputError
from tasks.hosting.monitoring import alarms_of, dimensions, namespace
from tasks.plan import RunPlan
from tasks.prefect_task import run_logger, task
from tasks.resources.inventory import write_down
from tasks.resources.scaling import DASHBOARD

WIDTH, HEIGHT, COLUMNS = 8, 6, 3
"""The size of a widget on CloudWatch's grid of 24 columns, and how many stand in a row."""
WIDGETS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Backlog", (("ApproximateBacklogSize", "Maximum"), ("ApproximateBacklogSizePerInstance", "Maximum"))),
    ("Instances", (("CPUUtilization", "SampleCount"),)),
    ("Age of the oldest request, s", (("ApproximateAgeOfOldestRequest", "Maximum"),)),
    ("Ended", (("InvocationsProcessed", "Sum"), ("InvocationFailures", "Sum"), ("ExpiredRequests", "Sum"))),
    ("In the queue and in all, ms", (("TimeInBacklog", "p50"), ("TimeInBacklog", "p95"), ("TotalProcessingTime", "p50"),
                                     ("TotalProcessingTime", "p95"))),
    ("In the model, µs", (("ModelLatency", "p50"), ("ModelLatency", "p95"))),
    ("Not delivered", (("RequestDownloadFailures", "Sum"), ("ResponseUploadFailures", "Sum"),
                       ("NotificationFailures", "Sum"))),
    ("Refused and broken", (("Invocation4XXErrors", "Sum"), ("Invocation5XXErrors", "Sum"))),
    ("Load, %", (("CPUUtilization", "Average"), ("MemoryUtilization", "Average"))),
)  # fmt: skip
"""Each widget's title, and its metrics with their statistics."""


def dashboard_body(plan: RunPlan, endpoint_name: str, alarms: bool = True) -> dict[str, Any]:
    """The dashboard: the alarms' states on top, if there are alarms, and the widgets in rows below."""
    widgets = [_metrics(number, *each, endpoint_name, plan.region) for number, each in enumerate(WIDGETS)]
    return {"widgets": [*([_alarms(plan, endpoint_name)] if alarms else []), *widgets]}


def _metrics(
    number: int, title: str, metrics: tuple[tuple[str, str], ...], endpoint_name: str, region: str
) -> dict[str, Any]:
    lines = []
    for name, statistic in metrics:
        named = [part for pair in dimensions(name, endpoint_name).items() for part in pair]
        lines.append([namespace(name), name, *named, {"stat": statistic, "label": f"{name} {statistic}"}])
    row, column = divmod(number, COLUMNS)
    return {
        "type": "metric",
        "x": column * WIDTH,
        "y": 2 + row * HEIGHT,
        "width": WIDTH,
        "height": HEIGHT,
        "properties": {"title": title, "region": region, "period": 60, "view": "timeSeries", "metrics": lines},
    }


def _alarms(plan: RunPlan, endpoint_name: str) -> dict[str, Any]:
    names = [plan.names.alarm(endpoint_name), *(plan.names.alarm(endpoint_name, a.name) for a in alarms_of(plan))]
    arns = [plan.arn("cloudwatch", f"alarm:{name}") for name in names]
    where = {"x": 0, "y": 0, "width": COLUMNS * WIDTH, "height": 2}
    return {"type": "alarm", **where, "properties": {"title": endpoint_name, "alarms": arns}}


def make_dashboard(plan: RunPlan, endpoint_name: str) -> str:
    """Make the endpoint's dashboard and return its name; raise InputError for a body that CloudWatch finds wrong."""
    name = plan.names.dashboard(endpoint_name)
    write_down(plan, DASHBOARD, name, endpoint_name)
    with explained("cloudwatch:PutDashboard", name):
        body = json.dumps(dashboard_body(plan, endpoint_name))
        answer = client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=body)
    if wrong := answer.get("DashboardValidationMessages"):
        raise InputError(f"CloudWatch finds the dashboard {name} wrong: {wrong}")
    return name


def dashboard_url(plan: RunPlan, name: str) -> str:
    domain = "amazonaws.cn" if partition() == "aws-cn" else "aws.amazon.com"
    return f"https://{plan.region}.console.{domain}/cloudwatch/home?region={plan.region}#dashboards:name={name}"


@task(name="make-dashboard")
def make_dashboard_task(plan: RunPlan, endpoint_name: str) -> None:
    run_logger().info("dashboard: %s", dashboard_url(plan, make_dashboard(plan, endpoint_name)))
