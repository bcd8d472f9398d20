"""The metrics of the last day by the minutes of the compressible clock, for the evaluation of alarms.

Timestamps that clients see are real. On a compressed clock several AWS minutes pass in a real one, so datapoints are
kept here a second time, by the AWS minute in which they were put.
"""

from __future__ import annotations

import time

from localaws.clock import Clock
from localaws.services.cloudwatch.metric_store import Metric, MetricStore, Samples

MINUTE = 60
KEPT_SECONDS = 86_400
KEPT_SAMPLES = 100_000
KEPT_SAMPLES_A_MINUTE = 500
KEPT_METRICS = 5_000


class MetricHistory:
    """The datapoints put while one embedded AWS runs; at clock rate 1 their instants are those of the wall clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._origin = time.time() - clock.now()
        self._stores: dict[str, MetricStore] = {}

    def now(self) -> float:
        """The current time of the AWS clock, in seconds since the epoch."""
        return self._origin + self._clock.now()

    def minute(self) -> int:
        """The start of the current AWS minute, in seconds since the epoch."""
        return int(self.now() // MINUTE * MINUTE)

    def until_next_minute(self) -> float:
        """The AWS seconds left of the current minute."""
        now = self.now()
        return now // MINUTE * MINUTE + MINUTE - now

    def hold_within(self, minute: int) -> None:
        """Keep compressed time from leaving that minute."""
        self._clock.hold_at(minute + MINUTE - 1 - self._origin)

    def record(self, region: str, metric: Metric, unit: str, seconds_ago: float, samples: Samples) -> None:
        """Record a datapoint that is put now, and whose own timestamp lies that many seconds back."""
        self._store(region).add(metric, unit, self.now() - seconds_ago, samples)

    def record_value(self, region: str, metric: Metric, unit: str, value: float) -> None:
        """Record one value that is put now."""
        self._store(region).add_value(metric, unit, self.now(), value)

    def samples(
        self, region: str, metric: Metric, start: float, end: float, period: int, unit: str | None = None
    ) -> dict[float, Samples]:
        """The samples of a metric by the start of their period."""
        return self._store(region).by_period(metric, start, end, period, unit)

    def clear(self) -> None:
        """Forget everything."""
        self._stores.clear()

    def _store(self, region: str) -> MetricStore:
        if (store := self._stores.get(region)) is not None:
            return store
        new = MetricStore(MINUTE, KEPT_SECONDS, KEPT_SAMPLES, KEPT_METRICS, KEPT_SAMPLES_A_MINUTE)
        return self._stores.setdefault(region, new)
