"""The flow that removes an endpoint, or everything that a run made, and proves it."""

from prefect import flow

from tasks.errors import InputError
from tasks.names import checked_name
from tasks.plan import find_bucket_task
from tasks.resources.teardown import Removal, tear_down_endpoint_task, tear_down_task
from tasks.settings import read_settings


@flow(name="teardown", flow_run_name="teardown-{endpoint_name}{run_id}")
def teardown(endpoint_name: str = "", run_id: str = "") -> Removal:
    """Remove an endpoint with everything that serves only it, or everything that a run made, and prove it.

    Removing what is already gone is no error. What lacks our tags is left alone.

    Args:
        endpoint_name: The endpoint to remove; a run's last endpoint takes the rest of the run with it.
        run_id: The flow run's id, as the inventory shows it. Give this or the endpoint's name.
    """
    if bool(endpoint_name) == bool(run_id):
        raise InputError("Give either an endpoint's name or a run's id, not both and not neither.")
    if run_id:
        checked_name(run_id, "run id")
    settings = read_settings()
    bucket, minutes = find_bucket_task(settings), settings.teardown_deadline_minutes
    if endpoint_name:
        return tear_down_endpoint_task(bucket, endpoint_name, minutes).proven()
    return tear_down_task(bucket, run_id, minutes).proven()
