"""The utilisation of an instance: its worker's CPU and memory, and this machine's disk."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

import psutil

SHORTEST_AGE_SECONDS = 0.01


def utilisation(pid: int | None, home: Path) -> dict[str, float]:
    """CPU (100 is one core, averaged over the worker's life), memory and disk in per cent, under AWS's names."""
    cpu, memory = _cpu_and_memory(pid) if pid is not None else (0.0, 0.0)
    return {"CPUUtilization": cpu, "MemoryUtilization": memory, "DiskUtilization": _disk(home)}


def _cpu_and_memory(pid: int) -> tuple[float, float]:
    with suppress(psutil.Error):  # it has just ended
        process = psutil.Process(pid)
        busy = sum(process.cpu_times()[:4])  # user and system time, the process's own and its ended children's
        age = max(time.time() - process.create_time(), SHORTEST_AGE_SECONDS)
        return 100 * busy / age, float(process.memory_percent())
    return 0.0, 0.0


def resident_mebibytes(pid: int) -> float:
    """The process's resident memory; 0 if it has ended."""
    with suppress(psutil.Error):
        return float(psutil.Process(pid).memory_info().rss) / 2**20
    return 0.0


def _disk(home: Path) -> float:
    try:
        disk = shutil.disk_usage(home)
    except OSError:
        return 0.0
    return 100 * disk.used / disk.total
