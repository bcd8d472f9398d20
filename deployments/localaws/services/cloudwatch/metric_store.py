"""The datapoints of metrics in little memory: summed up by second or minute, bounded in number and age."""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


class UnsupportedStatisticError(Exception):
    """The name of a statistic that CloudWatch does not know, or that is not emulated."""


@dataclass(frozen=True)
class Metric:
    """The identity of a metric."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Iterable[Mapping[str, Any]] = ()) -> Metric:
        """The metric that a request names."""
        return cls(namespace, name, frozenset((each["Name"], each["Value"]) for each in dimensions))


class Samples:
    """The values of a span of time: single values with weights, and statistic sets, which only have totals."""

    __slots__ = ("count", "maximum", "minimum", "total", "values", "weights")

    def __init__(self) -> None:
        self.values = array("d")
        self.weights = array("d")
        self.count = 0.0
        self.total = 0.0
        self.minimum = float("inf")
        self.maximum = float("-inf")

    @classmethod
    def of(cls, values: Iterable[float]) -> Samples:
        """Samples of single values."""
        samples = cls()
        for value in values:
            samples.add(value)
        return samples

    def add(self, value: float, weight: float = 1.0) -> None:
        """Add one value."""
        self.values.append(value)
        self.weights.append(weight)
        self.add_set(weight, value * weight, value, value)

    def add_set(self, count: float, total: float, minimum: float, maximum: float) -> None:
        """Add a statistic set."""
        self.count += count
        self.total += total
        self.minimum = min(self.minimum, minimum)
        self.maximum = max(self.maximum, maximum)

    def merge(self, other: Samples) -> None:
        """Add the samples of another."""
        self.values.extend(other.values)
        self.weights.extend(other.weights)
        self.add_set(other.count, other.total, other.minimum, other.maximum)

    def compact(self) -> None:
        """Halve the number of single values by joining neighbours, except the outermost, on which the tails depend."""
        ordered = sorted(zip(self.values, self.weights, strict=True))
        kept = len(ordered) // 8
        middle = ordered[kept : len(ordered) - kept]
        joined = [_joined(*pair) for pair in zip(middle[::2], middle[1::2], strict=False)]
        odd = middle[-1:] if len(middle) % 2 else []
        together = [*ordered[:kept], *joined, *odd, *ordered[len(ordered) - kept :]]
        self.values = array("d", [value for value, _ in together])
        self.weights = array("d", [weight for _, weight in together])

    def statistic(self, name: str) -> float | None:
        """The statistic of that name; None if it has no value: without samples, or a percentile of statistic sets."""
        if not self.count:
            return None
        match name:
            case "SampleCount":
                return self.count
            case "Sum":
                return self.total
            case "Average":
                return self.total / self.count
            case "Minimum":
                return self.minimum
            case "Maximum":
                return self.maximum
        kind, percent = _percent(name)
        return self._percentile(percent) if kind == "p" else self._trimmed_mean(percent)

    def _sorted(self) -> list[tuple[float, float]] | None:
        if sum(self.weights) == self.count:
            return sorted(zip(self.values, self.weights, strict=True))
        # CloudWatch has percentiles of statistic sets only if all their values are the same.
        return [(self.minimum, self.count)] if self.minimum == self.maximum else None

    def _percentile(self, percent: float) -> float | None:
        left = self.count * percent / 100
        for value, weight in self._sorted() or []:
            left -= weight
            if left <= 1e-9:
                return value
        return None

    def _trimmed_mean(self, percent: float) -> float | None:
        left = kept = self.count * percent / 100
        total = 0.0
        for value, weight in self._sorted() or []:
            total += value * min(weight, left)
            left -= min(weight, left)
        return total / kept if kept and not left else None


def _joined(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    weight = one[1] + other[1]
    return (one[0] * one[1] + other[0] * other[1]) / weight, weight


def check_statistic(name: str) -> None:
    """Raise UnsupportedStatisticError for an unknown statistic."""
    if name not in ("SampleCount", "Sum", "Average", "Minimum", "Maximum"):
        _percent(name)


def _percent(name: str) -> tuple[str, float]:
    """The kind and the number in a statistic's name: ("p", 99.9) for p99.9, ("tm", 90.0) for tm90."""
    kind = "tm" if name.startswith("tm") else name[:1]
    digits = name.removeprefix(kind)
    if kind not in ("p", "tm") or not digits.replace(".", "", 1).isdigit() or not 0 <= float(digits) <= 100:
        raise UnsupportedStatisticError(name)
    return kind, float(digits)


@dataclass
class _Series:
    unit: str
    samples: int = 0
    buckets: OrderedDict[int, Samples] = field(default_factory=OrderedDict)

    def drop_oldest(self) -> None:
        self.samples -= _size(self.buckets.popitem(last=False)[1])


def _size(samples: Samples) -> int:
    return max(1, len(samples.values))


class MetricStore:
    """Samples by metric, unit and instant; if they get too old or too many, the oldest are forgotten first."""

    def __init__(
        self,
        resolution_seconds: int = 1,
        longest_seconds: float = 15 * 86_400,
        most_samples: int = 100_000,
        most_metrics: int = 10_000,
        most_at_once: int = 1_000,
    ) -> None:
        self._resolution = resolution_seconds
        self._longest = longest_seconds
        self._most = most_samples
        self._most_metrics = most_metrics
        self._most_at_once = most_at_once
        self._lock = threading.Lock()
        self._metrics: OrderedDict[Metric, dict[str, _Series]] = OrderedDict()

    def add(self, metric: Metric, unit: str, instant: float, samples: Samples) -> None:
        """Add samples of one instant, in seconds since the epoch."""
        with self._bucket_of(metric, unit, instant) as bucket:
            bucket.merge(samples)

    def add_value(self, metric: Metric, unit: str, instant: float, value: float) -> None:
        """Add one value of one instant, in seconds since the epoch."""
        with self._bucket_of(metric, unit, instant) as bucket:
            bucket.add(value)

    @contextmanager
    def _bucket_of(self, metric: Metric, unit: str, instant: float) -> Iterator[Samples]:
        """Yield the bucket of an instant to add to, and then forget what exceeds the limits."""
        number = int(instant // self._resolution)
        with self._lock:
            series = self._series_of(metric, unit)
            bucket = series.buckets.get(number)
            before = _size(bucket) if bucket is not None else 0
            if bucket is None:
                bucket = series.buckets[number] = Samples()
            yield bucket
            if len(bucket.values) > self._most_at_once:
                bucket.compact()
            series.samples += _size(bucket) - before
            self._prune(series, number)

    def _series_of(self, metric: Metric, unit: str) -> _Series:
        units = self._metrics.get(metric)
        if units is None:
            units = self._metrics[metric] = {}
        self._metrics.move_to_end(metric)
        series = units.get(unit)
        if series is None:
            series = units[unit] = _Series(unit)
        return series

    def by_period(
        self, metric: Metric, start: float, end: float, period: int, unit: str | None = None
    ) -> dict[float, Samples]:
        """The samples from `start` up to `end` by the start of their period; the first period starts at `start`."""
        found: dict[float, Samples] = {}
        with self._lock:
            for number, samples in self._buckets(metric, unit):
                instant = number * self._resolution
                if start <= instant < end:
                    began = start + (instant - start) // period * period
                    found.setdefault(began, Samples()).merge(samples)
        return dict(sorted(found.items()))

    def unit(self, metric: Metric) -> str | None:
        """The unit of a metric, or the first of several; None if the metric is unknown."""
        with self._lock:
            return next(iter(self._metrics.get(metric, {})), None)

    def metrics(self) -> list[Metric]:
        """All known metrics."""
        with self._lock:
            return list(self._metrics)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._metrics.clear()

    def _buckets(self, metric: Metric, unit: str | None) -> list[tuple[int, Samples]]:
        series = self._metrics.get(metric, {})
        return [item for each in series.values() if unit in (None, each.unit) for item in each.buckets.items()]

    def _prune(self, series: _Series, newest: int) -> None:
        eldest = newest - self._longest / self._resolution
        while len(series.buckets) > 1 and (next(iter(series.buckets)) < eldest or series.samples > self._most):
            series.drop_oldest()
        while len(self._metrics) > self._most_metrics:
            self._metrics.popitem(last=False)
