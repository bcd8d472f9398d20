"""The sign of life that a run writes to S3 while it lives, and by which a sweep judges it, whatever Prefect says.

Prefect doesn't notice that a run's machine is gone, and it calls a run Crashed when only its worker was killed. Ages
are measured by S3's own clock, since the clocks of two machines may differ by more than a beat.
"""

import json
import os
import socket
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal

import psutil

from tasks.clients import client, explained, missing_ok
from tasks.errors import StygigError
from tasks.names import RunNames, S3Location
from tasks.prefect_task import Progress
from tasks.resources.processes import lives, start_time

BEAT_SECONDS = 30.0
LAST_BEAT_SECONDS = 60.0
"""Seconds that a run's end waits for a beat under way, which must not be written after the run's data is gone."""


@dataclass(frozen=True)
class Process:
    """A process on some machine: its id means nothing on another one, or in another container of the same one."""

    machine: str
    pid: int
    started: float

    def state(self) -> Literal["alive", "gone", "unknown"]:
        """The state as seen from here; "unknown" if the process ran elsewhere, or if its id was given again."""
        if self.machine != this_machine():
            return "unknown"
        if start_time(self.pid) is None:
            return "gone"
        return "alive" if lives(self.pid, self.started) else "unknown"


def this_machine() -> str:
    """The name of this boot of this machine and, on Linux, of this namespace of process ids."""
    with suppress(OSError):  # no /proc: not Linux
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # containers of one machine share its boot_id
    return f"{socket.gethostname()} {psutil.boot_time():.0f}"


def this_process() -> Process:
    return Process(this_machine(), os.getpid(), start_time(os.getpid()) or 0.0)


@dataclass(frozen=True)
class Heartbeat:
    """A run's sign of life. `silent_seconds` is its age."""

    process: Process
    kept: bool
    """True if what the run makes is meant to stay until it expires."""
    ended: bool
    silent_seconds: float = 0.0


def read_heartbeat(bucket: str, run_id: str) -> Heartbeat | None:
    """The run's last sign of life; None if there is none, or none that can be read."""
    where = _location(bucket, run_id)
    with explained("s3:GetObject", where.uri), missing_ok():
        answer = client("s3").get_object(Bucket=where.bucket, Key=where.key)
        asked_at = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        silent = (asked_at - answer["LastModified"]).total_seconds()
        with suppress(ValueError, TypeError, KeyError, RecursionError):  # the last for JSON that is nested too deeply
            return _heartbeat(json.loads(answer["Body"].read()), max(0.0, silent))
    return None


def _heartbeat(read: Any, silent_seconds: float) -> Heartbeat:
    """The heartbeat that was read; raise ValueError, TypeError or KeyError if it is none."""
    process = Process(**read["process"])
    if not (isinstance(process.pid, int) and process.pid > 0 and isinstance(process.started, int | float)):
        raise ValueError(f"{process} is no process")
    return Heartbeat(process, read["kept"] is True, read["ended"] is True, silent_seconds)


def _location(bucket: str, run_id: str) -> S3Location:
    return RunNames(run_id, bucket).prefix.child("heartbeat.json")


@dataclass
class Beating:
    """A thread that writes the heartbeat until it is stopped. If S3 refuses a beat, it warns once and goes on."""

    bucket: str
    run_id: str
    warn: Progress
    kept: bool = False
    """True if what the run makes is meant to stay."""
    stopping: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def start(self) -> None:
        """Write the first beat before returning: nothing is made before there is a sign of life."""
        self.write(ended=False)
        self.thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.stopping.set()
        if self.thread:
            self.thread.join(LAST_BEAT_SECONDS)

    def end(self) -> None:
        """Stop, and write the last beat of a run whose resources stay: it has ended as intended."""
        self.stop()
        self.write(ended=True)

    def write(self, ended: bool, *, hasty: bool = False) -> None:
        where = _location(self.bucket, self.run_id)
        beat: dict[str, Any] = {"process": asdict(this_process()), "kept": self.kept, "ended": ended}
        with explained("s3:PutObject", where.uri):
            client("s3", hasty=hasty).put_object(Bucket=where.bucket, Key=where.key, Body=json.dumps(beat).encode())

    def _beat(self) -> None:
        failed = False
        while not self.stopping.wait(BEAT_SECONDS):
            try:
                # Hasty: a beat that arrives after the run's end would make the run look alive. The first and the last
                # get every attempt: without the last, a sweep would remove what was to be kept.
                self.write(ended=False, hasty=True)
                failed = False
            except StygigError as exc:
                if not failed:
                    self.warn(f"the run's sign of life could not be written, will go on trying: {exc}")
                failed = True
