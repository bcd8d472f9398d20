"""The nightly flow: package, deploy both endpoints, measure, tear down, prove that nothing is left, judge, report."""

from dataclasses import replace
from functools import partial
from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from flows.validate_endpoint import measure
from tasks.encoder.choice import EncoderChoice
from tasks.encoder.options import DEFAULT_ENGINE, DEFAULT_PRECISION, EngineName, Precision
from tasks.exchange.kinds import AnswerKind, checked_tolerance
from tasks.exchange.sources import kind_for, read_requests_task
from tasks.hosting.deploying import start_endpoint_task
from tasks.hosting.endpoint import EndpointSpec, wait_in_service_task
from tasks.hosting.instance_counts import instances_counted
from tasks.hosting.notifications import create_messaging_task
from tasks.hosting.scaling import scale_to_zero_task
from tasks.invoking.invocation import smoke_real_time_task
from tasks.invoking.waiting import smoke_async_task
from tasks.limits import MINIMUM_PICTURES
from tasks.names import dated
from tasks.packaging.artifact import package_task
from tasks.packaging.folder_model import check_model_choice, package_folder_task
from tasks.packaging.inputs import PackagingInputs
from tasks.packaging.published import resolve_model_task
from tasks.plan import plan_task
from tasks.planning.plan_of_run import Intent, Sent, plan_only_task
from tasks.planning.planned import PlanOfRun
from tasks.planning.preflight import preflight_task
from tasks.report.outcome import Outcome, build_report_task, concluded, fetch_item_pictures_task, write_report_task
from tasks.report.reproduction import command_line
from tasks.resources.torn_down import teardown_hook, torn_down


@flow(
    name="nightly-validation",
    flow_run_name=partial(dated, "nightly"),
    # Prefect runs these in a new process if the flow's own was killed.
    on_failure=[teardown_hook],
    on_crashed=[teardown_hook],
    on_cancellation=[teardown_hook],
)
def nightly_validation(
    catalogue: str = "demo",
    pictures: str = "demo",
    encoder: str = "demo",
    picture_count: Annotated[int, Field(ge=0, le=100_000)] = 24,
    minimum_pictures: Annotated[int, Field(ge=1, le=100_000)] = MINIMUM_PICTURES,
    top_k: Annotated[int, Field(ge=1, le=50)] = 5,
    tolerance: Annotated[float, Field(ge=0)] = 0.001,
    instance_type: str = "ml.m5.large",
    max_concurrent_invocations: Annotated[int, Field(ge=1, le=1000)] = 5,
    metadata: str = "",
    categories: str = "",
    precision: Precision = DEFAULT_PRECISION,
    engine: EngineName = DEFAULT_ENGINE,
    keep: bool = False,
    model_dir: str = "",
    model_uri: str = "",
    image_uri: str = "",
    environment: dict[str, str] = {},  # noqa: B006 - a form's field
    requests: str = "",
    compare: AnswerKind = "auto",
    relative_tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ignore: list[str] = [],  # noqa: B006 - a form's list
    list_key: str = "",
    baseline_repeats: Annotated[int, Field(ge=1, le=10)] = 1,
    junit: str = "",
    plan_only: bool = False,
) -> Outcome | PlanOfRun:
    """Prove that the asynchronous endpoint answers like the real-time one, how fast, at what cost; leave nothing.

    Packages the model, deploys a real-time baseline and an asynchronous endpoint, sends the same requests to both,
    tears everything down and reports. The run fails if the verdict is FAIL, after the teardown. Any model goes: name
    its folder or archive and its requests. Without them it is the recommender, with a catalogue and pictures.

    Args:
        catalogue: Folder or s3://BUCKET/PREFIX/ laid out as group/type/file or type/file; "demo" is drawn by code.
            A folder in it named women, men or unisex sets the gender of its items.
        pictures: Folder or s3://BUCKET/PREFIX/ of query pictures for the recommender; "demo" is drawn by code.
        encoder: "demo", an open_clip NAME:TAG such as ViT-B-32-quickgelu:openai, NAME:FILE, hf-hub:NAME, or a folder.
        picture_count: How many pictures or requests, spread evenly over the sorted names; 0 takes all.
        minimum_pictures: With fewer, the run is refused.
        top_k: Recommendations asked for per picture.
        tolerance: How far two numbers, such as scores, may be apart and still be the same answer.
        instance_type: SageMaker instance type of both endpoints, for example ml.m5.large.
        max_concurrent_invocations: Requests that one asynchronous instance works on at a time.
        metadata: CSV with the columns path and gender; empty takes metadata.csv of the catalogue, if any.
        categories: YAML file that maps folder names to the 13 categories, in addition to the known names.
        precision: How an open_clip image tower is stored: fp16 or fp32, computed in fp32, or int8; demo has its own.
        engine: What runs it: onnxruntime, or torch (fp16 or fp32, on a GPU where the instance has one).
        keep: Leave both endpoints running, which bills until they are torn down or expire.
        model_dir: Folder of a model of your own with code/inference.py, in place of a catalogue.
        model_uri: s3://…/model.tar.gz that is packaged already, or "latest", in place of a catalogue.
        image_uri: Image that serves the model; empty takes STYGIG_IMAGE_URI, or AWS's own.
        environment: Variables of the container, on top of ours.
        requests: Folder or s3://BUCKET/PREFIX/ of request bodies for any other model, in place of pictures.
        compare: What the answers are: recommendations, json, array, csv, text or bytes; auto goes by content type.
        relative_tolerance: The same as tolerance, as a share of the larger number.
        ignore: JSONPath expressions of what is not compared, for example $.timings_ms.
        list_key: The field by which lists of objects are matched; empty compares them in their order.
        baseline_repeats: How often the baseline is asked; from 2 on a model that differs from itself is found out.
        junit: File for the verdict in JUnit's XML, a case for every check and request; it also lies beside the report.
        plan_only: Make nothing; list what would be made, changed or left, its cost, and all that would stop the run.
    """
    kind = kind_for(compare, requests)
    allowed = checked_tolerance(kind, tolerance, relative_tolerance, ignore, list_key)
    check_model_choice(model_dir, model_uri, requests)
    served = EndpointSpec("real-time", "", "", instance_type, image_uri=image_uri, environment=environment).checked()
    queued = replace(served, kind="async", max_concurrent_invocations=max_concurrent_invocations).checked()
    chosen = EncoderChoice(encoder, precision, engine).checked()
    plan = plan_task(flow_run.id or "")
    if plan_only:
        sent = Sent(requests, pictures, picture_count, minimum_pictures)
        intent = Intent((served, queued), model_uri, "", sent, reports=True, junit=junit)
        return plan_only_task(plan, intent).without_findings()
    asked = read_requests_task(requests, pictures, picture_count, minimum_pictures, top_k)
    preflight_task(plan, reports=True, junit=junit)
    # In this order, so that the last count is taken after the teardown.
    with instances_counted() as instances, torn_down(plan, keep=keep) as teardown:
        if model_uri:
            uri = resolve_model_task(model_uri, plan.bucket, requests)
        elif model_dir:
            uri = package_folder_task(plan, model_dir, asked[0], requests, environment).uri
        else:
            uri = package_task(plan, PackagingInputs(catalogue, chosen, metadata, categories)).uri
        topics = create_messaging_task(plan)
        started = [
            start_endpoint_task(plan, served.serving(uri)),
            start_endpoint_task(plan, queued.serving(uri), topics),
        ]
        instances.watch(started)
        baseline, asynchronous = wait_in_service_task(started, plan.settings.endpoint_deadline_minutes)
        scale_to_zero_task(plan, asynchronous.name)
        smoke_real_time_task(baseline, asked[0])
        smoke_async_task(plan, asynchronous, asked[0])
        measured = measure(plan, baseline, asynchronous, topics, asked, kind, baseline_repeats)
        items = fetch_item_pictures_task(measured)
    command = command_line("nightly", nightly_validation.fn, flow_run.parameters)
    removal = None if keep else teardown.removal
    report = build_report_task(plan, measured, allowed, removal, [command], instances.counts)
    return concluded(report, write_report_task(report, measured, items, plan.settings, junit), measured, keep)
