"""Which process a process id means: ids are used again, the time of the start is not."""

from contextlib import suppress

import psutil

SAME_START_SECONDS = 60.0
"""Systems that tell it by the time of day tell it differently once their clock was set; ids come again much later."""


def start_time(pid: int) -> float | None:
    """When the process started, in seconds since 1970; None if it has ended, even if nobody has taken note yet."""
    with suppress(psutil.NoSuchProcess):
        found = psutil.Process(pid)
        if found.status() != psutil.STATUS_ZOMBIE:
            return float(found.create_time())
    return None


def lives(pid: int, started: float) -> bool:
    """Whether the process that started then still runs."""
    found = start_time(pid)
    return found is not None and abs(found - started) < SAME_START_SECONDS


def cpu_seconds(pid: int) -> float:
    """What the process and those it has started, as far as they live, have computed so far; 0 if it has ended."""
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        found = psutil.Process(pid)
        return sum(map(_own_cpu_seconds, (found, *found.children(recursive=True))))
    return 0.0


def _own_cpu_seconds(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0
