"""The embedded AWS as a command, and the exports that point clients at it."""

import json
import os
import shlex
from pathlib import Path
from typing import Any

import typer

from stygig.output import Printer
from stygig.signals import signals_end_the_command
from tasks.errors import NotFoundError, StygigError
from tasks.resources.processes import lives, start_time
from tasks.settings import cache_folder


def _states() -> Path:
    return cache_folder() / "local"


def serve(port: int, clock_rate: float, out: Printer) -> None:
    """Serves until Ctrl-C or SIGTERM; what `exports` needs is written down for as long."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        os.environ.pop(name, None)  # moto looks for it when it is imported
    from localaws import LocalAws

    aws = LocalAws(port=port, clock_rate=clock_rate)
    try:
        aws.start()
    except OSError as exc:
        raise StygigError(f"Port {port} can't be listened on: {exc}. Give another --port; 0 takes a free one.") from exc
    state = _write_down(aws.port, aws.environment())
    out.emit({"endpoint_url": aws.endpoint_url, "pid": os.getpid(), "environment": aws.environment()}, aws.endpoint_url)
    out.finish()
    typer.echo("The embedded AWS is up; Ctrl-C ends it.", err=True)
    typer.echo('eval "$(stygig local env)" points a shell at it.', err=True)
    try:
        with signals_end_the_command():
            aws.serve_forever()
    except (KeyboardInterrupt, SystemExit):
        typer.echo("ended; its endpoints went with it", err=True)
    finally:
        aws.stop()
        state.unlink(missing_ok=True)


def _write_down(port: int, variables: dict[str, str]) -> Path:
    """The file that tells other processes of this one, whole from the moment it is there."""
    pid = os.getpid()
    state = _states() / f"{pid}.json"
    state.parent.mkdir(parents=True, exist_ok=True)
    half = state.with_suffix(".half")
    half.touch(mode=0o600)  # with the keys to it
    half.write_text(json.dumps({"pid": pid, "started": start_time(pid), "port": port, "environment": variables}))
    half.rename(state)
    return state


def environment(port: int = 0) -> dict[str, str]:
    """The environment variables of the embedded AWS on that port, or of the one that was started last and lives."""
    found = filter(None, map(_living, _states().glob("*.json")))
    living = [state for state in found if state["port"] == port or not port]
    if not living:
        where = f" on port {port}" if port else ""
        raise NotFoundError(f"No embedded AWS is running{where}. Start one with `stygig local up`.")
    if len(living) > 1:
        ports = ", ".join(str(state["port"]) for state in living)
        typer.echo(f"several are running (ports {ports}); this is the one started last, --port chooses", err=True)
    variables: dict[str, str] = max(living, key=lambda state: float(state["started"]))["environment"]
    return variables


def _living(state: Path) -> dict[str, Any] | None:
    """What a running one has written down; None for what a killed one has left."""
    try:
        read: dict[str, Any] = json.loads(state.read_text())
        return read if lives(read["pid"], float(read["started"])) else None
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None  # it has just ended, or the file tells of nobody


def exports(variables: dict[str, str]) -> list[str]:
    """`export NAME=VALUE` lines."""
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
