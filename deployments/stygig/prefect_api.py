"""A Prefect API for the duration of a command, if none is set.

Prefect would start one by itself, but in the terminal's process group: a Ctrl-C would end it before the flow's
teardown has reported, and its log would fill the terminal. This one has a session and a log of its own.
"""

import ctypes
import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

import httpx
import typer
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    get_current_settings,
    temporary_settings,
)

from stygig.stack.service import Movement
from tasks.errors import ServiceUnreachableError
from tasks.settings import cache_folder

LOG_BYTES = 1_000_000  # a longer log is begun anew
PR_SET_PDEATHSIG = 1  # of Linux's sys/prctl.h
OFF = (  # a single command needs no UI, analytics, schedules, triggers or workers
    "PREFECT_UI_ENABLED",
    "PREFECT_SERVER_ANALYTICS_ENABLED",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED",
)


@contextmanager
def prefect_api() -> Iterator[Callable[[], None]]:
    """Yield a function that waits until the API answers, so that other things can start meanwhile."""
    if get_current_settings().api.url:
        yield lambda: None
        return
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    starting = _one_at_a_time(folder)
    server = TemporaryServer(_free_port(), folder, f"stygig:{secrets.token_urlsafe(24)}")
    server.start()
    try:
        with temporary_settings(server.client_settings()):
            try:
                yield lambda: server.wait_until_healthy(starting)
            finally:  # Prefect sends logs and events from threads, which need the server
                APILogWorker.drain_all(timeout=5)
                EventsWorker.drain_all(timeout=5)
    finally:
        starting.close()
        server.stop()


def _one_at_a_time(folder: Path) -> IO[bytes]:
    """A lock that holds until it is closed: a server migrates the database as it starts, and two at once would fail."""
    lock = (folder / "prefect-server.lock").open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class TemporaryServer:
    """A Prefect server for this command alone: nobody else knows its password, and no web page may query it."""

    port: int
    folder: Path
    auth: str
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def log(self) -> Path:
        return self.folder / "prefect-server.log"

    def client_settings(self) -> dict[Any, Any]:
        return {
            PREFECT_API_URL: self.url,
            PREFECT_API_AUTH_STRING: self.auth,
            # a flow's end would wait a second for its heartbeat thread; no environment variable turns that off
            PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        }

    def start(self) -> None:
        environment = os.environ | dict.fromkeys(OFF, "false")
        environment |= {
            "PREFECT__SERVER_EPHEMERAL": "1",  # without UI and most background services
            "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{self.folder / 'prefect.db'}",
            "PREFECT_SERVER_DATABASE_TIMEOUT": "60",  # SQLite has one writer at a time: on a busy machine others wait
            "PREFECT_SERVER_API_AUTH_STRING": self.auth,
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": self.url.removesuffix("/api"),
        }
        asked = [sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"]
        asked += ["--host", "127.0.0.1", "--port", str(self.port), "--log-level", "error"]
        with self.log.open("ab" if self.log.exists() and self.log.stat().st_size < LOG_BYTES else "wb") as output:
            self.process = subprocess.Popen(
                asked,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                umask=0o077,  # its database has the flows' parameters and results
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - no other thread is running yet
            )

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def wait_until_healthy(self, starting: IO[bytes]) -> None:
        """Wait as long as the server is doing something: on a busy machine its start takes minutes."""
        assert self.process
        movement = Movement(self.process.pid, self.log)
        with httpx.Client(trust_env=False, timeout=5) as client:  # past any proxy: the server is on this machine
            while not self._is_healthy(client):
                if self.process.poll() is not None:
                    self._give_up(f"ended with status {self.process.returncode}")
                if movement.stalled:
                    self._give_up(f"has done nothing for {movement.idle_seconds:.0f} s, {movement}")
                movement.tell_sometimes("waiting for the temporary Prefect server", say)
                time.sleep(0.2)
        starting.close()

    def _is_healthy(self, client: httpx.Client) -> bool:
        try:
            return client.get(f"{self.url}/health").is_success
        except httpx.TransportError:
            return False

    def _give_up(self, ended: str) -> NoReturn:
        raise ServiceUnreachableError(
            f"The temporary Prefect server {ended}; {self.log} says why. Set PREFECT_API_URL to use one that runs "
            "already."
        )


def say(line: str) -> None:
    typer.echo(line, err=True)


def _die_with_parent() -> None:
    """Have Linux end this process when the command dies, even of SIGKILL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
