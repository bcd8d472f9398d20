"""The health checks of a container in service, by /ping."""

from __future__ import annotations

from collections.abc import Callable

from localaws.clock import Clock
from localaws.sagemaker.instances.worker_process import WorkerProcess

PING_EVERY_SECONDS = 5.0
PING_EVERY_LEAST_REAL_SECONDS = 1.0
# AWS's two seconds, in real time: a container's own speed is not compressed.
PING_TIMEOUT_REAL_SECONDS = 2.0
MISSED_PINGS = 3


class Liveness:
    """The regular pings of one worker; `on_lost` is called when it misses several in a row."""

    def __init__(
        self, worker: WorkerProcess, clock: Clock, on_answer: Callable[[], None], on_lost: Callable[[], None]
    ) -> None:
        self._worker = worker
        self._clock = clock
        self._on_answer = on_answer
        self._on_lost = on_lost

    def watch(self) -> None:
        """Watch until the worker ends; a worker that dies is left to the supervisor."""
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
