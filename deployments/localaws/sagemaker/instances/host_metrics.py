"""The utilisation of an instance, read from Linux's /proc; elsewhere CPU and memory are zero."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_MEMORY_BYTES = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def utilisation(pid: int | None, home: Path) -> dict[str, float]:
    """CPU (100 is one core, averaged over the worker's life), memory and disk in per cent, under AWS's names."""
    cpu, memory = _cpu_and_memory(pid) if pid is not None else (0.0, 0.0)
    return {"CPUUtilization": cpu, "MemoryUtilization": memory, "DiskUtilization": _disk(home)}


def _cpu_and_memory(pid: int) -> tuple[float, float]:
    try:
        # proc(5): the program's name, in brackets, may hold blanks, so the numbers are counted from its end.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0, 0.0
    # User and system time, the process's own and its ended children's; below, its start and its resident pages.
    busy = sum(int(ticks) for ticks in fields[11:15]) / _TICKS_PER_SECOND
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / _TICKS_PER_SECOND
    resident = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return 100 * busy / max(age, 1 / _TICKS_PER_SECOND), 100 * resident / _MEMORY_BYTES


def _disk(home: Path) -> float:
    try:
        disk = shutil.disk_usage(home)
    except OSError:
        return 0.0
    return 100 * disk.used / disk.total
