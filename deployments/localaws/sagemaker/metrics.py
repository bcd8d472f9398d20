"""The CloudWatch metrics of an endpoint, with AWS's names, dimensions and units."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from localaws.services.cloudwatch.datapoints import put_value
from localaws.services.cloudwatch.metric_store import Metric
from localaws.services.moto_services import MotoServices

NAMESPACE = "AWS/SageMaker"
HOST_NAMESPACE = "/aws/sagemaker/Endpoints"


@dataclass(frozen=True)
class EndpointMetrics:
    """The CloudWatch metrics of one endpoint."""

    services: MotoServices
    endpoint: str

    def count(self, name: str, variant: str, value: float = 1) -> None:
        """Publish a count, by default one, of something a variant did."""
        self._put(name, value, "Count", variant)

    def microseconds(self, name: str, variant: str, seconds: float) -> None:
        """Publish a latency in microseconds, given in seconds."""
        self._put(name, seconds * 1e6, "Microseconds", variant)

    def milliseconds(self, name: str, variant: str, seconds: float) -> None:
        """Publish a duration in milliseconds, given in seconds."""
        self._put(name, seconds * 1e3, "Milliseconds", variant)

    def status(self, variant: str, status: int) -> None:
        """Publish 0 or 1 to the metrics of 4XX and 5XX answers, so that averages are rates; status 0 is no answer."""
        self._put("Invocation4XXErrors", float(400 <= status < 500), "None", variant)
        self._put("Invocation5XXErrors", float(status >= 500 or status == 0), "None", variant)

    def backlog(self, size: int, instances: int, oldest_age_seconds: float) -> None:
        """Publish the state of an asynchronous queue; its only dimension is the endpoint.

        At zero instances the backlog counts as one instance's: AWS's guide to scaling asynchronous endpoints says that
        target tracking alone wakes an endpoint once its backlog exceeds the target, so there must be datapoints.
        """
        self._put("ApproximateBacklogSize", size, "Count")
        self._put("ApproximateAgeOfOldestRequest", oldest_age_seconds, "Seconds")
        self._put("HasBacklogWithoutCapacity", float(size > 0 and instances == 0), "Count")
        self._put("ApproximateBacklogSizePerInstance", size / max(instances, 1), "Count")

    def host(self, variant: str, utilisation: dict[str, float]) -> None:
        """Publish an instance's utilisation: one datapoint per metric, so SampleCount is the number of instances."""
        for name, per_cent in utilisation.items():
            self._put(name, per_cent, "Percent", variant, HOST_NAMESPACE)

    def _put(self, name: str, value: float, unit: str, variant: str | None = None, namespace: str = NAMESPACE) -> None:
        put_value(self.services.region, _metric(namespace, name, self.endpoint, variant), unit, value)


@lru_cache(maxsize=4096)
def _metric(namespace: str, name: str, endpoint: str, variant: str | None) -> Metric:
    of_variant = {("VariantName", variant)} if variant is not None else set()
    return Metric(namespace, name, frozenset({("EndpointName", endpoint)} | of_variant))
