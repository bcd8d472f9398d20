"""The machine that a run was measured from: round trips and waits mean little without it."""

import platform
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from tasks.clients import client


@dataclass(frozen=True)
class Machine:
    """The client's machine, and the service it talked to; `cpu` is empty if the model isn't known."""

    platform: str
    cpu: str
    logical_cores: int
    memory_bytes: int
    python: str
    stygig: str
    service: str
    """The host that answers for SageMaker: one of AWS's, or an embedded AWS whose endpoints run on that host."""

    def __str__(self) -> str:
        cpu = self.cpu or "CPU of unknown model"
        return f"{self.platform}; {cpu}, {self.logical_cores} logical cores, {self.memory_bytes / 2**30:.1f} GiB memory"


def this_machine() -> Machine:
    return Machine(
        platform=platform.platform(),
        cpu=_cpu_model(),
        logical_cores=psutil.cpu_count() or 0,
        memory_bytes=psutil.virtual_memory().total,
        python=platform.python_version(),
        stygig=_own_version(),
        service=urlsplit(client("sagemaker").meta.endpoint_url).netloc,
    )


def _cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The "model name" in Linux's /proc/cpuinfo, absent on some architectures; else what Python knows."""
    with suppress(OSError):
        for line in cpuinfo.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor()


def _own_version() -> str:
    try:
        return version("stygig")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "unknown"
