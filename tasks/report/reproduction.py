"""The command line that repeats a run."""

import inspect
import shlex
from collections.abc import Callable, Mapping
from typing import Any


def command_line(command: str, run: Callable[..., Any], parameters: Mapping[str, Any]) -> str:
    """`stygig COMMAND` with each parameter of a flow function that differs from its default, quoted for a shell."""
    defaults = {name: each.default for name, each in inspect.signature(run).parameters.items()}
    words = ["stygig", command]
    for name, value in parameters.items():
        if value != defaults[name]:
            option = f"--{name.replace('_', '-')}"
            words += [option] if value is True else [option, str(value)]
    return shlex.join(words)
