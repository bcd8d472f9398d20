"""The command that starts an instance's process: the mirrored toolkit, or AWS's real PyTorch stack."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Literal

TORCHSERVE_PYTHON = "LOCALAWS_TORCHSERVE_PYTHON"
HOW = "The README of stygig-localaws says how to make such an environment."
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
            f'container="torchserve" needs an environment with TorchServe, and none is named: set '
            f"Options(torchserve_python=…) or {TORCHSERVE_PYTHON} to its Python. {HOW}"
        )
    if shutil.which(python) is None:
        raise ContainerMissingError(f'container="torchserve" needs {python}, which is not a program. {HOW}')
    java = os.path.join(os.environ["JAVA_HOME"], "bin", "java") if "JAVA_HOME" in os.environ else "java"
    if shutil.which(java) is None:
        raise ContainerMissingError(f'container="torchserve" needs Java 17; there is no {java}. {HOW}')
    # -P keeps the launcher's folder, with its toolkit.py, off sys.path.
    return (python, "-P", str(_LAUNCHER))
