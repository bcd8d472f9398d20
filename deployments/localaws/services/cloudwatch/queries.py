"""CloudWatch's metrics: datapoints take little memory, and queries can have percentiles and metric math.

moto keeps every datapoint as an object in one list, and has neither percentiles nor expressions; these functions
replace its own. `recorders` receive every datapoint that is put, so that alarms can be evaluated on another clock.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue, ValidationError
from moto.cloudwatch.models import CloudWatchBackend, MetricDatum, MetricDatumBase, cloudwatch_backends
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult, EmptyResult

from localaws.services.cloudwatch.metric_math import Context, MathError, Series, evaluate
from localaws.services.cloudwatch.metric_store import (
    Metric,
    MetricStore,
    Samples,
    UnsupportedStatisticError,
    check_statistic,
)
from localaws.services.cloudwatch.rules import (
    MOST_DATAPOINTS,
    check_get_metric_statistics,
    check_put_metric_data,
    check_queries,
    datums_of,
)

_STORE = "localaws_metrics"


class Recorder(Protocol):
    """A receiver of every datapoint that is put, with its region, metric, unit and age in seconds."""

    def record(self, region: str, metric: Metric, unit: str, seconds_ago: float, samples: Samples) -> None: ...

    def record_value(self, region: str, metric: Metric, unit: str, value: float) -> None: ...


recorders: list[Recorder] = []
# Returns the samples of a MetricStat's metric by the start of each period.
Fetch = Callable[[dict[str, Any]], Mapping[float, Samples]]


def apply() -> None:
    """Replace moto's functions by these."""
    CloudWatchBackend.put_metric_data = put_metric_data
    CloudWatchBackend.get_metric_data = get_metric_data
    CloudWatchBackend.get_filtered_metrics = filtered_metrics
    CloudWatchResponse.put_metric_data = put_checked_metric_data
    CloudWatchResponse.get_metric_statistics = get_metric_statistics


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


def get_metric_data(
    backend: Any,
    queries: list[dict[str, Any]],
    start_time: datetime,
    end_time: datetime,
    scan_by: str = "TimestampDescending",
) -> list[dict[str, Any]]:
    """The results of the queries, in their order."""
    check_queries(queries)
    start, end = _minute(start_time), epoch(end_time)
    if epoch(start_time) == end:
        raise ValidationError("The parameter StartTime must not equal parameter EndTime.")
    if start > end:
        raise ValidationError("The parameter EndTime must be greater than StartTime.")

    def fetch(stat: dict[str, Any]) -> Mapping[float, Samples]:
        return _by_period(backend, metric_of(stat), start, end, int(stat["Period"]), stat.get("Unit"))

    results = run(queries, fetch, start, end)
    return [
        {
            "id": query["Id"],
            "label": query.get("Label") or _default_label(query),
            "values": list(values),
            "timestamps": [_naive(instant) for instant in instants],
            "status_code": "Complete",
        }
        for query in queries
        if query.get("ReturnData", True)
        for instants, values in [_ordered(results[query["Id"]], descending=scan_by != "TimestampAscending")]
    ]


def run(queries: list[dict[str, Any]], fetch: Fetch, start: float, end: float) -> dict[str, Series]:
    """The time series of every query by its Id; expressions refer to other queries by their Ids."""
    by_id = {query["Id"]: query for query in queries}
    found: dict[str, Series] = {}
    running: list[str] = []
    periods = [int(query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query]

    def metrics() -> Mapping[str, Series]:
        return {name: series(name) for name, query in by_id.items() if "MetricStat" in query}

    def series(name: str) -> Series:
        if name not in by_id or name in running:
            raise MathError(f"Undefined variable {name}" if name not in by_id else f"{name} depends on itself")
        if name not in found:
            running.append(name)
            found[name] = _result(by_id[name])
            running.pop()
        return found[name]

    def _result(query: dict[str, Any]) -> Series:
        if "Expression" not in query:
            return statistics_of(fetch(query["MetricStat"]), query["MetricStat"]["Stat"])
        period = int(query.get("Period") or min(periods, default=60))
        grid = [start + step * period for step in range(math.ceil((end - start) / period))]
        return evaluate(query["Expression"], Context(series, metrics, grid, period))

    for query in queries:
        try:
            series(query["Id"])
        except MathError as exc:
            raise ValidationError(f"Error in expression '{query['Id']}': {exc}") from exc
        except UnsupportedStatisticError as exc:
            raise ValidationError(f"The value {exc} for parameter Stat is not supported.") from exc
    return found


def statistics_of(samples: Mapping[float, Samples], name: str) -> Series:
    """The statistic of each period that has one."""
    check_statistic(name)
    values = {began: each.statistic(name) for began, each in samples.items()}
    return {began: value for began, value in values.items() if value is not None}


def metric_of(stat: dict[str, Any]) -> Metric:
    """The metric of a MetricStat."""
    metric = stat["Metric"]
    return Metric.of(metric["Namespace"], metric["MetricName"], metric.get("Dimensions") or ())


def get_metric_statistics(response: Any) -> Any:
    """Answer GetMetricStatistics: simple statistics, or percentiles by ExtendedStatistics."""
    names, extended = response._get_param("Statistics", []), response._get_param("ExtendedStatistics", [])
    check_get_metric_statistics(response._get_params())
    start, end = _minute(response._get_param("StartTime")), epoch(response._get_param("EndTime"))
    period = int(response._get_param("Period"))
    if epoch(response._get_param("StartTime")) >= end:
        raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
    if (end - start) / period > MOST_DATAPOINTS:
        raise InvalidParameterCombination(
            f"You have requested up to {math.ceil((end - start) / period):,} datapoints, which exceeds the limit of "
            f"{MOST_DATAPOINTS:,}. You may reduce the datapoints requested by increasing Period, or decreasing the "
            "time range."
        )
    name = response._get_param("MetricName")
    metric = Metric.of(response._get_param("Namespace"), name, response._get_param("Dimensions", []))
    backend = response.cloudwatch_backend
    unit = response._get_param("Unit") or store_of(backend).unit(metric)
    samples = _by_period(backend, metric, start, end, period, response._get_param("Unit"))
    try:
        datapoints = [_datapoint(began, each, names, extended, unit) for began, each in samples.items()]
    except UnsupportedStatisticError as exc:
        raise InvalidParameterValue(f"The value {exc} for parameter ExtendedStatistics is not supported.") from exc
    return ActionResult({"Label": name, "Datapoints": datapoints})


def _datapoint(
    began: float, samples: Samples, names: list[str], extended: list[str], unit: str | None
) -> dict[str, Any]:
    percentiles = {name: samples.statistic(name) for name in extended}
    known = {name: value for name, value in percentiles.items() if value is not None}
    return {
        "Timestamp": _naive(began),
        **{name: samples.statistic(name) for name in names},
        **({"ExtendedStatistics": known} if extended else {}),
        "Unit": unit or "None",
    }


def filtered_metrics(backend: Any, metric_name: str, namespace: str, dimensions: list[dict[str, str]]) -> list[Any]:
    """The metrics that ListMetrics returns."""
    known = [
        MetricDatumBase(each.namespace, each.name, [{"Name": n, "Value": v} for n, v in sorted(each.dimensions)], None)
        for each in store_of(backend).metrics()
    ]
    return [datum for datum in [*known, *backend.aws_metric_data] if datum.filter(namespace, metric_name, dimensions)]


def _by_period(
    backend: Any, metric: Metric, start: float, end: float, period: int, unit: str | None
) -> Mapping[float, Samples]:
    if metric.namespace != "AWS/S3":
        return store_of(backend).by_period(metric, start, end, period, unit)
    # moto computes the metrics of its own S3 only when they are asked for.
    computed = MetricStore()
    for provided, datum_unit, instant, value in _provided(backend):
        computed.add(provided, datum_unit, instant, Samples.of([value]))
    return computed.by_period(metric, start, end, period, unit)


def _provided(backend: Any) -> Iterator[tuple[Metric, str, float, float]]:
    for datum in backend.aws_metric_data:
        if isinstance(datum, MetricDatum):
            dimensions = [{"Name": each.name, "Value": each.value} for each in datum.dimensions]
            yield Metric.of(datum.namespace, datum.name, dimensions), datum.unit, epoch(datum.timestamp), datum.value


def epoch(moment: datetime) -> float:
    """Seconds since the epoch of a datetime; a naive one is UTC, as everywhere in moto."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _minute(moment: datetime) -> float:
    # CloudWatch rounds the start of a query down to the minute.
    return epoch(moment) // 60 * 60


def _naive(instant: float) -> datetime:
    # moto works with naive datetimes in UTC only.
    return datetime(1970, 1, 1) + timedelta(seconds=instant)


def _ordered(series: Series, *, descending: bool) -> tuple[list[float], list[float]]:
    instants = sorted(series, reverse=descending)
    return instants, [series[instant] for instant in instants]


def _default_label(query: dict[str, Any]) -> str:
    return str(query["MetricStat"]["Metric"]["MetricName"] if "MetricStat" in query else query["Id"])
