"""Sending requests: the same bytes to both endpoints, and one record per asynchronous request.

SageMaker has no call that tells what became of a request. The record makes up for that; it is kept in S3, so that
another process can go on waiting.
"""

import re
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from botocore.exceptions import ClientError

from tasks import clock
from tasks.clients import at, client, error_code, error_text, explained
from tasks.deadline import Deadline
from tasks.errors import InvocationFailedError
from tasks.exchange.content import shortened
from tasks.exchange.kinds import AnswerKind
from tasks.exchange.request import Request
from tasks.hosting.container_log import log_command
from tasks.hosting.endpoint import Endpoint
from tasks.invoking.answer import Answer, parsed_answer
from tasks.invoking.records import InvocationRecord, save_records
from tasks.plan import RunPlan
from tasks.prefect_task import Progress, run_logger, silent, task
from tasks.storage import upload

BROKEN, SURE = "Received server error (500)", 3
"""What a loaded model's own error looks like; a server that is starting answers 503, or nothing."""
REFUSED = re.compile(r"Received client error \((4(?!04|08|24|29)\d\d)\)")
"""What a loaded model says of a request that it won't take. A server says 404 of a model that isn't loaded yet."""


def invoke_real_time(endpoint_name: str, request: Request, kind: AnswerKind) -> Answer:
    """Ask the real-time endpoint and time the round trip. A refusal by the model is an answer, too."""
    started = time.perf_counter()
    with explained("sagemaker:InvokeEndpoint", endpoint_name):
        try:
            answer = client("sagemaker-runtime").invoke_endpoint(
                EndpointName=endpoint_name, Body=request.body, **_headers(request)
            )
            body = answer["Body"].read()
        except ClientError as exc:
            if error_code(exc) != "ModelError":  # the container's error; any other code is SageMaker's own
                raise
            return Answer(request.name, None, error_text(exc), _since_ms(started))
    return parsed_answer(request.name, body, answer.get("ContentType", ""), kind, _since_ms(started))


def _headers(request: Request) -> dict[str, str]:
    custom = {"CustomAttributes": request.custom_attributes} if request.custom_attributes else {}
    return {"ContentType": request.content_type, "Accept": request.accept} | custom


def _since_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def submit(plan: RunPlan, endpoint_name: str, request: Request) -> InvocationRecord:
    """Upload the input and request the inference; return as soon as SageMaker has queued it."""
    key = plan.names.inputs.child(request.sha256[:16])
    upload(request.body, key, request.content_type)
    return submit_uploaded(plan, endpoint_name, request, key.uri)


def submit_uploaded(plan: RunPlan, endpoint_name: str, request: Request, input_location: str) -> InvocationRecord:
    settings, now, started = plan.settings, clock.now(), time.perf_counter()
    with explained("sagemaker:InvokeEndpointAsync", endpoint_name):
        answer = client("sagemaker-runtime").invoke_endpoint_async(
            EndpointName=endpoint_name,
            InputLocation=input_location,
            RequestTTLSeconds=settings.request_ttl_seconds,
            InvocationTimeoutSeconds=settings.invocation_timeout_seconds,
            **_headers(request),
        )
    # The longest time in the queue, then the longest in the container, and a margin.
    longest = timedelta(seconds=settings.request_ttl_seconds + settings.invocation_timeout_seconds + 60)
    return InvocationRecord(
        request=request.name,
        inference_id=answer["InferenceId"],
        input_sha256=request.sha256,
        input_location=input_location,
        output_location=answer["OutputLocation"],
        failure_location=answer.get("FailureLocation", ""),  # absent if the config has no S3FailurePath
        submitted_at=now,
        submit_ms=_since_ms(started),
        endpoint_name=endpoint_name,
        give_up_at=now + longest,
    )


def submit_all(
    plan: RunPlan, endpoint_name: str, requests: Sequence[Request], concurrency: int = 8
) -> list[InvocationRecord]:
    """Submit the requests, `concurrency` at a time; return their records in the same order."""
    # Threads, because a Prefect task per request would keep its server busy far longer than the requests take.
    with ThreadPoolExecutor(concurrency) as pool:
        return list(pool.map(lambda request: submit(plan, endpoint_name, request), requests))


def warm_up(endpoint_name: str, request: Request, deadline: Deadline, progress: Progress = silent) -> float:
    """Wait for one real-time answer of any kind, which is thrown away; return its latency in milliseconds.

    InService alone proves nothing: TorchServe answers /ping with 200 before its workers have loaded the model.
    """
    answer, said = invoke_real_time(endpoint_name, request, "bytes"), Counter[str]()
    for _ in deadline.polls(first_seconds=0.5):
        if answer.error is None:
            return answer.latency_ms
        said[answer.error] += 1
        if BROKEN in answer.error and said[answer.error] == SURE:
            break
        if refused := REFUSED.search(answer.error):
            raise InvocationFailedError(
                f"Endpoint {endpoint_name} is InService and answers {request.name} ({request.content_type}) with "
                f"{refused[1]}: {answer.error} Name a request that the model takes; one that it must refuse is marked "
                "in requests.csv by expect=refused."
            )
        progress(f"{endpoint_name} does not answer yet: {shortened(' '.join(answer.error.split()))}")
        answer = invoke_real_time(endpoint_name, request, "bytes")
    raise InvocationFailedError(
        f"Endpoint {endpoint_name} is InService but does not answer: {answer.error}. Its log says why: "
        f"`{log_command(endpoint_name)}`."
    )


@task(name="smoke-real-time", task_run_name="smoke-{endpoint.name}")
def smoke_real_time_task(endpoint: Endpoint, request: Request) -> float:
    took = warm_up(endpoint.name, request, Deadline(120), run_logger().info)
    run_logger().info("%s answered a smoke invocation in %.0f ms", endpoint.name, took)
    return took


@task(name="measure-real-time", large=["requests"])
def measure_real_time_task(endpoint: Endpoint, requests: Sequence[Request], kind: AnswerKind) -> list[Answer]:
    """Send one request after another: a round trip that waits behind another would measure that one, too."""
    with at(endpoint.place):
        answers = [invoke_real_time(endpoint.name, request, kind) for request in requests]
    run_logger().info("%s answered %d requests", endpoint.name, len(answers))
    return answers


@task(name="submit-async", large=["requests"])
def submit_task(plan: RunPlan, endpoint: Endpoint, requests: Sequence[Request]) -> list[InvocationRecord]:
    records = submit_all(plan, endpoint.name, requests)
    save_records(plan, records)
    run_logger().info("%s queued %d requests", endpoint.name, len(records))
    return records
