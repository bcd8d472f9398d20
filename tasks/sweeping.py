"""Which runs are over, and removing what they left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound

from tasks.deadline import Deadline
from tasks.errors import LeftoverError
from tasks.prefect_task import run_logger, task
from tasks.resource import Resource
from tasks.teardown import tear_down_run


@dataclass(frozen=True)
class Sweep:
    """What a sweep removed, or on a dry run would remove; and what it could not."""

    runs: tuple[str, ...]
    removed: tuple[str, ...]
    left: tuple[str, ...]
    dry_run: bool

    def proven(self) -> "Sweep":
        if self.left:
            raise LeftoverError(f"The sweep could not remove: {'; '.join(self.left)}.")
        return self


def runs_to_sweep(found: Sequence[Resource], ignore_expiry: bool, now: datetime) -> list[str]:
    """The runs all of whose resources have expired (or any, if expiry is ignored)."""
    runs = sorted({resource.run_id for resource in found})
    if ignore_expiry:
        return runs
    return [run for run in runs if all(r.expired(now) for r in found if r.run_id == run)]


def is_over(client: SyncPrefectClient, run_id: str) -> bool | None:
    """Whether Prefect says so; None for a run that this Prefect has never heard of, or has forgotten."""
    try:
        state = client.read_flow_run(UUID(run_id)).state
    except (ObjectNotFound, ValueError):
        return None
    return state is not None and state.is_final()


@task(name="runs-that-are-over")
def over_task(found: Sequence[Resource], ignore_expiry: bool) -> list[str]:
    with get_client(sync_client=True) as client:
        expired = runs_to_sweep(found, False, datetime.now(UTC))
        wanted = runs_to_sweep(found, ignore_expiry, datetime.now(UTC))
        # A run that is unknown here may be another Prefect's, and going on: that it has expired has to show it is not.
        return [run for run in wanted if is_over(client, run) or (is_over(client, run) is None and run in expired)]


@task(name="sweep-runs")
def sweep_task(bucket: str, runs: Sequence[str], deadline_minutes: int, dry_run: bool) -> Sweep:
    logger = run_logger()
    removed: list[str] = []
    left: list[str] = []
    if dry_run:
        logger.info("dry run: would clean up after %s", ", ".join(runs) or "nobody")
        return Sweep(tuple(runs), (), (), True)
    for run in runs:
        removal = tear_down_run(bucket, run, Deadline(deadline_minutes * 60), logger.info)
        removed += removal.removed
        left += removal.left
    return Sweep(tuple(runs), tuple(removed), tuple(left), False)
