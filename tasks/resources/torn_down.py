"""The layers that see to it that a run leaves nothing (README, "When a run is killed": which of them runs when).

1. `torn_down`, entered before the first thing is made: exceptions, a FAIL, Ctrl-C, SIGTERM, cancellation.
2. `teardown_hook`, which Prefect runs in a new process when the flow's own was killed.
3. the `sweep` flow, for when no process was left to run a hook.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from prefect.logging.loggers import flow_run_logger

from tasks.deadline import Deadline
from tasks.errors import StygigError
from tasks.plan import RunPlan, plan_run
from tasks.prefect_task import Progress, run_logger
from tasks.resources.heartbeat import Beating
from tasks.resources.inventory import recorded, write_down_data
from tasks.resources.teardown import Removal, tear_down_run, tear_down_task, uninterrupted


@dataclass
class Teardown:
    """The teardown of a run, with its result once it has run."""

    plan: RunPlan
    removal: Removal = field(default_factory=lambda: Removal((), ()))

    def run(self, say: Progress) -> None:
        deadline = Deadline(self.plan.settings.teardown_deadline_minutes * 60)
        self.removal = tear_down_run(self.plan.bucket, self.plan.run_id, deadline, say)

    def run_as_task(self, say: Progress) -> None:
        """Run as a task, so that the run's graph in Prefect shows it; without a task where Prefect itself fails."""
        minutes = self.plan.settings.teardown_deadline_minutes
        try:
            self.removal = tear_down_task(self.plan.bucket, self.plan.run_id, minutes)
        except StygigError:
            raise
        except Exception as exc:
            say(f"the teardown goes on without Prefect: {exc!r}")
            self.run(say)


@contextmanager
def torn_down(plan: RunPlan, *, keep: bool = False, keep_on_success: bool = False) -> Iterator[Teardown]:
    """Tear down what the run makes in this context, however the context ends, and hold signals back meanwhile."""
    teardown, say = Teardown(plan), run_logger().info
    write_down_data(plan)
    heart = Beating(plan.bucket, plan.run_id, run_logger().warning, kept=keep)
    heart.start()
    try:
        yield teardown
    except BaseException:  # Ctrl-C is no Exception, nor is the TerminationSignal that Prefect makes of SIGTERM
        with uninterrupted(say):
            _end_kept(heart) if keep else _tear_down_after_failure(heart, teardown, say)
        raise
    with uninterrupted(say):
        if keep or keep_on_success:
            heart.kept = True
            _end_kept(heart)
        else:
            heart.stop()
            teardown.run_as_task(say)


def _end_kept(heart: Beating) -> None:
    try:
        heart.end()
    except StygigError as exc:  # it must not change how the run itself ends
        run_logger().error(
            "that what the run made is to be kept could not be written down: "
            "a sweep may remove it before it expires: %s",
            exc,
        )


def _tear_down_after_failure(heart: Beating, teardown: Teardown, say: Progress) -> None:
    """Tear down; the run ends with its own error, and a teardown that fails, too, is logged and left to the sweep."""
    heart.stop()
    try:
        teardown.run_as_task(say)
    except Exception as exc:
        run_logger().error("the teardown failed too: %s; the sweep will try again", exc)
        return
    left = teardown.removal.left
    say("teardown after the failure: " + (f"left: {'; '.join(left)}" if left else "nothing is left"))


def teardown_hook(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Tear down on_failure, on_crashed and on_cancellation, with nothing but the run's id.

    Prefect may call this in a new process, after the flow's own was killed.
    """
    logger = flow_run_logger(flow_run, flow)
    given = flow_run.parameters or {}
    if given.get("keep") or given.get("plan_only"):
        return
    plan = plan_run(str(flow_run.id))
    if not recorded(plan.bucket, plan.run_id):
        return
    logger.warning("run %s ended %s and left something: tearing down", plan.run_id, state.name)
    Teardown(plan).run(logger.warning)
