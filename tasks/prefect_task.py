"""Prefect tasks that don't import Prefect before one of them runs.

Importing Prefect takes seconds, and `stygig invoke` calls only the plain functions below the tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, wraps
from inspect import signature
from logging import ERROR, INFO, WARNING, Logger, LoggerAdapter
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from tasks.errors import ServiceUnreachableError
from tasks.plain_text import visible_lines

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

RETRY_SECONDS = [2, 10, 40]
Progress = Callable[[str], None]
"""The way a long piece of work reports what it is doing: a line now and then."""
P = ParamSpec("P")
R = TypeVar("R")


def task(
    name: str, task_run_name: str | None = None, *, only_reads: bool = False, large: Sequence[str] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a Prefect task of a function when it is first called.

    Every task of ours acts on AWS or looks at it, so none may be answered from a cache; and Prefect would hash the
    arguments for it, which fails with a logged error for most of ours. A task that only reads is tried again where AWS
    gave no answer, beyond boto3's own attempts: a connection that is lost for a minute must not cost a night.

    Prefect visits every value in the arguments, twice, to find the tasks that they come from. `large` names the
    parameters whose insides it leaves alone: with an answer for each request they would take longer than the rest.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        parameters = signature(function)
        assert set(large) <= set(parameters.parameters)

        @cache
        def made() -> Callable[P, R]:
            import prefect
            from prefect.cache_policies import NO_CACHE

            options: dict[str, Any] = {"task_run_name": task_run_name} if task_run_name else {}
            if only_reads:
                options |= {"retries": len(RETRY_SECONDS), "retry_delay_seconds": RETRY_SECONDS}
                options |= {"retry_jitter_factor": 0.5, "retry_condition_fn": _gave_no_answer}
            return prefect.task(function, name=name, cache_policy=NO_CACHE, **options)  # type: ignore[call-overload, no-any-return]

        @wraps(function)
        def run(*arguments: P.args, **named: P.kwargs) -> R:
            from prefect.utilities.annotations import opaque

            given: dict[str, Any] = parameters.bind(*arguments, **named).arguments
            return made()(**{each: opaque(value) if each in large else value for each, value in given.items()})  # type: ignore[arg-type, call-arg]

        return run

    return decorate


def _gave_no_answer(task: object, task_run: object, state: State[Any]) -> bool:
    """True if trying again may help: a refusal, or a missing resource, stays one."""
    raised = state.result(raise_on_failure=False)  # a failed state's result is its exception
    return isinstance(raised, ServiceUnreachableError)


class VisibleLogger:
    """A logger that escapes unprintable characters: a terminal may take those in a file's name for commands."""

    def __init__(self, logger: Logger | LoggerAdapter[Any]) -> None:
        self.logger = logger

    def info(self, message: str, *values: object) -> None:
        self._log(INFO, message, values)

    def warning(self, message: str, *values: object) -> None:
        self._log(WARNING, message, values)

    def error(self, message: str, *values: object) -> None:
        self._log(ERROR, message, values)

    def _log(self, level: int, message: str, values: tuple[object, ...]) -> None:
        shown = visible_lines(message % values if values else message)
        self.logger.log(level, "%s", shown, stacklevel=3)  # the caller of info() counts as the line's origin


def run_logger() -> VisibleLogger:
    """The logger of the flow run or task run that is under way, whose lines the Prefect UI shows."""
    from prefect.logging import get_run_logger

    return VisibleLogger(get_run_logger())


def silent(line: str) -> None:
    """Discard the line: progress that nobody reads."""
