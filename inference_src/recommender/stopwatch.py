"""A stretch of time as named stages which sum to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

Clock = Callable[[], int]
OTHER = "other"


class Stopwatch:
    """Splits what passes from its making on into stages; `clock` counts nanoseconds, and `before` is added in front.

    It counts whole microseconds, so that the stages sum to the total without a rounding error.
    """

    def __init__(self, clock: Clock = time.perf_counter_ns, before: Mapping[str, int] | None = None) -> None:
        self._clock = clock
        self._since = self._now()
        self._stages_us = dict(before or {})

    def note(self, stage: str) -> None:
        """Counts the time since the last note as this stage's."""
        self._stages_us[stage] = self._stages_us.get(stage, 0) + self._lap_us()

    def lap_ms(self) -> float:
        """Milliseconds since the last note or lap, which no stage gets."""
        return self._lap_us() / 1000

    def total_ms(self) -> float:
        """Milliseconds of all stages, what passed since the last note among them, which is other's."""
        self.note(OTHER)
        return sum(self._stages_us.values()) / 1000

    @property
    def stages_ms(self) -> dict[str, float]:
        """Milliseconds of each stage, other's last."""
        other = {OTHER: self._stages_us[OTHER]} if OTHER in self._stages_us else {}
        named = {name: us for name, us in self._stages_us.items() if name != OTHER}
        return {name: us / 1000 for name, us in (named | other).items()}

    def _lap_us(self) -> int:
        since, self._since = self._since, self._now()
        return self._since - since

    def _now(self) -> int:
        return self._clock() // 1000
