"""Processes told apart by id and start time: ids are used again, start times are not."""

from contextlib import suppress

import psutil

SAME_START_SECONDS = 60.0
"""The tolerance for start times: on some systems they shift when the clock is set. Ids come again much later."""


def start_time(pid: int) -> float | None:
    """The start of the process in seconds since 1970; None if it has ended, even if its parent hasn't noticed yet."""
    with suppress(psutil.NoSuchProcess):
        found = psutil.Process(pid)
        if found.status() != psutil.STATUS_ZOMBIE:
            return float(found.create_time())
    return None


def lives(pid: int, started: float) -> bool:
    """True if the process that started then still runs."""
    found = start_time(pid)
    return found is not None and abs(found - started) < SAME_START_SECONDS


def cpu_seconds(pid: int) -> float:
    """The CPU seconds so far of the process and of its descendants that still live; 0 if it has ended."""
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        found = psutil.Process(pid)
        return sum(map(_own_cpu_seconds, (found, *found.children(recursive=True))))
    return 0.0


def _own_cpu_seconds(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0
