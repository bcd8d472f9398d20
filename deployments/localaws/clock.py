"""The clock that time limits run by; it can be compressed, so that a ten-minute cool-down takes seconds in a test."""

from __future__ import annotations

import math
import threading
import time
from datetime import UTC, datetime

# The rate may change, or time be moved on by hand, during a wait: so a waiting thread looks at the clock this often.
LOOK_AGAIN_REAL_SECONDS = 0.2
SHORTEST_REAL_SECONDS = 0.001
# Sockets and conditions accept no time-outs beyond some weeks.
LONGEST_REAL_SECONDS = 86_400.0


class Clock:
    """A clock of AWS seconds; `rate` of them pass in a real second. It compresses limits and waits, not the model."""

    def __init__(self, rate: float = 1.0) -> None:
        self._lock = threading.Lock()
        self._rate = _positive(rate)
        self._real_start = time.monotonic()
        self._aws_start = 0.0
        self._bound = math.inf

    @property
    def rate(self) -> float:
        """AWS seconds per real second; setting it never makes `now` jump."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        with self._lock:
            self._aws_start, self._real_start = self._now(), time.monotonic()
            self._rate = _positive(rate)

    def now(self) -> float:
        """AWS seconds since the clock was made; they never decrease."""
        with self._lock:
            return self._now()

    def advance(self, seconds: float) -> None:
        """Move on by that many AWS seconds at once, as if they had passed."""
        if not 0 <= seconds < math.inf:
            raise ValueError(f"advancing by {seconds} s: time only moves forwards, by a number of seconds")
        with self._lock:
            self._aws_start += seconds

    def hold_at(self, instant: float) -> None:
        """Stop the clock at that instant; a later instant lets it go on from there, without a jump.

        Only compressed time stops: the work of an AWS minute may take a busy machine longer than the minute lasts.
        """
        with self._lock:
            self._now()
            self._bound = instant

    def real_seconds(self, aws_seconds: float) -> float:
        """Real seconds until that many AWS seconds have passed; a day at most."""
        return min(max(0.0, aws_seconds) / self._rate, LONGEST_REAL_SECONDS)

    def wait(self, ended: threading.Event, aws_seconds: float) -> bool:
        """Wait for that many AWS seconds, even if the rate changes; True if the event was set, which ends the wait."""
        until = self.now() + aws_seconds
        while (left := until - self.now()) > 0:
            if ended.wait(min(max(self.real_seconds(left), SHORTEST_REAL_SECONDS), LOOK_AGAIN_REAL_SECONDS)):
                return True
        return ended.is_set()

    def _now(self) -> float:
        real = time.monotonic()
        now = self._aws_start + (real - self._real_start) * self._rate
        if self._rate > 1 and now > self._bound:
            # Counted anew from here, so that no jump follows; `advance` may have gone beyond the bound.
            now = max(self._bound, self._aws_start)
            self._aws_start, self._real_start = now, real
        return now


def _positive(rate: float) -> float:
    if not 0 < rate < math.inf:
        raise ValueError(f"clock rate {rate}: the AWS seconds that pass in a real second must be a number above zero")
    return float(rate)


def utc_now() -> datetime:
    """The real time, which is never compressed: timestamps in answers, notifications and metrics are real."""
    return datetime.now(UTC)
