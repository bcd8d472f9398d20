"""The clock by which time limits run. It can be compressed, so that a ten-minute cool-down takes seconds in a test."""

from __future__ import annotations

import math
import threading
import time
from datetime import UTC, datetime


class Clock:
    """AWS seconds: `rate` of them pass in one real second. Only limits and waits are compressed, never the model."""

    def __init__(self, rate: float = 1.0) -> None:
        self._lock = threading.Lock()
        self._rate = _positive(rate)
        self._real_start = time.monotonic()
        self._aws_start = 0.0

    @property
    def rate(self) -> float:
        """How many AWS seconds pass in a real one; setting it never makes `now` jump."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        with self._lock:
            self._aws_start, self._real_start = self._now(), time.monotonic()
            self._rate = _positive(rate)

    def now(self) -> float:
        """AWS seconds since the clock was made; it never goes backwards."""
        with self._lock:
            return self._now()

    def real_seconds(self, aws_seconds: float) -> float:
        """How long to wait for real until that many AWS seconds have passed."""
        return max(0.0, aws_seconds) / self._rate

    def _now(self) -> float:
        return self._aws_start + (time.monotonic() - self._real_start) * self._rate


def _positive(rate: float) -> float:
    if not 0 < rate < math.inf:
        raise ValueError(f"clock rate {rate}: how many AWS seconds pass in a real second; a number above zero")
    return float(rate)


def utc_now() -> datetime:
    """The wall clock, which is not compressed: timestamps in answers, notifications and metrics are real."""
    return datetime.now(UTC)
