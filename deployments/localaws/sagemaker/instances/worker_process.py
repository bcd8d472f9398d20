"""A worker process and the connections to it."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from localaws.container.command import TOOLKIT

# The longest header line that http.client reads.
LONGEST_HEADER_BYTES = 65_536


class InstanceLostError(Exception):
    """An instance that went away with the request in hand."""


class WorkerGoneError(Exception):
    """A connection that the worker closed or that does not exist: the worker died, or was ended."""


class AnswerTimeoutError(Exception):
    """An answer that did not come before the time-out; the worker goes on working."""


@dataclass(frozen=True)
class ContainerResponse:
    """A container's answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    header_bytes: int = 0

    @property
    def content_type(self) -> str:
        """The answer's content type, or S3's default if it has none."""
        return self.headers.get("content-type", "application/octet-stream")

    @property
    def ok(self) -> bool:
        """True if the container answered 2xx."""
        return 200 <= self.status < 300

    @property
    def names_its_length(self) -> bool:
        """True if the answer came with a Content-Length, rather than in chunks or until the connection's end."""
        return "content-length" in self.headers


class WorkerProcess:
    """One run of the container. When it dies a new one is created, with a port and connections of its own."""

    def __init__(
        self,
        home: Path,
        environment: dict[str, str],
        on_output: Callable[[list[str]], None],
        command: Sequence[str] = TOOLKIT,
    ) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
            self.port: int = listening.getsockname()[1]
            self._process = _start(command, home, environment, listening)
        self._lock = threading.Lock()
        self._idle: list[HTTPConnection] = []
        self._ended = threading.Event()
        self._on_output = on_output

    @property
    def pid(self) -> int:
        """The process's identifier, which is also its group's."""
        return self._process.pid

    def pump_output(self) -> None:
        """Pass on the worker's output until it ends; blocks."""
        output = self._process.stdout
        assert output is not None
        with output:
            for line in output:
                self._on_output([line.decode("utf-8", "replace").rstrip("\n")])

    def wait(self) -> int:
        """Block until the process has ended; return its exit status, negative for a signal."""
        status = self._process.wait()
        self._ended.set()
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._close_connections()
        return status

    def wait_ended(self, real_seconds: float) -> bool:
        """True if `wait`, on another thread, has seen the process end within that time."""
        return self._ended.wait(real_seconds)

    def alive(self) -> bool:
        """True if the process is still running."""
        return self._process.poll() is None

    def ping(self, timeout: float) -> bool:
        """True if the container answers /ping with 200, on a new connection."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", "/ping")
            response = connection.getresponse()
            response.read()
            return response.status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def invoke(
        self, body: bytes, headers: dict[str, str], timeout: float, on_sent: Callable[[], None] = lambda: None
    ) -> ContainerResponse:
        """Send one invocation and read the answer; call `on_sent` in between."""
        connection = self._take_connection(timeout)
        try:
            connection.request("POST", "/invocations", body=body, headers=headers)
            on_sent()
            response = connection.getresponse()
            answer = response.read()
        except TimeoutError as exc:
            connection.close()
            raise AnswerTimeoutError(f"no answer within {timeout:.3f} s") from exc
        except http.client.LineTooLong as exc:
            connection.close()
            return ContainerResponse(0, {}, repr(exc).encode(), header_bytes=LONGEST_HEADER_BYTES)
        except (OSError, http.client.HTTPException) as exc:
            connection.close()
            raise WorkerGoneError(repr(exc)) from exc
        self._give_back(connection)
        received = response.getheaders()
        header_bytes = sum(len(f"{name}: {value}\r\n") for name, value in received)
        return ContainerResponse(response.status, {k.lower(): v for k, v in received}, answer, header_bytes)

    def terminate(self) -> None:
        """Ask the process to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process and everything it started."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # macOS answers EPERM, not ESRCH, for a group that has only zombies left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _take_connection(self, timeout: float) -> HTTPConnection:
        with self._lock:
            connection = self._idle.pop() if self._idle else HTTPConnection("127.0.0.1", self.port)
        connection.timeout = timeout
        if connection.sock is not None:  # http.client applies its time-out only when it connects
            connection.sock.settimeout(timeout)
        return connection

    def _give_back(self, connection: HTTPConnection) -> None:
        with self._lock:
            self._idle.append(connection)
        if not self.alive():  # `wait` may have closed the idle connections before this one was among them
            self._close_connections()

    def _close_connections(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


def _start(
    command: Sequence[str], home: Path, environment: dict[str, str], listening: socket.socket
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*command, str(listening.fileno()), str(home / "model")],
        cwd=home,
        env=environment,
        stdin=subprocess.PIPE,  # its end tells the worker that this process has ended
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[listening.fileno()],
        start_new_session=True,  # a process group of its own, which one signal ends as a whole
    )
