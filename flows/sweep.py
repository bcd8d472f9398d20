"""Removes what runs that died left behind."""

from prefect import flow

from tasks.inventory import inventory_task
from tasks.plan import bucket_of
from tasks.prefect_task import run_logger
from tasks.settings import read_settings
from tasks.sweeping import Sweep, over_task, sweep_task


@flow(name="sweep")
def sweep(dry_run: bool = False, ignore_expiry: bool = False) -> Sweep:
    """Remove what is tagged as ours, has expired, and belongs to a run that is over.

    Args:
        dry_run: Only say what would be removed.
        ignore_expiry: Also remove what has not expired yet, if its run is over.
    """
    settings = read_settings()
    bucket = bucket_of(settings)
    found = inventory_task(bucket)
    runs = over_task(found, ignore_expiry)
    run_logger().info("%d resources of ours, %d runs to clean up after", len(found), len(runs))
    return sweep_task(bucket, runs, settings.teardown_deadline_minutes, dry_run).proven()
