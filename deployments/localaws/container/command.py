"""The command that starts an instance's process: the mirrored toolkit, or AWS's real PyTorch stack."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Literal

TORCHSERVE_PYTHON = "LOCALAWS_TORCHSERVE_PYTHON"
_LAUNCHER = Path(__file__).with_name("torchserve_launcher.py")

TOOLKIT = (sys.executable, "-m", "localaws.container")


class ContainerMissingError(Exception):
    """A container that was asked for and is not installed."""


def container_command(container: Literal["toolkit", "torchserve"], python: str | None = None) -> tuple[str, ...]:
    """The command that serves; the caller appends a listening socket's file descriptor and the model's folder.

    `python`, or else LOCALAWS_TORCHSERVE_PYTHON, is the interpreter of the environment that holds TorchServe.
    """
    if container == "toolkit":
        return TOOLKIT
    python = python or os.environ.get(TORCHSERVE_PYTHON)
    if not python:
        raise ContainerMissingError(
            f'container="torchserve" needs an environment with TorchServe, and was told of none: set '
            f"Options(torchserve_python=…) or {TORCHSERVE_PYTHON} to its Python. README.md says how to make one."
        )
    if shutil.which(python) is None:
        raise ContainerMissingError(f'container="torchserve" needs {python}, which is no program: see README.md.')
    java = os.path.join(os.environ["JAVA_HOME"], "bin", "java") if "JAVA_HOME" in os.environ else "java"
    if shutil.which(java) is None:
        raise ContainerMissingError(f'container="torchserve" needs Java 17; there is no {java}. See README.md.')
    # -P keeps the launcher's folder, with its toolkit.py, off sys.path.
    return (python, "-P", str(_LAUNCHER))
