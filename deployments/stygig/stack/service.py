"""A background process with its id and its log in a folder."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM

import psutil

from tasks.resources.processes import cpu_seconds, lives, start_time

PATIENCE_SECONDS = 120.0
"""Seconds without a new log line or CPU time after which a service is given up."""
LONGEST_START_SECONDS = 1800.0
POLL_SECONDS = 0.3
TELL_SECONDS = 15.0
DRAIN_SECONDS = 120.0


class StackError(Exception):
    """A service that did not start; the message says why, or names its log."""


def write_whole(file: Path, text: str) -> None:
    """Write a file that readers find whole or not at all."""
    half = file.with_name(f".{file.name}.half")
    half.write_text(text)
    half.rename(file)


@dataclass
class Movement:
    """The signs of life of a process that is starting: it computes, or its log grows."""

    pid: int
    log: Path
    tell_seconds: float = TELL_SECONDS
    started: float = field(default_factory=time.monotonic)
    moved: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)
    seen: tuple[int, float] = (0, 0.0)

    @property
    def stalled(self) -> bool:
        """True if nothing has changed for PATIENCE_SECONDS or the start exceeds LONGEST_START_SECONDS; looks anew."""
        log = self.log.stat().st_size if self.log.exists() else 0
        found = (log, round(cpu_seconds(self.pid), 1))
        if found != self.seen:
            self.seen, self.moved = found, time.monotonic()
        return self.idle_seconds > PATIENCE_SECONDS or self.elapsed_seconds > LONGEST_START_SECONDS

    @property
    def idle_seconds(self) -> float:
        return time.monotonic() - self.moved

    @property
    def elapsed_seconds(self) -> float:
        return time.monotonic() - self.started

    def tell_sometimes(self, what: str, say: Callable[[str], None]) -> None:
        """Say every TELL_SECONDS how it goes, so that nobody takes a slow start for a stuck one."""
        if time.monotonic() - self.told > self.tell_seconds:
            self.told = time.monotonic()
            say(f"{what}: {self}")

    def __str__(self) -> str:
        return f"{self.elapsed_seconds:.0f} s so far, {self.seen[1]:.0f} s of them computing"


@dataclass(frozen=True)
class Service:
    """One background process; `folder` has its id and its log."""

    name: str
    arguments: tuple[str, ...]
    folder: Path

    @property
    def pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def running(self) -> int | None:
        """Its process id, if that process is still the one that was started."""
        try:
            pid, started = self.pid_file.read_text().split()
            return int(pid) if lives(int(pid), float(started)) else None
        except (FileNotFoundError, ValueError):
            return None

    def port_in_use(self) -> str | None:
        """The port that its process was started with; None if it doesn't run."""
        pid = self.running()
        with suppress(psutil.Error, ValueError, IndexError):
            command = psutil.Process(pid).cmdline() if pid else []
            return command[command.index("--port") + 1]
        return None

    def start(self, environment: Mapping[str, str], directory: Path) -> None:
        with self.log.open("wb") as output:
            process = subprocess.Popen(
                self.arguments,
                cwd=directory,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:  # Linux reuses process ids: the start time tells this process from a later one
            write_whole(self.pid_file, f"{process.pid} {start_time(process.pid)}")
        except OSError as exc:
            os.killpg(process.pid, SIGKILL)  # without its id nobody could end it later
            raise StackError(
                f"{self.pid_file} can't be written: {exc.strerror}. Make room, or set STYGIG_RUN_FOLDER."
            ) from exc

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait as long as the process is doing something: on a busy machine a start takes minutes."""
        movement = Movement(self.running() or 0, self.log)
        while True:
            if not self.running():  # before anybody else's answer is taken for its own
                raise StackError(f"{self.name} ended at once; {self.log} says why:\n{self.last_lines()}")
            if ready():
                return
            if movement.stalled:
                raise StackError(f"{self.name} is not ready, {movement}; {self.log} says why:\n{self.last_lines()}")
            time.sleep(POLL_SECONDS)

    def last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])

    def stop(self) -> None:
        """Send SIGTERM, and SIGKILL to its whole process group if it hasn't ended after DRAIN_SECONDS."""
        pid = self.running()
        if pid:
            os.kill(pid, SIGTERM)
            if not self._gone_within(DRAIN_SECONDS):
                with suppress(ProcessLookupError, PermissionError):  # macOS says EPERM where only zombies are left
                    os.killpg(pid, SIGKILL)
        self.pid_file.unlink(missing_ok=True)

    def _gone_within(self, seconds: float) -> bool:
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            if not self.running():
                return True
            time.sleep(0.2)
        return False
