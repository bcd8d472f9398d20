"""A Prefect API for the length of a command, where none is set.

Prefect would start one by itself, but in the terminal's process group: a Ctrl-C would end it before the flow's
teardown has reported, and its log would be all over the terminal. This one has a session and a log of its own.
"""

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import httpx
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    get_current_settings,
    temporary_settings,
)

from tasks.errors import ServiceUnreachableError
from tasks.sources import cache_folder

START_SECONDS = 120
LOG_BYTES = 1_000_000  # then it begins anew
PR_SET_PDEATHSIG = 1
OFF = (
    "PREFECT_UI_ENABLED",
    "PREFECT_SERVER_ANALYTICS_ENABLED",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED",
)


@contextmanager
def prefect_api() -> Iterator[Callable[[], None]]:
    """Yields a function that returns once the API answers, so that other things can start meanwhile."""
    if get_current_settings().api.url:
        yield lambda: None
        return
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    port, log = _free_port(), folder / "prefect-server.log"
    starting = _one_at_a_time(folder)
    server = _start(port, folder, log)
    url = f"http://127.0.0.1:{port}/api"
    try:
        with temporary_settings({PREFECT_API_URL: url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            try:
                yield lambda: _wait_until_healthy(server, url, log, starting)
            finally:
                APILogWorker.drain_all(timeout=5)
                EventsWorker.drain_all(timeout=5)
    finally:
        starting.close()
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _one_at_a_time(folder: Path) -> IO[bytes]:
    """A lock that lasts until it is closed: a server brings the database up to date, and two at once would fail."""
    lock = (folder / "prefect-server.lock").open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(port: int, folder: Path, log: Path) -> "subprocess.Popen[bytes]":
    environment = os.environ | dict.fromkeys(OFF, "false")
    environment |= {
        "PREFECT__SERVER_EPHEMERAL": "1",
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
    }
    asked = [sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"]
    asked += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    with log.open("ab" if log.exists() and log.stat().st_size < LOG_BYTES else "wb") as output:
        return subprocess.Popen(
            asked,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - no other thread is running yet
        )


def _die_with_parent() -> None:
    """Linux: if the command is killed with SIGKILL, its server must not stay."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_healthy(server: "subprocess.Popen[bytes]", url: str, log: Path, starting: IO[bytes]) -> None:
    started, ended = time.monotonic(), "did not answer"
    while time.monotonic() - started < START_SECONDS:
        if server.poll() is not None:
            ended = f"ended with status {server.returncode}"
            break
        try:
            if httpx.get(f"{url}/health", timeout=5).is_success:
                starting.close()
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise ServiceUnreachableError(
        f"The temporary Prefect server {ended} within {time.monotonic() - started:.0f} s; {log} says why. "
        "Set PREFECT_API_URL to use one that runs already."
    )
