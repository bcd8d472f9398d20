"""An embedded AWS in a process of its own, and the state file by which other processes find it."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import typer

from localaws.cli.ending import CommandError, NotRunningError, Printer
from localaws.cli.signals import signals_end_the_command

SAME_START_SECONDS = 60.0
"""Tolerance in seconds for a process's start time, which shifts when the clock is set; ids are reused much later."""


def states_folder() -> Path:
    """The folder with one file for each embedded AWS that runs as a command of this user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "localaws" / "running"


def serve(
    port: int, clock_rate: float, out: Printer, exported: Callable[[dict[str, str]], dict[str, str]], group: str
) -> None:
    """Serve until Ctrl-C or SIGTERM; meanwhile the state file for `environment` exists."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        os.environ.pop(name, None)  # moto looks for the profile when it is imported
    from localaws import LocalAws

    aws = LocalAws(port=port, clock_rate=clock_rate)
    try:
        aws.start()
    except OSError as exc:
        raise CommandError(
            f"Port {port} can't be listened on: {exc}. Give another --port; 0 takes a free one."
        ) from exc
    try:
        state = _write_down(aws.port, aws.environment())
    except OSError as exc:
        aws.stop()
        raise CommandError(f"{states_folder()} can't be written: {exc}. Set XDG_CACHE_HOME to another folder.") from exc
    told = {"endpoint_url": aws.endpoint_url, "pid": os.getpid(), "environment": exported(aws.environment())}
    out.emit(told, aws.endpoint_url)
    typer.echo("The embedded AWS is up; Ctrl-C ends it.", err=True)
    typer.echo(f'eval "$({group} env)" points a shell at it.', err=True)
    try:
        with signals_end_the_command():
            aws.serve_forever()
    except (KeyboardInterrupt, SystemExit):
        typer.echo("ended; its endpoints went with it", err=True)
    finally:
        aws.stop()
        state.unlink(missing_ok=True)


def _write_down(port: int, variables: dict[str, str]) -> Path:
    """Write the state file that tells other processes about this one; it is complete from the moment it exists."""
    pid = os.getpid()
    state = states_folder() / f"{pid}.json"
    state.parent.mkdir(parents=True, exist_ok=True)
    half = state.with_suffix(".half")
    half.touch(mode=0o600)  # it has the access key
    half.write_text(json.dumps({"pid": pid, "started": _started(pid), "port": port, "environment": variables}))
    half.rename(state)
    return state


def environment(port: int = 0, group: str = "localaws") -> dict[str, str]:
    """The environment variables of the embedded AWS on that port, or of the running one that was started last."""
    found = filter(None, map(_living, states_folder().glob("*.json")))
    living = [state for state in found if state["port"] == port or not port]
    if not living:
        where = f" on port {port}" if port else ""
        raise NotRunningError(f"No embedded AWS is running{where}. Start one with `{group} up`.")
    if len(living) > 1:
        ports = ", ".join(str(state["port"]) for state in living)
        typer.echo(f"several are running (ports {ports}); this is the one started last, --port chooses", err=True)
    variables: dict[str, str] = max(living, key=lambda state: float(state["started"]))["environment"]
    return variables


def _living(state: Path) -> dict[str, Any] | None:
    """The state of a running embedded AWS; None for the file that a killed one left behind."""
    try:
        read: dict[str, Any] = json.loads(state.read_text())
        started = _started(read["pid"])
        lives = started is not None and abs(started - float(read["started"])) < SAME_START_SECONDS
        return read if lives else None
    except (OSError, ValueError, TypeError, KeyError):
        return None  # it has just ended, or the file is no state file


def _started(pid: int) -> float | None:
    """The process's start in seconds since 1970; None if it has ended."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:  # ended, but Linux keeps it until its parent asks
            return float(process.create_time())
    return None


def exports(variables: dict[str, str]) -> list[str]:
    """`export NAME=VALUE` lines."""
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
