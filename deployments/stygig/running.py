"""Runs of a flow from the command line: with the Prefect API that is set, or a temporary one of our own."""

import importlib
import logging
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

import typer

from localaws.cli.signals import signals_end_the_command
from stygig.embedded import our_environment
from stygig.sealed import sealed_process
from tasks.plain_text import visible_lines
from tasks.report.reproduction import TYPED

if TYPE_CHECKING:
    from tasks.resources.inventory import Inventory
    from tasks.resources.sweep import Sweep
    from tasks.resources.teardown import Removal


def run_flow(
    name: str, parameters: Mapping[str, Any], *, local: bool = False, and_then: Callable[[], None] | None = None
) -> Any:
    """Run the flow and return its result; however it ends, call `and_then` while the embedded AWS still runs."""
    from stygig.room import check_room
    from tasks.settings import cache_folder

    # else Prefect warns of each line that is logged outside of a flow run
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    reports = name in ("nightly_validation", "validate_endpoint") and not parameters.get("plan_only")
    check_room(local, reports)
    os.environ[TYPED] = shlex.join(["stygig", *sys.argv[1:]])
    with ExitStack() as stack:
        stack.enter_context(signals_end_the_command())
        if local:
            stack.enter_context(sealed_process(cache_folder()))
        from stygig.prefect_api import prefect_api
        from tasks.clients import account_id

        ready = stack.enter_context(prefect_api(own=local))
        quiet_prefect()
        if local:
            stack.enter_context(embedded_aws())
        flow = getattr(importlib.import_module(f"flows.{name}"), name)
        if os.environ.get("STYGIG_CREDENTIALS_BLOCK"):
            ready()  # the block with the credentials is stored in Prefect
        account_id()  # while the API starts: without credentials it fails at once
        ready()
        # The report needs it, at the very end; it takes a second, which the flow spends waiting for others anyway.
        if reports:
            Thread(target=importlib.import_module, args=("matplotlib.figure",), daemon=True).start()
        try:
            return flow(**parameters)
        finally:
            if and_then:
                and_then()


@contextmanager
def embedded_aws() -> Iterator[None]:
    """Run an embedded AWS in this process, whose environment points at it for as long."""
    from localaws import LocalAws  # moto looks for AWS_PROFILE when it is imported

    with LocalAws(port=0) as aws:
        os.environ.update(our_environment(aws.environment()))
        yield


NOISE = {"prefect.task_runs": ("Finished in state",), "prefect.flow_runs": ("View at", "Finished in state Failed")}
"""Beginnings of log lines to drop: one for every task, the URL of an API without UI, the command's last line."""


class OneLine(logging.Filter):
    """A filter that drops NOISE, and errors of ours, which the command's last line reports."""

    def filter(self, record: logging.LogRecord) -> bool:
        from tasks.errors import StygigError

        if record.getMessage().startswith(NOISE[record.name]):
            return False
        raised = record.exc_info[1] if record.exc_info else None
        return not isinstance(raised, StygigError)  # the command's last line says it


def quiet_prefect() -> None:
    """Drop noise from Prefect's console logs on stderr, and tracebacks of errors that explain themselves."""
    for name in NOISE:
        logging.getLogger(name).addFilter(OneLine())


def tear_down_directly(endpoint_name: str, run_id: str) -> "Removal":
    """Tear down without a flow run: a removal must not wait for a Prefect server, or depend on one."""
    from tasks.deadline import Deadline
    from tasks.plan import bucket_of
    from tasks.resources.teardown import tear_down_endpoint, tear_down_run
    from tasks.settings import read_settings

    settings = read_settings()
    bucket, deadline = bucket_of(settings), Deadline(settings.teardown_deadline_minutes * 60)
    with signals_end_the_command():
        if endpoint_name:
            return tear_down_endpoint(bucket, endpoint_name, deadline, _say).proven()
        return tear_down_run(bucket, run_id, deadline, _say).proven()


def sweep_directly(dry_run: bool, ignore_expiry: bool) -> "Sweep":
    """Sweep without a flow run, like the flow of that name, whose schedule runs it in Prefect."""
    from tasks.plan import bucket_of
    from tasks.resources.inventory import inventory
    from tasks.resources.sweep import judge_runs, sweep_runs
    from tasks.settings import read_settings

    settings = read_settings()
    bucket = bucket_of(settings)
    with signals_end_the_command():
        found = inventory(bucket)
        verdicts = judge_runs(bucket, found, ignore_expiry, dry_run, _say)
        return sweep_runs(bucket, found, verdicts, settings.teardown_deadline_minutes, dry_run, _say).proven()


def _say(line: str) -> None:
    typer.echo(visible_lines(line), err=True)


def inventory_directly() -> "Inventory":
    from tasks.plan import bucket_of
    from tasks.resources.inventory import existing
    from tasks.settings import read_settings

    return existing(bucket_of(read_settings()))
