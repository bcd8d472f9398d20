"""`python -m stygig.stack up|down`."""

import os
import sys

import httpx

from localaws.cli.signals import signals_end_the_command
from stygig.stack.schedules import NextRun
from stygig.stack.service import StackError
from stygig.stack.services import Stack, say
from stygig.stack.starting import prepared, up
from stygig.stack.stopping import down


def explain(stack: Stack, runs: list[NextRun]) -> None:
    """Say how to use the stack, and when it will do something by itself."""
    where = os.path.relpath(stack.run)
    say("")
    say(f"Prefect UI:  http://127.0.0.1:{stack.prefect_port}/deployments, password: cat {where}/prefect-auth")
    say(f'In a shell:  . {where}/env   (AWS alone: eval "$(stygig local env --port {stack.aws_port})")')
    say("             .venv/bin/prefect deployment run 'nightly-validation/nightly' --watch")
    for run in runs:
        say(f"             {run}")
    say("`make down` ends all of it.")


def main() -> int:
    if sys.argv[1:] not in (["up"], ["down"]):
        say("usage: python -m stygig.stack up|down")
        return 2
    stack = Stack.here()
    try:
        with signals_end_the_command(), stack.alone():
            if sys.argv[1] == "up":
                stack = prepared(stack)
                explain(stack, up(stack))
            else:
                down(stack)
    except (StackError, OSError, httpx.HTTPError) as exc:
        say(f"error: {exc}")
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
