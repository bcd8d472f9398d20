"""The end of a command: results on stdout, everything else in one line on stderr, and an exit status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

# Shells report a command that SIGINT ended as 128 + 2; typer ends with 2 for wrong arguments.
INTERRUPTED, WRONG_INPUT, FAILED = 130, 2, 3


class CommandError(Exception):
    """A command that can't be carried out; the message says why and what to do."""

    exit_status = FAILED


class NotRunningError(CommandError):
    """No running embedded AWS where one was looked for."""

    exit_status = WRONG_INPUT


class UnreachableError(CommandError):
    """An embedded AWS that was running and does not answer."""


class Printer:
    """A printer of results as text, or as one JSON object each."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def emit(self, value: dict[str, Any], text: str) -> None:
        typer.echo(json.dumps(value, indent=2, default=str) if self.as_json else text)


@contextmanager
def ending(as_json: bool) -> Iterator[Printer]:
    """Turn what was raised into one clear line on stderr and an exit status."""
    try:
        yield Printer(as_json)
    except CommandError as exc:
        if as_json:
            typer.echo(json.dumps({"error": str(exc)}))
        typer.echo(f"error: {exc}", err=True)
        raise typer.Exit(exc.exit_status) from None
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(INTERRUPTED) from None
