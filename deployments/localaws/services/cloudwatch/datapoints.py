"""CloudWatch's datapoints: put, checked, and kept in little memory.

moto keeps every datapoint as an object in one list. `recorders` receive every datapoint that is put, so that alarms
can be evaluated on another clock.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Protocol

from moto.cloudwatch.models import cloudwatch_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.responses import EmptyResult

from localaws.services.cloudwatch.metric_store import Metric, MetricStore, Samples
from localaws.services.cloudwatch.rules import check_put_metric_data, datums_of

_STORE = "localaws_metrics"


class Recorder(Protocol):
    """A receiver of every datapoint that is put, with its region, metric, unit and age in seconds."""

    def record(self, region: str, metric: Metric, unit: str, seconds_ago: float, samples: Samples) -> None: ...

    def record_value(self, region: str, metric: Metric, unit: str, value: float) -> None: ...


recorders: list[Recorder] = []


def store_of(backend: Any) -> MetricStore:
    """The datapoints of a region by wall-clock time; moto's reset clears the backend, and with it this store."""
    store: MetricStore | None = backend.__dict__.get(_STORE)
    # setdefault is atomic, so that two threads get the same store.
    return store if store is not None else backend.__dict__.setdefault(_STORE, MetricStore())


def put_checked_metric_data(response: Any) -> Any:
    """Answer PutMetricData, checked as for any caller; the services of this process put their datapoints directly."""
    request = response._get_params()
    check_put_metric_data(request)
    response.cloudwatch_backend.put_metric_data(request["Namespace"], datums_of(request))
    return EmptyResult()


def put_metric_data(backend: Any, namespace: str, metric_data: list[dict[str, Any]]) -> None:
    """Store the datapoints and pass them to the recorders."""
    for number, datum in enumerate(metric_data, 1):
        backend._validate_parameters_put_metric_data(datum, number)
    now = datetime.now(UTC).timestamp()
    for datum in metric_data:
        metric = Metric.of(namespace, datum["MetricName"], datum.get("Dimensions") or ())
        instant = epoch(datum["Timestamp"]) if datum.get("Timestamp") else now
        unit, samples = datum.get("Unit") or "None", _samples(datum)
        store_of(backend).add(metric, unit, instant, samples)
        for recorder in list(recorders):
            recorder.record(backend.region_name, metric, unit, now - instant, samples)


def put_value(region: str, metric: Metric, unit: str, value: float) -> None:
    """Store one value with the current time: the short way for the services of this process, which put many."""
    store_of(cloudwatch_backends[DEFAULT_ACCOUNT_ID][region]).add_value(metric, unit, time.time(), value)
    for recorder in list(recorders):
        recorder.record_value(region, metric, unit, value)


def _samples(datum: dict[str, Any]) -> Samples:
    samples = Samples()
    if values := datum.get("Values"):
        for value, count in zip(values, datum.get("Counts") or [1] * len(values), strict=True):
            samples.add(float(value), float(count))
    elif stats := datum.get("StatisticValues"):
        samples.add_set(*(float(stats[name]) for name in ("SampleCount", "Sum", "Minimum", "Maximum")))
    else:
        samples.add(float(datum.get("Value", 0)))
    return samples


def epoch(moment: datetime) -> float:
    """Seconds since the epoch of a datetime; a naive one is UTC, as everywhere in moto."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
