"""The embedded AWS as a command, and the exports that point clients at it."""

import json
import os
import shlex
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import typer

from stygig.output import Printer
from stygig.processes import start_time
from stygig.running import sigterm_raises
from tasks.errors import NotFoundError, StygigError
from tasks.sources import cache_folder


def _states() -> Path:
    return cache_folder() / "local"


def serve(port: int, clock_rate: float, out: Printer) -> None:
    """Serves until Ctrl-C or SIGTERM; what `exports` needs is written down for as long."""
    from localaws import LocalAws

    _refuse_taken(port)
    aws = LocalAws(port=port, clock_rate=clock_rate)
    aws.start()
    state = _states() / f"{os.getpid()}.json"
    state.parent.mkdir(parents=True, exist_ok=True)
    said = {"pid": os.getpid(), "started": start_time(os.getpid()), "port": aws.port, "environment": aws.environment()}
    state.write_text(json.dumps(said))
    out.emit({"endpoint_url": aws.endpoint_url, "pid": os.getpid(), "environment": aws.environment()}, aws.endpoint_url)
    out.finish()
    typer.echo("The embedded AWS is up; Ctrl-C ends it.", err=True)
    typer.echo('eval "$(stygig local env)" points a shell at it.', err=True)
    try:
        with sigterm_raises():
            aws.serve_forever()
    except (KeyboardInterrupt, SystemExit):
        typer.echo("ended; its endpoints went with it", err=True)
    finally:
        aws.stop()
        state.unlink(missing_ok=True)


def _refuse_taken(port: int) -> None:
    try:
        with closing(socket.create_server(("127.0.0.1", port))):
            return
    except OSError as exc:
        raise StygigError(f"Port {port} can't be listened on: {exc}. Give another --port; 0 takes a free one.") from exc


def environment(port: int = 0) -> dict[str, str]:
    """The environment variables of the embedded AWS on that port, or of the one that was started last and lives."""
    living = [state for state in map(_read, _states().glob("*.json")) if state["port"] == port or not port]
    living = [state for state in living if start_time(state["pid"]) == state["started"]]
    if not living:
        where = f" on port {port}" if port else ""
        raise NotFoundError(f"No embedded AWS is running{where}. Start one with `stygig local up`.")
    if len(living) > 1:
        ports = ", ".join(str(state["port"]) for state in living)
        typer.echo(f"several are running (ports {ports}); this is the one started last, --port chooses", err=True)
    found: dict[str, str] = max(living, key=lambda state: int(state["started"]))["environment"]
    return found


def _read(state: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(state.read_text())
    return read


def exports(variables: dict[str, str]) -> list[str]:
    """`export NAME=VALUE` lines."""
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
