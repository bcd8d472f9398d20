"""The commands. Each imports what it needs only when it runs, so that `--help` and a wrong argument answer at once."""

import gc
import sys
from typing import Annotated, Literal

import typer

from localaws.cli.streams import make_streams_unbreakable
from stygig import GARBAGE_ALLOCATIONS
from stygig.arguments import (
    Catalogue,
    Categories,
    Concurrency,
    Encoder,
    EndpointName,
    Engine,
    ImageUri,
    InstanceType,
    Json,
    Metadata,
    ModelDir,
    PlanOnly,
    Precision,
    Requests,
    Variables,
    checked_encoder,
    checked_model,
    checked_run,
    checked_source,
    checked_uri,
    checked_variables,
)
from stygig.embedded import local
from stygig.ending import INTERRUPTED, ending, refused
from stygig.invoke_cli import diagnose, invoke, wait
from stygig.sealed import spare_loopback, turn_telemetry_off
from stygig.validation_cli import nightly, validate

app = typer.Typer(
    name="stygig",
    help="Prove that a SageMaker asynchronous endpoint answers like the real-time one, and that nothing is left.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(local, name="local")
app.command()(nightly)
app.command()(invoke)
app.command()(wait)
app.command()(diagnose)
app.command()(validate)


@app.command()
def package(
    catalogue: Catalogue = "demo",
    encoder: Encoder = "demo",
    metadata: Metadata = "",
    categories: Categories = "",
    precision: Precision = "fp16",
    engine: Engine = "onnxruntime",
    model_dir: ModelDir = "",
    requests: Requests = "",
    environment: Variables = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Package a catalogue and an encoder, or a model of your own; the artifact's URI is the last line."""
    parameters = {
        "catalogue": checked_source(catalogue, "--catalogue"),
        "encoder": checked_encoder(encoder, precision, engine),
        "metadata": metadata,
        "categories": categories,
        "precision": precision,
        "engine": engine,
        "model_dir": model_dir,
        "requests": requests,
        "environment": checked_variables(environment),
    }
    with ending(json) as out:
        from stygig.running import run_flow

        out.artifact(run_flow("package_model", parameters))


@app.command()
def deploy(
    model_uri: Annotated[
        str, typer.Option(help="s3://…/model.tar.gz, as `stygig package` printed it; latest is what it packaged last.")
    ] = "latest",
    kind: Annotated[Literal["async", "real-time"], typer.Option(help="Queue and scale to zero, or answer at once.")] = (
        "async"
    ),
    endpoint_name: EndpointName = "",
    instance_type: InstanceType = "ml.m5.large",
    s3_output_path: Annotated[str, typer.Option(help="Where answers go; else the run's own prefix.")] = "",
    sns_topic_arn: Annotated[str, typer.Option(help="A topic of yours for both endings; else two are made.")] = "",
    max_concurrent_invocations: Concurrency = 5,
    requests: Requests = "",
    image_uri: ImageUri = "",
    environment: Variables = [],  # noqa: B006
    alarm_topic_arn: Annotated[str, typer.Option(help="A topic of yours that the endpoint's alarms tell.")] = "",
    dashboard: Annotated[bool, typer.Option("--dashboard", help="Make a CloudWatch dashboard, too.")] = False,
    kms_key_id: Annotated[str, typer.Option(help="KMS key that encrypts the answers.")] = "",
    subnets: Annotated[list[str], typer.Option("--subnet", help="Of a VPC; may be repeated.")] = [],  # noqa: B006
    security_groups: Annotated[list[str], typer.Option("--security-group", help="In that VPC.")] = [],  # noqa: B006
    network_isolation: Annotated[bool, typer.Option("--network-isolation", help="Containers reach nothing.")] = False,
    plan_only: PlanOnly = False,
    json: Json = False,
) -> None:
    """Deploy a packaged model, show that it answers, and write async_endpoint_info.json."""
    parameters = {
        "model_uri": checked_model(model_uri, "--model-uri"),
        "kind": kind,
        "endpoint_name": endpoint_name,
        "instance_type": instance_type,
        "s3_output_path": checked_uri(s3_output_path, "--s3-output-path"),
        "sns_topic_arn": sns_topic_arn,
        "max_concurrent_invocations": max_concurrent_invocations,
        "requests": requests,
        "image_uri": image_uri,
        "environment": checked_variables(environment),
        "alarm_topic_arn": alarm_topic_arn,
        "dashboard": dashboard,
        "kms_key_id": kms_key_id,
        "subnets": subnets,
        "security_groups": security_groups,
        "network_isolation": network_isolation,
        "plan_only": plan_only,
    }
    with ending(json) as out:
        from stygig.running import run_flow

        show = out.plan if plan_only else out.endpoint
        show(run_flow("deploy_endpoint", parameters))


@app.command()
def teardown(
    endpoint_name: EndpointName = "",
    run_id: Annotated[str, typer.Option(help="A run's id, as `stygig inventory` shows it.")] = "",
    json: Json = False,
) -> None:
    """Remove an endpoint, or everything that a run made, and prove it; what is gone already is no error."""
    if bool(endpoint_name) == bool(run_id):
        raise typer.BadParameter("give either --endpoint-name or --run-id")
    checked_run(run_id, "--run-id")
    with ending(json) as out:
        from stygig.running import tear_down_directly

        out.removal(tear_down_directly(endpoint_name, run_id), endpoint_name)


@app.command()
def sweep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    ignore_expiry: Annotated[bool, typer.Option("--ignore-expiry", help="Also what has not expired yet.")] = False,
    json: Json = False,
) -> None:
    """Remove what is ours, has expired, and belongs to a run that is over."""
    with ending(json) as out:
        from stygig.running import sweep_directly

        out.sweep(sweep_directly(dry_run, ignore_expiry))


@app.command()
def inventory(json: Json = False) -> None:
    """List what of ours exists, with its age, expiry and cost per hour; exit 1 if anything does."""
    with ending(json) as out:
        from stygig.running import inventory_directly

        out.inventory(inventory_directly())


@app.command()
def status(json: Json = False) -> None:
    """Say whether async_endpoint_info.json is still true, and when Prefect's schedules run next.

    Exit status 1 if something is stale, or if a schedule has no next run.
    """
    with ending(json) as out:
        from stygig.status import read_status

        out.status(read_status())


def main() -> None:
    """Run the command line; a wrong argument gives one line, with --json one JSON object, like every other error."""
    gc.set_threshold(GARBAGE_ALLOCATIONS)
    make_streams_unbreakable()
    turn_telemetry_off()
    spare_loopback()
    try:
        status = app(standalone_mode=False)  # else typer would print errors and exit in its own way
    except typer.exceptions.TyperException as exc:
        status = refused(exc, as_json="--json" in sys.argv)
    except typer.Abort:
        status = INTERRUPTED
    gc.freeze()  # else the interpreter searches all of its memory for garbage before it ends: 1.5 s
    sys.exit(status)
