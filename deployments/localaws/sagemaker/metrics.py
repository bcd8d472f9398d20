"""The CloudWatch metrics of an endpoint, with AWS's names, dimensions and units."""

from __future__ import annotations

from dataclasses import dataclass

from localaws.services.moto_services import MotoServices


@dataclass(frozen=True)
class EndpointMetrics:
    """Puts datapoints of one endpoint."""

    services: MotoServices
    endpoint: str

    def count(self, name: str, variant: str, value: float = 1) -> None:
        """One occurrence of something a variant did."""
        self._put(name, value, "Count", variant)

    def microseconds(self, name: str, variant: str, seconds: float) -> None:
        """A latency in microseconds, given in seconds."""
        self._put(name, seconds * 1e6, "Microseconds", variant)

    def milliseconds(self, name: str, variant: str, seconds: float) -> None:
        """A duration in milliseconds, given in seconds."""
        self._put(name, seconds * 1e3, "Milliseconds", variant)

    def status(self, variant: str, status: int) -> None:
        """Whether an answer was a 4XX or a 5XX: one datapoint in each metric, 0 or 1, so that averages are rates."""
        self._put("Invocation4XXErrors", float(400 <= status < 500), "None", variant)
        self._put("Invocation5XXErrors", float(status >= 500 or status == 0), "None", variant)

    def backlog(self, size: int, instances: int, oldest_age_seconds: float) -> None:
        """The state of an asynchronous queue; its dimension is the endpoint alone."""
        self._put("ApproximateBacklogSize", size, "Count")
        self._put("ApproximateAgeOfOldestRequest", oldest_age_seconds, "Seconds")
        self._put("HasBacklogWithoutCapacity", float(size > 0 and instances == 0), "Count")
        if instances:
            self._put("ApproximateBacklogSizePerInstance", size / instances, "Count")

    def _put(self, name: str, value: float, unit: str, variant: str | None = None) -> None:
        dimensions = {"EndpointName": self.endpoint}
        if variant is not None:
            dimensions["VariantName"] = variant
        self.services.put_metric(name, dimensions, value, unit)
