"""A Prefect server for the length of a command, where no other is set.

Prefect would start one by itself, but in the terminal's process group: a Ctrl-C would end it before the flow's
teardown has reported, and its log would be all over the terminal. This one has a session and a log of its own. As a
program, this module is that server.
"""

import fcntl
import gc
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn

import httpx
import typer

from stygig import GARBAGE_ALLOCATIONS
from stygig.sealed import sealed
from stygig.stack.service import Movement
from tasks.errors import ServiceUnreachableError

LOG_BYTES = 1_000_000  # a longer log is begun anew
DATABASE_BYTES = 50_000_000  # a larger database is, too: only this command reads what it has
PARENT_LOOK_SECONDS = 1.0
TELL_SECONDS = 4.0
OFF = (  # a single command needs no UI, analytics, schedules, triggers, workers, or blocks of prefect-aws
    "PREFECT_UI_ENABLED",
    "PREFECT_SERVER_ANALYTICS_ENABLED",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION",  # with it, the blocks are imported all the same
)


@dataclass
class TemporaryServer:
    """A Prefect server for this command alone: nobody else knows its password, and no web page may query it."""

    port: int
    folder: Path
    auth: str
    starting: IO[bytes]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = field(default_factory=time.monotonic)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def log(self) -> Path:
        return self.folder / "prefect-server.log"

    def start(self) -> None:
        """Start the process; it has the sealed environment, whatever this one has."""
        environment = sealed(os.environ, self.folder) | dict.fromkeys(OFF, "false")
        environment |= {
            "PREFECT__SERVER_EPHEMERAL": "1",  # without UI and most background services
            "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{self.folder / 'prefect.db'}",
            "PREFECT_SERVER_DATABASE_TIMEOUT": "60",  # SQLite has one writer at a time: on a busy machine others wait
            "PREFECT_SERVER_API_AUTH_STRING": self.auth,
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": self.url.removesuffix("/api"),
        }
        asked = [sys.executable, "-m", "stygig.temporary_server", str(self.port), str(os.getpid())]
        with self.log.open("ab" if self.log.exists() and self.log.stat().st_size < LOG_BYTES else "wb") as output:
            self.process = subprocess.Popen(
                asked,
                cwd=self.folder,  # Prefect reads settings from files in the current folder
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                umask=0o077,  # its database has the flows' parameters and results
            )

    def stop(self) -> None:
        """End the process, by force if it won't."""
        self.starting.close()
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def wait_until_healthy(self) -> None:
        """Wait as long as the server is doing something: on a busy machine its start takes minutes."""
        assert self.process
        # The first line is due since the server was started, while this process was importing.
        movement = Movement(self.process.pid, self.log, TELL_SECONDS, started=self.started, told=self.started)
        with httpx.Client(trust_env=False, timeout=5) as client:  # past any proxy: the server is on this machine
            while not self._is_healthy(client):
                if self.process.poll() is not None:
                    self._give_up(f"ended with status {self.process.returncode}")
                if movement.stalled:
                    self._give_up(f"has done nothing for {movement.idle_seconds:.0f} s, {movement}")
                movement.tell_sometimes("waiting for it; the first time it makes its database", say)
                time.sleep(0.1)
        self.starting.close()

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


@contextmanager
def temporary_server(folder: Path) -> Iterator[TemporaryServer]:
    """Start a server with its files in `folder`, and end it."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    say("starting a Prefect server for this command (PREFECT_API_URL is for one that runs already)")
    starting = _one_at_a_time(folder)
    _begin_anew(folder / "prefect.db")
    server = TemporaryServer(_free_port(), folder, f"stygig:{secrets.token_urlsafe(24)}", starting)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _one_at_a_time(folder: Path) -> IO[bytes]:
    """A lock that holds until it is closed: a server migrates the database as it starts, and two at once would fail."""
    lock = (folder / "prefect-server.lock").open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _begin_anew(database: Path) -> None:
    """Remove a database that has grown large; a server that still uses it keeps the file until it ends."""
    if database.exists() and database.stat().st_size > DATABASE_BYTES:
        for part in database.parent.glob(f"{database.name}*"):
            part.unlink(missing_ok=True)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def say(line: str) -> None:
    typer.echo(line, err=True)


def serve(port: int, command: int) -> None:
    """Serve until told to end, or until the command that asked for it is gone, by SIGKILL perhaps."""
    import uvicorn

    gc.set_threshold(GARBAGE_ALLOCATIONS)

    threading.Thread(target=_end_after, args=(command,), daemon=True).start()
    app = "stygig.stack.prefect_server:create_app"
    uvicorn.run(app, factory=True, host="127.0.0.1", port=port, log_level="error")


def _end_after(command: int) -> None:
    while os.getppid() == command:  # an orphan's parent is another process
        time.sleep(PARENT_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
