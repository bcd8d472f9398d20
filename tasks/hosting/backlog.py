"""An asynchronous endpoint's backlog, as CloudWatch last showed it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tasks.clients import client, explained
from tasks.clock import now
from tasks.limits import (
    BACKLOG_AGE,
    BACKLOG_PER_INSTANCE,
    BACKLOG_SIZE,
    BACKLOG_WITHOUT_CAPACITY,
    METRIC_NAMESPACE,
)

LOOKED_BACK = timedelta(minutes=15)
METRICS = {
    "size": BACKLOG_SIZE,
    "per_instance": BACKLOG_PER_INSTANCE,
    "oldest_seconds": BACKLOG_AGE,
    "without_capacity": BACKLOG_WITHOUT_CAPACITY,
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


def read_backlog(endpoint_name: str) -> Backlog:
    """The endpoint's backlog; CloudWatch has a datapoint a minute, and the last may be two minutes old."""
    until = now() + timedelta(minutes=1)
    with explained("cloudwatch:GetMetricData", endpoint_name):
        answer = client("cloudwatch").get_metric_data(
            MetricDataQueries=[_query(name, endpoint_name) for name in METRICS],
            StartTime=until - LOOKED_BACK,
            EndTime=until,
            ScanBy="TimestampDescending",
        )
    found = {each["Id"]: each for each in answer["MetricDataResults"] if each["Values"]}
    last = {name: float(each["Values"][0]) for name, each in found.items()}
    return Backlog(**last, at=max((each["Timestamps"][0] for each in found.values()), default=None))


def _query(name: str, endpoint_name: str) -> dict[str, Any]:
    """The query of one metric; with VariantName as a second dimension it would never have a datapoint."""
    metric = {
        "Namespace": METRIC_NAMESPACE,
        "MetricName": METRICS[name],
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint_name}],
    }
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}
