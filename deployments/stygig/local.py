"""The embedded AWS as a command, and the exports that point clients at it."""

import json
import os
import shlex
from pathlib import Path

import typer

from stygig.output import Printer
from stygig.processes import start_time
from stygig.running import sigterm_raises
from tasks.errors import NotFoundError, StygigError
from tasks.sources import cache_folder


def _state() -> Path:
    return cache_folder() / "local.json"


def serve(port: int, clock_rate: float, out: Printer) -> None:
    """Serves until Ctrl-C or SIGTERM; what `exports` needs is written down for as long."""
    from localaws import LocalAws

    try:
        aws = LocalAws(port=port, clock_rate=clock_rate)
        aws.start()
    except OSError as exc:
        raise StygigError(
            f"Port {port} can't be listened on: {exc}. Give another --port, or 0 for a free one."
        ) from exc
    state = _state()
    state.parent.mkdir(parents=True, exist_ok=True)
    written = json.dumps({"pid": os.getpid(), "started": start_time(os.getpid()), "environment": aws.environment()})
    state.write_text(written)
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
        if state.is_file() and state.read_text() == written:  # a second one may have taken its place
            state.unlink()


def environment() -> dict[str, str]:
    """The environment variables of the embedded AWS that runs."""
    state = _state()
    running = json.loads(state.read_text()) if state.is_file() else None
    if running is None or start_time(running["pid"]) != running["started"]:
        raise NotFoundError("No embedded AWS is running. Start one with `stygig local up`.")
    found: dict[str, str] = running["environment"]
    return found


def exports() -> list[str]:
    """The same as `export NAME=VALUE` lines."""
    return [f"export {name}={shlex.quote(value)}" for name, value in environment().items()]
