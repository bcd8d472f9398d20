"""The state that every part of the hosting shares: lock, clock, journal, threads, and the workers' folder."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from localaws.clock import Clock
from localaws.container.command import TOOLKIT
from localaws.faults import Faults
from localaws.journal import Journal
from localaws.services.moto_services import ACCOUNT
from localaws.threads import Spawner, ThreadGroup


@dataclass(frozen=True)
class Options:
    """Options on how closely the embedded AWS follows AWS where that is inconvenient.

    ping: "strict" answers /ping only once the model is loaded; "torchserve" as soon as the server is up, as AWS's
        PyTorch image does, so that an endpoint is InService while its model is loading or has failed to.
    container: "toolkit" is the mirror of AWS's inference toolkit; "torchserve" starts the real stack, if installed,
        whose /ping is always the real one.
    torchserve_python: the Python of the environment with TorchServe; by default LOCALAWS_TORCHSERVE_PYTHON names it.
    opt_ml_model: a worker finds its model data at /opt/ml/model, too, where Linux gives it mounts of its own.
    enforce_iam: calls are judged by the caller's policies, and the data plane by the execution role's.
    """

    ping: Literal["strict", "torchserve"] = "strict"
    container: Literal["toolkit", "torchserve"] = "toolkit"
    enforce_iam: bool = False
    torchserve_python: str | None = None
    opt_ml_model: bool = True


@dataclass(frozen=True)
class Hosting:
    """The parts of one embedded AWS. `lock` guards the state of every endpoint."""

    clock: Clock
    journal: Journal
    threads: ThreadGroup
    spawner: Spawner
    run_directory: Path
    worker_environment: Callable[[str], dict[str, str]]
    options: Options = field(default_factory=Options)
    container_command: tuple[str, ...] = TOOLKIT
    faults: Faults = field(default_factory=Faults)
    lock: threading.RLock = field(default_factory=threading.RLock)
    closing: threading.Event = field(default_factory=threading.Event)


def arn(region: str, kind: str, name: str) -> str:
    """A SageMaker ARN; as on AWS the name in it is in lower case."""
    return f"arn:aws:sagemaker:{region}:{ACCOUNT}:{kind}/{name.lower()}"
