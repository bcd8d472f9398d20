"""The time that a container may take to become healthy."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from localaws.clock import Clock

# Importing a large library takes its real seconds however fast the clock runs, and more of them on a busy machine.
LEAST_REAL_SECONDS = 60.0
DEFAULT_SECONDS = 480  # AWS's


def startup_seconds(variant: Mapping[str, Any]) -> float:
    """The seconds that a variant's containers have to become healthy."""
    return float(variant.get("ContainerStartupHealthCheckTimeoutInSeconds", DEFAULT_SECONDS))


class StartUp:
    """The time limit of one start-up, which begins when this object is created."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._began_real = time.monotonic()
        self._deadline = clock.now() + seconds

    @property
    def passed(self) -> bool:
        """True if AWS's seconds are over: a container that ends from now on is not started again."""
        return self._clock.now() >= self._deadline

    def is_over(self, silent: bool) -> bool:
        """True if a container that still runs is given up; one that a fault keeps silent has only AWS's seconds."""
        return self.passed and (silent or self._real_seconds() >= min(self._seconds, LEAST_REAL_SECONDS))

    def cut_short(self) -> str:
        """The compressed clock's part in giving up a running container, for the FailureReason; empty at real speed."""
        if self._clock.rate <= 1:
            return ""
        return (
            f" The clock runs {self._clock.rate:g} times as fast as real time: the {self._seconds:g} seconds that AWS "
            f"gives were over after {self._real_seconds():.0f} real ones. Lower the clock's rate, or raise "
            "ContainerStartupHealthCheckTimeoutInSeconds."
        )

    def _real_seconds(self) -> float:
        return time.monotonic() - self._began_real
