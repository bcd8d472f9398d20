"""What every part of the hosting shares: the lock, the clock, the journal, threads, and where workers live."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from localaws.clock import Clock
from localaws.journal import Journal
from localaws.services.moto_services import ACCOUNT
from localaws.threads import Spawner, ThreadGroup


@dataclass(frozen=True)
class Hosting:
    """One embedded AWS. `lock` guards every state of every endpoint."""

    clock: Clock
    journal: Journal
    threads: ThreadGroup
    spawner: Spawner
    run_directory: Path
    worker_environment: Callable[[str], dict[str, str]]
    lock: threading.RLock = field(default_factory=threading.RLock)
    closing: threading.Event = field(default_factory=threading.Event)


def arn(region: str, kind: str, name: str) -> str:
    """A SageMaker ARN; AWS lowers the name in it."""
    return f"arn:aws:sagemaker:{region}:{ACCOUNT}:{kind}/{name.lower()}"
