"""The flow that removes what dead runs left behind, and what has expired."""

from prefect import flow

from tasks.plan import find_bucket_task
from tasks.resources.inventory import inventory_task
from tasks.resources.sweep import Sweep, judge_runs_task, sweep_task
from tasks.settings import read_settings


@flow(name="sweep")
def sweep(dry_run: bool = False, ignore_expiry: bool = False) -> Sweep:
    """Remove what is tagged as ours if its run died, or if its run is over and it has expired.

    A run that still gives signs of life is left alone. The flow fails if something stays that has expired.

    Args:
        dry_run: Only say what would be removed.
        ignore_expiry: Also remove what was meant to stay and has not expired yet, if its run is over.
    """
    settings = read_settings()
    bucket = find_bucket_task(settings)
    found = inventory_task(bucket)
    verdicts = judge_runs_task(bucket, found, ignore_expiry, dry_run)
    return sweep_task(bucket, found, verdicts, settings.teardown_deadline_minutes, dry_run).proven()
