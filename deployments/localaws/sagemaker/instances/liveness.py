"""Whether a container in service still answers /ping."""

from __future__ import annotations

from collections.abc import Callable

from localaws.clock import Clock
from localaws.sagemaker.instances.worker_process import WorkerProcess

PING_EVERY_SECONDS = 5.0
PING_EVERY_LEAST_REAL_SECONDS = 1.0
# Real seconds, as AWS's two: how fast a container answers is not compressed.
PING_TIMEOUT_REAL_SECONDS = 2.0
MISSED_PINGS = 3


class Liveness:
    """Asks one worker again and again; `on_lost` hears of several pings in a row that it missed."""

    def __init__(
        self, worker: WorkerProcess, clock: Clock, on_answer: Callable[[], None], on_lost: Callable[[], None]
    ) -> None:
        self._worker = worker
        self._clock = clock
        self._on_answer = on_answer
        self._on_lost = on_lost

    def watch(self) -> None:
        """Watches until the worker ends; one that dies is the supervisor's matter, not this one's."""
        missed = 0
        while not self._worker.wait_ended(self._pause()):
            if self._worker.ping(PING_TIMEOUT_REAL_SECONDS):
                missed = 0
                self._on_answer()
                continue
            missed += 1
            if missed >= MISSED_PINGS and not self._worker.wait_ended(0):
                self._on_lost()
                return

    def _pause(self) -> float:
        return max(self._clock.real_seconds(PING_EVERY_SECONDS), PING_EVERY_LEAST_REAL_SECONDS)
