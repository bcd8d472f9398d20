"""The command line that repeats a run."""

import inspect
import os
import shlex
from collections.abc import Callable, Mapping
from typing import Any

TYPED = "STYGIG_TYPED_COMMAND"
"""The variable by which the command line tells a flow in its process what was typed, quoted for a shell."""


def command_line(command: str, run: Callable[..., Any], parameters: Mapping[str, Any]) -> str:
    """The command that was typed; for a run that a worker started, `stygig COMMAND` with what differs from defaults."""
    if typed := os.environ.get(TYPED):
        return typed
    defaults = {name: each.default for name, each in inspect.signature(run).parameters.items()}
    words = ["stygig", command]
    for name, value in parameters.items():
        if value != defaults[name]:
            option = f"--{name.replace('_', '-')}"
            words += [option] if value is True else [option, str(value)]
    return shlex.join(words)
