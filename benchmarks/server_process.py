"""An embedded AWS in a process of its own, so that its CPU time and memory can be told from those of its clients."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from localaws import LocalAws

T = TypeVar("T")
_TICKS = os.sysconf("SC_CLK_TCK")


class Server(ABC):
    """An embedded AWS that can be asked about itself, in whatever process it runs."""

    pid: int

    @abstractmethod
    def call(self, work: Callable[..., T], *arguments: Any) -> T:
        """What a function of a module answers there about the embedded AWS."""

    def wait_until(self, work: Callable[..., bool], *arguments: Any, seconds: float = 600.0) -> None:
        """Asks every few milliseconds until the function says so."""
        deadline = time.monotonic() + seconds
        while not self.call(work, *arguments):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{work.__name__}{arguments} is not so after {seconds} s")
            time.sleep(0.01)

    @property
    def cpu_seconds(self) -> float:
        """User and system time of the server, without its workers."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def resident_bytes(self) -> int:
        """The server's memory, without its workers'."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class ServerProcess(Server):
    """Serves as long as it is entered, and the environment points at it meanwhile."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._lock = threading.Lock()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,))

    def __enter__(self) -> Self:
        self._process.start()
        self.pid = self._process.pid or 0
        self._environment = dict(os.environ)
        os.environ.update(self.call(LocalAws.environment))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.send(None)
        self._process.join(30)
        os.environ.clear()
        os.environ.update(self._environment)

    def call(self, work: Callable[..., T], *arguments: Any) -> T:
        """What the function answers over there."""
        with self._lock:
            self._pipe.send((work, arguments))
            answer: T = self._pipe.recv()
        return answer


def _serve(pipe: Connection) -> None:
    with LocalAws() as aws:
        while (asked := pipe.recv()) is not None:
            work, arguments = asked
            pipe.send(work(aws, *arguments))


def ended(aws: LocalAws) -> int:
    """How many asynchronous invocations are over."""
    return sum(aws.journal.count(f"async.{ending}") for ending in ("completed", "failed", "expired"))


def has_ended(aws: LocalAws, count: int) -> bool:
    """Whether so many asynchronous invocations are over."""
    return ended(aws) >= count


def is_in_service(aws: LocalAws, endpoint: str) -> bool:
    """Whether the endpoint has come into service."""
    return bool(aws.journal.entries("endpoint.status", endpoint=endpoint, status="InService"))
