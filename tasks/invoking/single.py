"""Requests by hand: send one picture, and wait for the answer if wanted."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from tasks.deadline import Deadline
from tasks.demo.sources import smoke_picture
from tasks.errors import InputError, InvocationFailedError
from tasks.exchange.content import Content
from tasks.exchange.recommendations import picture_request
from tasks.hosting.endpoint import existing_endpoint
from tasks.invoking.endings import read_answer
from tasks.invoking.invocation import submit
from tasks.invoking.records import InvocationRecord, find_record, save_record
from tasks.invoking.waiting import Wait
from tasks.names import RunNames
from tasks.pictures.queries import MOST_ASYNC_PICTURE_BYTES, read_picture
from tasks.plan import RunPlan
from tasks.prefect_task import Progress, run_logger, silent, task
from tasks.resources.inventory import write_down_data
from tasks.resources.resource import checked_run_id
from tasks.resources.sagemaker import run_of_endpoint


@dataclass(frozen=True)
class Invocation:
    """A request by hand: its record, and the response if it was waited for."""

    record: InvocationRecord
    response: Content | None = None

    def to_dict(self) -> dict[str, Any]:
        answer = self.response.to_json() if self.response else None
        return {"invocation": self.record.to_dict(), "response": answer}


def invoke_by_hand(
    plan: RunPlan,
    endpoint_name: str,
    image: str = "",
    s3_image: str = "",
    top_k: int = 5,
    wait: bool = False,
    wait_seconds: int = 0,
    say: Progress = silent,
) -> Invocation:
    """Send one picture from a file or from S3, or the demo's if none is named, to an asynchronous endpoint."""
    if image and s3_image:
        raise InputError("Give either an image file or an S3 URI of one, not both.")
    endpoint = existing_endpoint(endpoint_name, "async")
    picture = read_picture(image or s3_image or str(smoke_picture()), MOST_ASYNC_PICTURE_BYTES)
    plan = _keeper(plan, endpoint_name)
    record = submit(plan, endpoint.name, picture_request(picture, top_k))
    save_record(plan.names, record)
    if not wait:
        return Invocation(record)
    say(f"submitted as inference {record.inference_id}")
    return wait_by_hand(plan.names, record, wait_seconds or _longest_seconds(plan), say)


def _keeper(plan: RunPlan, endpoint_name: str) -> RunPlan:
    """The plan under whose prefix input and record lie: the run's that made the endpoint, whose teardown removes them.

    For an endpoint that isn't ours it is a run of its own, which expires.
    """
    with suppress(ValueError):  # the tag is no run id of ours
        plan = replace(plan, run_id=checked_run_id(run_of_endpoint(endpoint_name)))
    write_down_data(plan, anew=False)
    return plan


def _longest_seconds(plan: RunPlan) -> int:
    return plan.settings.request_ttl_seconds + plan.settings.invocation_timeout_seconds + 60


def resume_by_hand(plan: RunPlan, inference_id: str, wait_seconds: int = 0, say: Progress = silent) -> Invocation:
    """Go on waiting for a request that was sent before, by this process or by another."""
    names, record = find_record(plan.bucket, inference_id)
    return wait_by_hand(names, record, wait_seconds or _longest_seconds(plan), say)


def wait_by_hand(names: RunNames, record: InvocationRecord, limit_seconds: float, say: Progress = silent) -> Invocation:
    """Wait by looking into S3 alone: one request isn't worth a queue. Keep the result in the request's record."""
    wait = Wait([record], record.endpoint_name, "", Deadline(limit_seconds))
    (ended,) = wait.run()
    answer, ended = read_answer(ended, "recommendations")
    save_record(names, ended)
    say(f"{ended.state} after {wait.deadline.elapsed_seconds:.1f} s (attempt {wait.looks})")
    if answer.response is None:
        raise InvocationFailedError(f"{record.request}: {answer.error}")
    return Invocation(ended, answer.response)


@task(name="invoke", task_run_name="invoke-{endpoint_name}")
def invoke_by_hand_task(
    plan: RunPlan, endpoint_name: str, image: str, s3_image: str, top_k: int, wait: bool
) -> Invocation:
    return invoke_by_hand(plan, endpoint_name, image, s3_image, top_k, wait, say=run_logger().info)
