"""The flow that asks an asynchronous endpoint about one picture, by hand."""

from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from tasks.invoking.single import Invocation, invoke_by_hand_task
from tasks.plan import plan_task


@flow(name="invoke", flow_run_name="invoke-{endpoint_name}")
def invoke(
    endpoint_name: str,
    image: str = "",
    s3_image: str = "",
    top_k: Annotated[int, Field(ge=1, le=50)] = 5,
    wait: bool = True,
) -> Invocation:
    """Ask an asynchronous endpoint about one picture.

    Args:
        endpoint_name: The asynchronous endpoint.
        image: A picture file where the flow runs. Without this and s3_image the demo's picture is sent.
        s3_image: s3://BUCKET/KEY of a picture.
        top_k: How many recommendations.
        wait: Wait for the answer; otherwise only its location is returned.
    """
    plan = plan_task(flow_run.id or "")
    return invoke_by_hand_task(plan, endpoint_name, image, s3_image, top_k, wait)
