"""The commands that judge: nightly and validate."""

from typing import Annotated

import typer

from stygig.arguments import (
    Catalogue,
    Categories,
    Compare,
    Concurrency,
    Count,
    Encoder,
    Engine,
    Fewest,
    Ignore,
    ImageUri,
    InstanceType,
    Json,
    Junit,
    ListKey,
    Metadata,
    ModelDir,
    Pictures,
    PlanOnly,
    Precision,
    RelativeTolerance,
    Repeats,
    Requests,
    Tolerance,
    TopK,
    Variables,
    checked_encoder,
    checked_model,
    checked_source,
    checked_variables,
)
from stygig.ending import ending


def nightly(
    local: Annotated[bool, typer.Option("--local", help="On an embedded AWS that lives as long as this.")] = False,
    catalogue: Catalogue = "demo",
    pictures: Pictures = "demo",
    encoder: Encoder = "demo",
    picture_count: Count = 24,
    minimum_pictures: Fewest = 20,
    top_k: TopK = 5,
    tolerance: Tolerance = 0.001,
    instance_type: InstanceType = "ml.m5.large",
    max_concurrent_invocations: Concurrency = 5,
    metadata: Metadata = "",
    categories: Categories = "",
    precision: Precision = "fp16",
    engine: Engine = "onnxruntime",
    keep: Annotated[bool, typer.Option("--keep", help="Leave both endpoints running; they bill.")] = False,
    model_dir: ModelDir = "",
    model_uri: Annotated[str, typer.Option(help="s3://…/model.tar.gz that is packaged already, or latest.")] = "",
    image_uri: ImageUri = "",
    environment: Variables = [],  # noqa: B006
    requests: Requests = "",
    compare: Compare = "auto",
    relative_tolerance: RelativeTolerance = 0.0,
    ignore: Ignore = [],  # noqa: B006
    list_key: ListKey = "",
    baseline_repeats: Repeats = 1,
    junit: Junit = "",
    plan_only: PlanOnly = False,
    json: Json = False,
) -> None:
    """Package, deploy a baseline and an async endpoint, compare their answers, tear down, report.

    Exit status: 0 PASS, 1 FAIL, 2 wrong input, 3 could not be carried out.
    """
    if local and keep:
        raise typer.BadParameter("--keep has no use with --local: the embedded AWS ends with the command")
    parameters = {
        "catalogue": checked_source(catalogue, "--catalogue"),
        "pictures": checked_source(pictures, "--pictures"),
        "encoder": checked_encoder(encoder, precision, engine),
        "picture_count": picture_count,
        "minimum_pictures": minimum_pictures,
        "top_k": top_k,
        "tolerance": tolerance,
        "instance_type": instance_type,
        "max_concurrent_invocations": max_concurrent_invocations,
        "metadata": metadata,
        "categories": categories,
        "precision": precision,
        "engine": engine,
        "keep": keep,
        "model_dir": model_dir,
        "model_uri": checked_model(model_uri, "--model-uri"),
        "image_uri": image_uri,
        "environment": checked_variables(environment),
        "requests": requests,
        "compare": compare,
        "relative_tolerance": relative_tolerance,
        "ignore": ignore,
        "list_key": list_key,
        "baseline_repeats": baseline_repeats,
        "junit": junit,
        "plan_only": plan_only,
    }
    with ending(json) as out:
        from stygig.running import run_flow

        show, at_end = (out.plan, None) if plan_only else (out.outcome, out.inventory_if(not keep))
        show(run_flow("nightly_validation", parameters, local=local, and_then=at_end))


def validate(
    endpoint_name: Annotated[str, typer.Option(help="The asynchronous endpoint.")],
    baseline_endpoint_name: Annotated[str, typer.Option(help="The real-time endpoint of the same model.")],
    pictures: Pictures = "demo",
    picture_count: Count = 24,
    minimum_pictures: Fewest = 20,
    top_k: TopK = 5,
    tolerance: Tolerance = 0.001,
    requests: Requests = "",
    compare: Compare = "auto",
    relative_tolerance: RelativeTolerance = 0.0,
    ignore: Ignore = [],  # noqa: B006
    list_key: ListKey = "",
    baseline_repeats: Repeats = 1,
    junit: Junit = "",
    baseline_profile: Annotated[str, typer.Option(help="Profile of ~/.aws/config for the baseline's account.")] = "",
    baseline_region: Annotated[str, typer.Option(help="The baseline's region, where that is another one.")] = "",
    json: Json = False,
) -> None:
    """Compare two endpoints that are there already; both stay. Exit status as for nightly."""
    parameters = {
        "endpoint_name": endpoint_name,
        "baseline_endpoint_name": baseline_endpoint_name,
        "pictures": checked_source(pictures, "--pictures"),
        "picture_count": picture_count,
        "minimum_pictures": minimum_pictures,
        "top_k": top_k,
        "tolerance": tolerance,
        "requests": requests,
        "compare": compare,
        "relative_tolerance": relative_tolerance,
        "ignore": ignore,
        "list_key": list_key,
        "baseline_repeats": baseline_repeats,
        "baseline_profile": baseline_profile,
        "baseline_region": baseline_region,
        "junit": junit,
    }
    with ending(json) as out:
        from stygig.running import run_flow

        out.outcome(run_flow("validate_endpoint", parameters))
