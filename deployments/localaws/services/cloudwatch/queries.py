"""Queries of CloudWatch's metrics, with percentiles and metric math, which moto has not; these replace its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue, ValidationError
from moto.cloudwatch.models import CloudWatchBackend, MetricDatum, MetricDatumBase
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult

from localaws.services.cloudwatch.datapoints import epoch, put_checked_metric_data, put_metric_data, store_of
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
    check_queries,
)

# Returns the samples of a MetricStat's metric by the start of each period.
Fetch = Callable[[dict[str, Any]], Mapping[float, Samples]]


def apply() -> None:
    """Replace moto's functions by these."""
    CloudWatchBackend.put_metric_data = put_metric_data
    CloudWatchBackend.get_metric_data = get_metric_data
    CloudWatchBackend.get_filtered_metrics = filtered_metrics
    CloudWatchResponse.put_metric_data = put_checked_metric_data
    CloudWatchResponse.get_metric_statistics = get_metric_statistics


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
