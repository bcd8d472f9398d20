"""The sweep: verdicts, by evidence, on which runs are over, and the removal of what they left.

A run is over when its process is seen to be gone, when it said so itself, or when it has given no sign of life for
long enough. A final state in Prefect shortens that time, but never outweighs fresh signs of life.
What a dead run left is removed at once; what was meant to stay is removed when it has expired.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tasks.clock import now
from tasks.deadline import Deadline
from tasks.errors import LeftoverError, StygigError
from tasks.prefect_task import Progress, run_logger, task
from tasks.resources.flow_runs import FlowRuns, PrefectSilentError, known_flow_runs
from tasks.resources.heartbeat import BEAT_SECONDS, Heartbeat, read_heartbeat
from tasks.resources.inventory import Inventory
from tasks.resources.resource import Resource
from tasks.resources.teardown import tear_down_run

SILENT_SECONDS = 20 * BEAT_SECONDS
"""The silence after which a run is over; a process that is stopped or a server that restarts takes a minute or two."""
SILENT_AND_ENDED_SECONDS = 4 * BEAT_SECONDS
"""The same where Prefect, too, says that the run has ended."""
LONGEST_RUN = timedelta(hours=12)
"""The longest that a run goes on after its expiry: every wait in it has a deadline."""


@dataclass(frozen=True)
class Decision:
    """The verdict on a run: `sweep` if its resources may be removed, and the reason why, or why not."""

    run_id: str
    sweep: bool
    why: str
    expired: bool
    """True if all that the run left has expired: a sweep that leaves it has not done its work."""


@dataclass(frozen=True)
class Sweep:
    """The result of a sweep: what it removed (on a dry run: would remove), held back, and could not remove."""

    runs: tuple[str, ...]
    removed: tuple[str, ...]
    left: tuple[str, ...]
    dry_run: bool
    held: tuple[Decision, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Things with a mark of ours that can't be read; they are left alone."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "runs": list(self.runs),
            "removed": list(self.removed),
            "left": list(self.left),
            "held": [{"run_id": each.run_id, "why": each.why} for each in self.held],
            "unreadable": list(self.unreadable),
            "dry_run": self.dry_run,
        }

    def proven(self) -> "Sweep":
        """Return itself; raise LeftoverError if something stays that should have gone."""
        held = [] if self.dry_run else self.held
        overdue = [f"run {each.run_id}, which has expired: {each.why}" for each in held if each.expired]
        if self.left or overdue:
            raise LeftoverError(f"The sweep could not remove: {'; '.join((*self.left, *overdue))}.", self)
        return self


def judge_run(
    run_id: str,
    resources: Sequence[Resource],
    heartbeat: Heartbeat | None,
    prefect_state: str,
    *,
    ignore_expiry: bool,
    at: datetime,
) -> Decision:
    """The verdict on one run. `prefect_state` is empty for a run that this Prefect doesn't know, or has forgotten."""
    expired = all(resource.expired(at) for resource in resources)
    over, why = _is_over(resources, heartbeat, prefect_state, at)
    if not over:
        return Decision(run_id, False, why, expired)
    if expired or ignore_expiry:
        return Decision(run_id, True, why, expired)
    if heartbeat and not heartbeat.kept:
        return Decision(run_id, True, f"{why}; nothing of it was meant to stay", expired)
    until = max(resource.expires_at for resource in resources)
    return Decision(run_id, False, f"it stays until {until:%Y-%m-%d %H:%M} UTC ({why})", expired)


def _is_over(
    resources: Sequence[Resource], heartbeat: Heartbeat | None, prefect_state: str, at: datetime
) -> tuple[bool, str]:
    if heartbeat is None:
        return _is_over_without_heartbeat(resources, prefect_state, at)
    if heartbeat.ended:
        return True, "it has ended"
    process, silent = heartbeat.process.state(), f"no sign of life for {heartbeat.silent_seconds:.0f} s"
    if process == "gone":
        return True, f"its process {heartbeat.process.pid} is gone"
    if process == "alive":
        done = heartbeat.silent_seconds >= SILENT_SECONDS and _long_expired(resources, at)
        return done, f"its process {heartbeat.process.pid} lives, {silent}"
    if heartbeat.silent_seconds >= SILENT_SECONDS:
        return True, silent
    if prefect_state in FINAL and heartbeat.silent_seconds >= SILENT_AND_ENDED_SECONDS:
        return True, f"Prefect says {prefect_state}, {silent}"
    return False, f"it gave a sign of life {heartbeat.silent_seconds:.0f} s ago"


FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


def _is_over_without_heartbeat(resources: Sequence[Resource], prefect_state: str, at: datetime) -> tuple[bool, str]:
    """Judge a run whose heartbeat is lost, as with its bucket, by Prefect's state or by the time that has passed."""
    if prefect_state in FINAL:
        return True, f"Prefect says {prefect_state}"
    if not prefect_state and all(resource.expired(at) for resource in resources):
        return True, "nobody knows the run, and it has expired"
    known = f"Prefect says {prefect_state}" if prefect_state else "this Prefect doesn't know the run"
    return _long_expired(resources, at), f"there is no sign of life, {known}"


def _long_expired(resources: Sequence[Resource], at: datetime) -> bool:
    return all(resource.expired(at - LONGEST_RUN) for resource in resources)


@dataclass
class Witness:
    """Prefect as a witness of runs, if an API is set; one that gives no answer is not asked again, and knows no run."""

    runs: FlowRuns | None
    say: Progress

    def state_of(self, run_id: str) -> str:
        """The type of the run's state; empty for a run that Prefect doesn't know."""
        try:
            return self.runs.state_of(run_id) if self.runs else ""
        except PrefectSilentError as exc:
            self.say(f"{exc}; runs are judged by their signs of life alone")
            self.runs = None
            return ""

    def close(self, verdict: Decision) -> None:
        """Tell Prefect that a run is over, unless it knows."""
        if self.runs and self.state_of(verdict.run_id) not in {"", *FINAL}:
            try:
                self.runs.crash(verdict.run_id, f"Found by the sweep: {verdict.why}.")
            except PrefectSilentError as exc:
                self.say(str(exc))


def _judged(bucket: str, run_id: str, found: Inventory, witness: Witness, ignore_expiry: bool) -> Decision:
    """The verdict on one run; it is held back, and no other run with it, if we may not read its heartbeat."""
    resources, at = found.of(run_id), now()
    try:
        heartbeat = read_heartbeat(bucket, run_id)
    except StygigError as exc:
        expired = all(resource.expired(at) for resource in resources)
        return Decision(run_id, False, f"its sign of life can't be read: {exc}", expired)
    state = witness.state_of(run_id)
    return judge_run(run_id, resources, heartbeat, state, ignore_expiry=ignore_expiry, at=at)


def judge_runs(bucket: str, found: Inventory, ignore_expiry: bool, dry_run: bool, say: Progress) -> list[Decision]:
    """Return a verdict on every run that has left something; tell Prefect of those that are over."""
    witness = Witness(known_flow_runs(), say)
    verdicts = [_judged(bucket, run_id, found, witness, ignore_expiry) for run_id in found.runs]
    for verdict in verdicts:
        if verdict.sweep and not dry_run:
            witness.close(verdict)
        say(f"run {verdict.run_id}: {'over' if verdict.sweep else 'held back'}, {verdict.why}")
    return verdicts


def sweep_runs(
    bucket: str, found: Inventory, verdicts: Sequence[Decision], minutes: int, dry_run: bool, say: Progress
) -> Sweep:
    """Remove what the runs left that are over, each within so many minutes."""
    runs = tuple(verdict.run_id for verdict in verdicts if verdict.sweep)
    held = tuple(verdict for verdict in verdicts if not verdict.sweep)
    unreadable = tuple(map(str, found.unreadable))
    for line in unreadable:
        say(f"left alone: {line}")
    left: list[str] = [f"not looked at: {why}" for why in found.unlisted]
    if dry_run:
        say(f"dry run: would clean up after {', '.join(runs) or 'nobody'}")
        return Sweep(runs, (), tuple(left), True, held, unreadable)
    removed: list[str] = []
    for run in runs:
        removal = tear_down_run(bucket, run, Deadline(minutes * 60), say)
        removed += removal.removed
        left += removal.left
    return Sweep(runs, tuple(removed), tuple(dict.fromkeys(left)), False, held, unreadable)


@task(name="judge-runs")
def judge_runs_task(bucket: str, found: Inventory, ignore_expiry: bool, dry_run: bool) -> list[Decision]:
    return judge_runs(bucket, found, ignore_expiry, dry_run, run_logger().info)


@task(name="sweep-runs")
def sweep_task(bucket: str, found: Inventory, verdicts: Sequence[Decision], minutes: int, dry_run: bool) -> Sweep:
    return sweep_runs(bucket, found, verdicts, minutes, dry_run, run_logger().info)
