"""The commands of the embedded AWS; another program can include them with `commands(…)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from localaws.cli.ending import ending

Which = Annotated[int, typer.Option("--port", min=0, max=65535, help="Which one; 0 is the one started last.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout instead of text.")]


def as_they_are(variables: dict[str, str]) -> dict[str, str]:
    """The environment variables, unchanged."""
    return variables


def commands(exported: Callable[[dict[str, str]], dict[str, str]] = as_they_are) -> typer.Typer:
    """The commands as one typer app. `exported` chooses the variables that `env` prints and `up` reports."""
    app = typer.Typer(
        help="The embedded AWS: S3, SNS, SQS, SageMaker hosting and more, on loopback.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )

    @app.command()
    def up(
        context: typer.Context,
        port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 4577,
        clock_rate: Annotated[
            float, typer.Option(min=0.001, max=100_000, help="How much faster AWS's time passes.")
        ] = 1.0,
        json: Json = False,
    ) -> None:
        """Run the embedded AWS in the foreground until Ctrl-C."""
        with ending(json) as out:
            from localaws.cli.running import serve

            serve(port, clock_rate, out, exported, group(context))

    @app.command()
    def env(context: typer.Context, port: Which = 0, json: Json = False) -> None:
        """Print the exports that point any AWS client at the embedded AWS, for eval "$(… env)"."""
        with ending(json) as out:
            from localaws.cli.running import environment, exports

            found = exported(environment(port, group(context)))
            out.emit({"environment": found}, "\n".join(exports(found)))

    app.command()(status)
    app.command()(journal)
    return app


def group(context: typer.Context) -> str:
    """The words that come before a command's name: `localaws`, or what another program calls it."""
    return context.parent.command_path if context.parent else "localaws"


def status(context: typer.Context, port: Which = 0, json: Json = False) -> None:
    """Show the endpoints of a running embedded AWS, their instances and queues, and the last failures."""
    with ending(json) as out:
        from localaws.cli.view import fetch_status, status_text

        found = fetch_status(url_of(context, port))
        out.emit(found, status_text(found))


def journal(
    context: typer.Context,
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
        from localaws.cli.view import follow_journal, journal_line, read_journal

        if follow:
            follow_journal(url_of(context, port), event, endpoint, json)
        else:
            entries = read_journal(url_of(context, port), event, endpoint)
            out.emit({"entries": entries}, "\n".join(map(journal_line, entries)) or "no entries")


def url_of(context: typer.Context, port: int) -> str:
    """The URL of the embedded AWS on that port, or of the one that was started last."""
    from localaws.cli.running import environment

    return environment(port, group(context))["AWS_ENDPOINT_URL"]


app = commands()
