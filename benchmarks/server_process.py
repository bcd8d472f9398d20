"""An embedded AWS in its own process, so that its CPU time and memory can be told apart from those of its clients."""

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
    """An embedded AWS that can be asked about itself, whatever process it runs in."""

    pid: int

    @abstractmethod
    def call(self, work: Callable[..., T], *arguments: Any) -> T:
        """Call a module's function with the embedded AWS, in its process, and return the result."""

    def wait_until(self, work: Callable[..., bool], *arguments: Any, seconds: float = 600.0) -> None:
        """Call the function every few milliseconds until it returns True; TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        while not self.call(work, *arguments):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{work.__name__}{arguments} is not so after {seconds} s")
            time.sleep(0.01)

    @property
    def cpu_seconds(self) -> float:
        """User and system time of the server in seconds, without its workers."""
        # utime and stime; the name before ) may contain spaces
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def resident_bytes(self) -> int:
        """The server's memory, without its workers'."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class ServerProcess(Server):
    """An embedded AWS that serves while it is entered; the environment points at it meanwhile."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy the locks of this process's threads
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
        """Call the function in the server's process and return the result."""
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
    """The number of asynchronous invocations that are over."""
    return sum(aws.journal.count(f"async.{ending}") for ending in ("completed", "failed", "expired"))


def has_ended(aws: LocalAws, count: int) -> bool:
    """True if at least `count` asynchronous invocations are over."""
    return ended(aws) >= count


def is_in_service(aws: LocalAws, endpoint: str) -> bool:
    """True if the endpoint has come into service."""
    return bool(aws.journal.entries("endpoint.status", endpoint=endpoint, status="InService"))
