"""One picture, by hand: send it, and if wanted wait for the answer."""

from dataclasses import dataclass, replace
from typing import Any

from recommender.schema import Response
from tasks.deadline import Deadline
from tasks.endpoint import existing_endpoint
from tasks.errors import InputError, InvocationFailedError
from tasks.invocation import InvocationRecord, submit
from tasks.outputs import Wait, read_answer
from tasks.pictures import read_picture
from tasks.plan import RunPlan
from tasks.prefect_task import task
from tasks.sagemaker_resources import run_of_endpoint


@dataclass(frozen=True)
class Invocation:
    """What was sent, where the answer goes, and the answer if it was waited for."""

    record: InvocationRecord
    response: Response | None = None

    def to_dict(self) -> dict[str, Any]:
        answer = self.response.to_dict() if self.response else None
        return {"invocation": self.record.to_dict(), "response": answer}


def invoke_by_hand(
    plan: RunPlan, endpoint_name: str, image: str = "", s3_image: str = "", top_k: int = 5, wait: bool = False
) -> Invocation:
    """Sends one picture, from a file or from S3, to an asynchronous endpoint."""
    if bool(image) == bool(s3_image):
        raise InputError("Give either an image file or an S3 URI of one, not both and not neither.")
    endpoint = existing_endpoint(endpoint_name, "async")
    # Under the prefix of the run that made the endpoint, so that the input goes when the endpoint does.
    plan = replace(plan, run_id=run_of_endpoint(endpoint_name) or plan.run_id)
    record = submit(plan, endpoint.name, read_picture(image or s3_image), top_k)
    return wait_by_hand(plan, endpoint.name, record) if wait else Invocation(record)


def wait_by_hand(plan: RunPlan, endpoint_name: str, record: InvocationRecord) -> Invocation:
    """Waits in S3 alone: one request isn't worth a queue."""
    limit = plan.settings.request_ttl_seconds + plan.settings.invocation_timeout_seconds + 60
    (ended,) = Wait([record], endpoint_name, "", Deadline(limit)).run()
    answer = read_answer(ended)
    if answer.response is None:
        raise InvocationFailedError(f"{record.picture}: {answer.error}")
    return Invocation(ended, answer.response)


def display(response: Response) -> str:
    """The recommendations as a person reads them."""
    query = response.query
    lines = [
        f"Query: {query.category} ({query.category_confidence:.0%}), {query.gender} ({query.gender_confidence:.0%}), "
        + ", ".join(f"{colour.name} {colour.share:.0%}" for colour in query.dominant_colours),
        f"TOP {len(response.recommendations)} RECOMMENDATIONS",
    ]
    for item in response.recommendations:
        lines += [
            f"{item.rank}. {item.path}",
            f"   Category: {item.category}",
            f"   Gender: {item.gender}",
            f"   Overall Score: {item.score:.4f}",
            f"   {item.reason}",
        ]
    return "\n".join(lines)


@task(name="invoke", task_run_name="invoke-{endpoint_name}")
def invoke_by_hand_task(
    plan: RunPlan, endpoint_name: str, image: str, s3_image: str, top_k: int, wait: bool
) -> Invocation:
    return invoke_by_hand(plan, endpoint_name, image, s3_image, top_k, wait)
