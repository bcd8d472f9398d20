"""The flow that sends pictures to both endpoints, compares the answers, and reports the verdict."""

from collections.abc import Sequence
from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from tasks.clients import Place
from tasks.exchange.kinds import AnswerKind, checked_tolerance
from tasks.exchange.request import Request
from tasks.exchange.sources import kind_for, read_requests_task, to_compare
from tasks.hosting.endpoint import Endpoint, find_endpoint_task
from tasks.hosting.notifications import Topics, listen_task
from tasks.invoking.invocation import measure_real_time_task, submit_task
from tasks.invoking.waiting import read_answers_task, wait_for_outputs_task
from tasks.limits import MINIMUM_PICTURES
from tasks.plan import RunPlan, plan_task
from tasks.planning.preflight import preflight_task
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
from tasks.verdict.measurement import measurement


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
    tolerance: Annotated[float, Field(ge=0)] = 0.001,
    requests: str = "",
    compare: AnswerKind = "auto",
    relative_tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ignore: list[str] = [],  # noqa: B006 - a form's list
    list_key: str = "",
    baseline_repeats: Annotated[int, Field(ge=1, le=10)] = 1,
    junit: str = "",
    baseline_profile: str = "",
    baseline_region: str = "",
) -> Outcome:
    """Send the same requests to an asynchronous endpoint and to its real-time baseline, and compare the answers.

    Both endpoints stay. The run fails if the verdict is FAIL.

    Args:
        endpoint_name: The asynchronous endpoint.
        baseline_endpoint_name: The real-time endpoint that serves the same model.
        pictures: Folder or s3://BUCKET/PREFIX/ of query pictures for the recommender; "demo" is drawn by code.
        picture_count: How many pictures or requests, spread evenly over the sorted names; 0 takes all.
        minimum_pictures: With fewer, the run is refused.
        top_k: Recommendations asked for per picture.
        tolerance: How far two numbers, such as scores, may be apart and still be the same answer.
        requests: Folder or s3://BUCKET/PREFIX/ of request bodies for any other model, in place of pictures.
        compare: What the answers are: recommendations, json, array, csv, text or bytes; auto goes by content type.
        relative_tolerance: The same as tolerance, as a share of the larger number.
        ignore: JSONPath expressions of what is not compared, for example $.timings_ms.
        list_key: The field by which lists of objects are matched; empty compares them in their order.
        baseline_repeats: How often the baseline is asked; from 2 on a model that differs from itself is found out.
        baseline_profile: Profile of ~/.aws/config for the baseline, where that is in another account.
        baseline_region: The baseline's region, where that is another one.
        junit: File for the verdict in JUnit's XML, a case for every check and request; it also lies beside the report.
    """
    kind = kind_for(compare, requests)
    allowed = checked_tolerance(kind, tolerance, relative_tolerance, ignore, list_key)
    plan = plan_task(flow_run.id or "")
    preflight_task(plan, reports=True, junit=junit)
    asynchronous = find_endpoint_task(endpoint_name, "async")
    baseline = find_endpoint_task(baseline_endpoint_name, "real-time", Place(baseline_profile, baseline_region))
    asked = read_requests_task(requests, pictures, picture_count, minimum_pictures, top_k)
    with torn_down(plan) as teardown:
        topics = listen_task(plan, asynchronous.topics)
        measured = measure(plan, baseline, asynchronous, topics, asked, kind, baseline_repeats)
        items = fetch_item_pictures_task(measured)
    command = command_line("validate", validate_endpoint.fn, flow_run.parameters)
    report = build_report_task(plan, measured, allowed, None, [command])
    files = write_report_task(report, measured, items, plan.settings, junit)
    teardown.removal.proven()
    return concluded(report, files, measured)


def measure(
    plan: RunPlan,
    baseline: Endpoint,
    asynchronous: Endpoint,
    topics: Topics | None,
    requests: Sequence[Request],
    kind: AnswerKind,
    baseline_repeats: int,
) -> Measurement:
    """Send the same bytes to both endpoints, to the baseline as often as it is to be asked."""
    answers = measure_real_time_task(baseline, requests, kind)
    again = [measure_real_time_task(baseline, to_compare(requests), kind) for _ in range(baseline_repeats - 1)]
    records = submit_task(plan, asynchronous, requests)
    ended = wait_for_outputs_task(plan, asynchronous.name, records, topics.queue_url if topics else "")
    read, kept = read_answers_task(plan, ended, kind)
    return measurement(baseline, asynchronous, requests, answers, read, kept, again, listening=topics is not None)
