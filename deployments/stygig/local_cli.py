"""The commands of the embedded AWS: run it, point a shell at it, look at what it is doing."""

from typing import Annotated

import typer

from stygig.arguments import Json
from stygig.output import ending

local = typer.Typer(
    help="The embedded AWS: S3, SNS, SQS, SageMaker hosting and more, on loopback.", no_args_is_help=True
)

Which = Annotated[int, typer.Option("--port", min=0, max=65535, help="Which one; 0 is the one started last.")]


@local.command()
def up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 4577,
    clock_rate: Annotated[float, typer.Option(min=0.001, max=100_000, help="How much faster AWS's time passes.")] = 1.0,
    json: Json = False,
) -> None:
    """Run the embedded AWS in the foreground until Ctrl-C."""
    with ending(json) as out:
        from stygig.local import serve

        serve(port, clock_rate, out)


@local.command()
def env(
    port: Which = 0,
    json: Json = False,
) -> None:
    """Print the exports that point any AWS client at the embedded AWS: eval "$(stygig local env)"."""
    with ending(json) as out:
        from stygig.local import environment, exports

        found = environment(port)
        out.emit({"environment": found}, "\n".join(exports(found)))


@local.command()
def status(port: Which = 0, json: Json = False) -> None:
    """Show the endpoints of a running embedded AWS, their instances and queues, and the last failures."""
    with ending(json) as out:
        from stygig.local_view import fetch_status, status_text

        found = fetch_status(port)
        out.emit(found, status_text(found))


@local.command()
def journal(
    port: Which = 0,
    event: Annotated[str, typer.Option(help="Only events that start so: async, invoke.failed, endpoint.status …")] = "",
    endpoint: Annotated[str, typer.Option(help="Only those of this endpoint.")] = "",
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until Ctrl-C; with --json one object a line.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what a running embedded AWS has recorded: every transition, invocation and fault."""
    with ending(json) as out:
        from stygig.local_view import follow_journal, journal_line, read_journal

        if follow:
            follow_journal(port, event, endpoint, json)
        else:
            entries = read_journal(port, event, endpoint)
            out.emit({"entries": entries}, "\n".join(map(journal_line, entries)) or "no entries")
