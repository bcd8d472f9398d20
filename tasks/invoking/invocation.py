"""Sending pictures: the same bytes to both endpoints, and one record per asynchronous request.

SageMaker has no call that tells what became of a request. The record makes up for that; it is kept in S3, so that
another process can go on waiting.
"""

import base64
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from botocore.exceptions import ClientError

from recommender.schema import Response, SchemaError
from tasks import clock
from tasks.clients import client, error_code, error_text, explained
from tasks.deadline import Deadline
from tasks.errors import InvocationFailedError
from tasks.hosting.container_log import log_command
from tasks.hosting.endpoint import Endpoint
from tasks.invoking.answer import Answer
from tasks.invoking.records import InvocationRecord, save_records
from tasks.pictures.queries import Picture
from tasks.plan import RunPlan
from tasks.prefect_task import run_logger, task
from tasks.storage import upload

JSON = "application/json"
NOT_A_PICTURE = Picture("(deliberate failure)", b"this is not a picture")


def payload(picture: Picture, top_k: int) -> bytes:
    """The body of a request, the same bytes for both endpoints."""
    return json.dumps({"image": base64.b64encode(picture.content).decode(), "top_k": top_k}).encode()


def invoke_real_time(endpoint_name: str, picture: Picture, top_k: int) -> Answer:
    """Ask the real-time endpoint and time the round trip. A refusal by the model is an answer, too."""
    body, started = payload(picture, top_k), time.perf_counter()
    with explained("sagemaker:InvokeEndpoint", endpoint_name):
        try:
            answer = client("sagemaker-runtime").invoke_endpoint(
                EndpointName=endpoint_name, Body=body, ContentType=JSON, Accept=JSON
            )
            content = answer["Body"].read()
        except ClientError as exc:
            if error_code(exc) != "ModelError":  # the container's error; any other code is SageMaker's own
                raise
            return Answer(picture.name, None, error_text(exc), _since_ms(started))
    return parsed_answer(picture.name, content, _since_ms(started))


def parsed_answer(name: str, content: bytes, latency_ms: float) -> Answer:
    """Parse a handler's answer; bytes that break the contract become an error that shows their beginning."""
    try:
        return Answer(name, Response.from_dict(json.loads(content)), None, latency_ms)
    except (ValueError, SchemaError) as exc:
        return Answer(name, None, f"not an answer of the contract: {exc}: {content[:200]!r}", latency_ms)


def _since_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def submit(plan: RunPlan, endpoint_name: str, picture: Picture, top_k: int) -> InvocationRecord:
    """Upload the input and request the inference; return as soon as SageMaker has queued it."""
    body = payload(picture, top_k)
    key = plan.names.inputs.child(f"{picture.sha256[:16]}-k{top_k}.json")
    upload(body, key, JSON)
    return submit_uploaded(plan, endpoint_name, picture, key.uri)


def submit_uploaded(plan: RunPlan, endpoint_name: str, picture: Picture, input_location: str) -> InvocationRecord:
    settings, now, started = plan.settings, clock.now(), time.perf_counter()
    with explained("sagemaker:InvokeEndpointAsync", endpoint_name):
        answer = client("sagemaker-runtime").invoke_endpoint_async(
            EndpointName=endpoint_name,
            InputLocation=input_location,
            ContentType=JSON,
            Accept=JSON,
            RequestTTLSeconds=settings.request_ttl_seconds,
            InvocationTimeoutSeconds=settings.invocation_timeout_seconds,
        )
    # The longest time in the queue, then the longest in the container, and a margin.
    longest = timedelta(seconds=settings.request_ttl_seconds + settings.invocation_timeout_seconds + 60)
    return InvocationRecord(
        picture=picture.name,
        inference_id=answer["InferenceId"],
        input_sha256=picture.sha256,
        input_location=input_location,
        output_location=answer["OutputLocation"],
        failure_location=answer.get("FailureLocation", ""),  # absent if the config has no S3FailurePath
        submitted_at=now,
        submit_ms=_since_ms(started),
        endpoint_name=endpoint_name,
        give_up_at=now + longest,
    )


def submit_all(
    plan: RunPlan, endpoint_name: str, pictures: Sequence[Picture], top_k: int, concurrency: int = 8
) -> list[InvocationRecord]:
    """Submit the pictures, `concurrency` at a time; return their records in the same order."""
    # Threads, because a Prefect task per request would keep its server busy far longer than the requests take.
    with ThreadPoolExecutor(concurrency) as pool:
        return list(pool.map(lambda picture: submit(plan, endpoint_name, picture, top_k), pictures))


def warm_up(endpoint_name: str, picture: Picture, top_k: int, deadline: Deadline) -> float:
    """Wait for one real-time answer, which is thrown away; return its latency in milliseconds.

    InService alone proves nothing: TorchServe answers /ping with 200 before its workers have loaded the model.
    """
    answer = invoke_real_time(endpoint_name, picture, top_k)
    for _ in deadline.polls(first_seconds=0.5):
        if answer.error is None:
            return answer.latency_ms
        answer = invoke_real_time(endpoint_name, picture, top_k)
    raise InvocationFailedError(
        f"Endpoint {endpoint_name} is InService but does not answer: {answer.error}. Its log says why: "
        f"`{log_command(endpoint_name)}`."
    )


@task(name="smoke-real-time", task_run_name="smoke-{endpoint.name}")
def smoke_real_time_task(endpoint: Endpoint, picture: Picture, top_k: int = 1) -> float:
    took = warm_up(endpoint.name, picture, top_k, Deadline(120))
    run_logger().info("%s answered a smoke invocation in %.0f ms", endpoint.name, took)
    return took


@task(name="measure-real-time")
def measure_real_time_task(endpoint: Endpoint, pictures: Sequence[Picture], top_k: int) -> list[Answer]:
    """Ask about one picture after another: a round trip that waits behind another would measure that one, too."""
    answers = [invoke_real_time(endpoint.name, picture, top_k) for picture in pictures]
    run_logger().info("%s answered %d pictures", endpoint.name, len(answers))
    return answers


@task(name="submit-async")
def submit_task(plan: RunPlan, endpoint: Endpoint, pictures: Sequence[Picture], top_k: int) -> list[InvocationRecord]:
    records = submit_all(plan, endpoint.name, pictures, top_k)
    save_records(plan, records)
    run_logger().info("%s queued %d requests", endpoint.name, len(records))
    return records
