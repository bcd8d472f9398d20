"""How a command ends: one line on stderr that says why, and an exit status."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from localaws.cli.signals import HUNG_UP, RECEIVED, TERMINATED
from stygig.output import CRASHED, Printer
from tasks.plain_text import visible_lines

INTERRUPTED = 130  # as in a shell: 128 + SIGINT


def refused(exc: typer.exceptions.TyperException, as_json: bool) -> int:
    """Say in one line what is wrong with the arguments; return the exit status."""
    context = getattr(exc, "ctx", None)
    path = context.command_path if context else "stygig"
    said = " ".join(exc.format_message().split())
    if type(exc).__name__ == "NoArgsIsHelpError":  # typer doesn't export the class
        typer.echo(exc.format_message())
        return 2
    if as_json:
        typer.echo(json.dumps({"error": said}))
    typer.echo(visible_lines(f"error: {said} (`{path} --help` explains)"), err=True)
    return 2


@contextmanager
def ending(as_json: bool) -> Iterator[Printer]:
    """Yield a printer, and turn any exception into one clear line on stderr and an exit status."""
    printer = Printer(as_json)
    status, line = 0, ""
    try:
        yield printer
    except typer.Exit as exc:
        status = exc.exit_code
    except KeyboardInterrupt:
        status, line = INTERRUPTED, "interrupted"
    except SystemExit as exc:
        status, line = (exc.code, "terminated") if exc.code in (TERMINATED, HUNG_UP) else (CRASHED, "terminated")
    except Exception as exc:
        status, line = _explained(exc, printer)
    if line:
        printer.said |= {"error": line.removeprefix("error: ")} if as_json else {}
        typer.echo(visible_lines(line), err=True)
    printer.finish()
    if status:
        raise typer.Exit(status)


def _interrupted_by(exc: BaseException) -> tuple[int, str] | None:
    """The status and line if a signal caused this: between two tasks Prefect turns one into an error of its own."""
    if RECEIVED:
        return RECEIVED[-1], "terminated"
    if "prefect" not in sys.modules:  # then it raised nothing, and importing it takes seconds
        return None
    from prefect.exceptions import TerminationSignal

    seen: BaseException | None = exc
    while seen is not None:
        if isinstance(seen, KeyboardInterrupt):
            return INTERRUPTED, "interrupted"
        if isinstance(seen, TerminationSignal):
            return TERMINATED, "terminated"
        seen = seen.__cause__ or seen.__context__
    return None


def _explained(exc: Exception, printer: Printer) -> tuple[int, str]:
    from tasks.errors import StygigError, ValidationFailedError

    interrupted = _interrupted_by(exc)
    if interrupted:
        return interrupted
    if isinstance(exc, StygigError) and exc.result is not None:
        printer.result(exc.result)
    if isinstance(exc, ValidationFailedError):
        return exc.exit_status, ""
    if isinstance(exc, StygigError):
        return exc.exit_status, f"error: {exc}"
    import traceback

    traceback.print_exception(exc, file=sys.stderr)
    return CRASHED, f"error: {type(exc).__name__}: {exc}"
