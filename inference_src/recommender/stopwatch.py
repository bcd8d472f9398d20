"""A stopwatch that splits a stretch of time into named stages which sum to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

Clock = Callable[[], int]
OTHER = "other"


class Stopwatch:
    """A stopwatch that splits the time since its creation into stages.

    `clock` returns nanoseconds; `before` holds the microseconds of stages that passed earlier and count too. All times
    are kept as whole microseconds, so that the stages sum to the total without a rounding error.
    """

    def __init__(self, clock: Clock = time.perf_counter_ns, before: Mapping[str, int] | None = None) -> None:
        self._clock = clock
        self._since = self._now()
        self._stages_us = dict(before or {})

    def note(self, stage: str) -> None:
        """Add the time since the last note or lap to this stage."""
        self._stages_us[stage] = self._stages_us.get(stage, 0) + self._lap_us()

    def lap_ms(self) -> float:
        """Milliseconds since the last note or lap, which count for no stage."""
        return self._lap_us() / 1000

    def total_ms(self) -> float:
        """Milliseconds of all stages; the time since the last note is added to stage `other`."""
        self.note(OTHER)
        return sum(self._stages_us.values()) / 1000

    @property
    def stages_ms(self) -> dict[str, float]:
        """Milliseconds of each stage, `other` last."""
        other = {OTHER: self._stages_us[OTHER]} if OTHER in self._stages_us else {}
        named = {name: us for name, us in self._stages_us.items() if name != OTHER}
        return {name: us / 1000 for name, us in (named | other).items()}

    def _lap_us(self) -> int:
        since, self._since = self._since, self._now()
        return self._since - since

    def _now(self) -> int:
        return self._clock() // 1000
