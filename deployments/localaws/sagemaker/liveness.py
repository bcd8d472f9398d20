"""Whether a container in service still answers /ping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localaws.sagemaker.hosting import Hosting
from localaws.sagemaker.worker_process import WorkerProcess

if TYPE_CHECKING:
    from localaws.sagemaker.instance import Instance

PING_EVERY_SECONDS = 5.0
PING_EVERY_LEAST_REAL_SECONDS = 1.0
# Real seconds, as AWS's two: how fast a container answers is not compressed.
PING_TIMEOUT_REAL_SECONDS = 2.0
MISSED_PINGS = 3


class Liveness:
    """Asks one worker again and again; an instance which misses several pings in a row is lost."""

    def __init__(self, instance: Instance, worker: WorkerProcess, hosting: Hosting) -> None:
        self._instance = instance
        self._worker = worker
        self._hosting = hosting

    def watch(self) -> None:
        """Watches until the worker ends; one that dies is the supervisor's matter, not this one's."""
        missed = 0
        while not self._worker.wait_ended(self._pause()):
            if self._worker.ping(PING_TIMEOUT_REAL_SECONDS):
                missed = 0
                self._instance.return_to_service(self._worker)
                continue
            missed += 1
            if missed >= MISSED_PINGS and not self._worker.wait_ended(0):
                self._instance.lose()
                return

    def _pause(self) -> float:
        return max(self._hosting.clock.real_seconds(PING_EVERY_SECONDS), PING_EVERY_LEAST_REAL_SECONDS)
