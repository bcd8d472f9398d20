"""The flow that sends pictures to both endpoints, compares the answers, and reports the verdict."""

from collections.abc import Sequence
from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from tasks.hosting.endpoint import Endpoint, find_endpoint_task
from tasks.hosting.notifications import Topics, listen_task
from tasks.invoking.invocation import NOT_A_PICTURE, measure_real_time_task, submit_task
from tasks.invoking.waiting import read_answers_task, wait_for_outputs_task
from tasks.limits import MINIMUM_PICTURES
from tasks.pictures.queries import Picture, read_pictures_task
from tasks.plan import RunPlan, plan_task
from tasks.preflight import preflight_task
from tasks.report.outcome import (
    Measurement,
    Outcome,
    build_report_task,
    concluded,
    fetch_item_pictures_task,
    write_report_task,
)
from tasks.report.reproduction import command_line
from tasks.resources.torn_down import teardown_hook, torn_down
from tasks.verdict.comparison import Tolerance


@flow(
    name="validate-endpoint",
    flow_run_name="validate-{endpoint_name}",
    on_failure=[teardown_hook],
    on_crashed=[teardown_hook],
    on_cancellation=[teardown_hook],
)
def validate_endpoint(
    endpoint_name: str,
    baseline_endpoint_name: str,
    pictures: str = "demo",
    picture_count: Annotated[int, Field(ge=0, le=100_000)] = 24,
    minimum_pictures: Annotated[int, Field(ge=1, le=100_000)] = MINIMUM_PICTURES,
    top_k: Annotated[int, Field(ge=1, le=50)] = 5,
    score_tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.001,
) -> Outcome:
    """Send the same pictures to an asynchronous endpoint and to its real-time baseline, and compare the answers.

    Both endpoints stay. The run fails if the verdict is FAIL.

    Args:
        endpoint_name: The asynchronous endpoint.
        baseline_endpoint_name: The real-time endpoint that serves the same model.
        pictures: Folder or s3://BUCKET/PREFIX/ of query pictures; "demo" is drawn by code.
        picture_count: How many of them, spread evenly over the sorted names; 0 takes all.
        minimum_pictures: With fewer, the run is refused.
        top_k: Recommendations asked for per picture.
        score_tolerance: How far two scores may be apart and still be the same answer.
    """
    plan = plan_task(flow_run.id or "")
    preflight_task(plan, reports=True)
    asynchronous = find_endpoint_task(endpoint_name, "async")
    baseline = find_endpoint_task(baseline_endpoint_name, "real-time")
    queries = read_pictures_task(pictures, picture_count, minimum_pictures)
    with torn_down(plan) as teardown:
        topics = listen_task(plan, asynchronous.topics)
        measured = measure(plan, baseline, asynchronous, topics, queries, top_k)
        items = fetch_item_pictures_task(measured)
    command = command_line("validate", validate_endpoint.fn, flow_run.parameters)
    report = build_report_task(plan, measured, Tolerance(score_tolerance), None, [command])
    files = write_report_task(report, measured, items, plan.settings)
    teardown.removal.proven()
    return concluded(report, files, measured)


def measure(
    plan: RunPlan,
    baseline: Endpoint,
    asynchronous: Endpoint,
    topics: Topics | None,
    pictures: Sequence[Picture],
    top_k: int,
) -> Measurement:
    """Send the same bytes to both endpoints, and to each of them one request that must fail."""
    baseline_answers = measure_real_time_task(baseline, [*pictures, NOT_A_PICTURE], top_k)
    records = submit_task(plan, asynchronous, [*pictures, NOT_A_PICTURE], top_k)
    ended = wait_for_outputs_task(plan, asynchronous.name, records, topics.queue_url if topics else "")
    answers, read = read_answers_task(plan, ended)
    return Measurement(
        baseline=baseline,
        asynchronous=asynchronous,
        pictures=pictures,
        baseline_answers=baseline_answers[:-1],
        async_answers=answers[:-1],
        records=read[:-1],
        failure=read[-1],
        baseline_refusal=baseline_answers[-1],
        listening=topics is not None,
    )
