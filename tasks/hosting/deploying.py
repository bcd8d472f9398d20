"""Creating endpoint configs and endpoints, written down before they are asked for."""

from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from tasks import limits
from tasks.clients import client, error_text, explained
from tasks.clock import now
from tasks.deadline import Deadline
from tasks.errors import InputError, NotFoundError
from tasks.hosting.endpoint import Endpoint, EndpointSpec, describe
from tasks.hosting.fitting import check_memory, idle_gpus
from tasks.hosting.guard import guard_endpoint
from tasks.hosting.model import already_made, create_model, image_on
from tasks.hosting.notifications import Topics
from tasks.names import S3Location, hashed_name
from tasks.plan import RunPlan
from tasks.prefect_task import run_logger, task
from tasks.resources.inventory import write_down
from tasks.resources.sagemaker import ENDPOINT, ENDPOINT_CONFIG, tagged_run_of_endpoint
from tasks.storage import check_bucket


def endpoint_config_request(
    *, spec: EndpointSpec, model_name: str, output_path: str, failure_path: str, topics: Topics | None,
    tags: list[dict[str, str]], download_timeout_seconds: int = 600, startup_timeout_seconds: int = 600,
) -> dict[str, Any]:  # fmt: skip
    """The request for CreateEndpointConfig; its name is a hash of the rest."""
    variant = {
        "VariantName": limits.VARIANT,
        "ModelName": model_name,
        "InstanceType": spec.instance_type,
        "InitialInstanceCount": 1,  # CreateEndpointConfig takes no 0; scaling in to 0 comes later
        "InitialVariantWeight": 1.0,
        "ModelDataDownloadTimeoutInSeconds": download_timeout_seconds,
        "ContainerStartupHealthCheckTimeoutInSeconds": startup_timeout_seconds,
    }
    # Enhanced metrics are on unless they are refused, and billed as custom metrics; the usual ones are all we watch.
    metrics = {"EnableEnhancedMetrics": False}
    request: dict[str, Any] = {"ProductionVariants": [variant], "MetricsConfig": metrics, "Tags": tags}
    if spec.kind == "async":
        request["AsyncInferenceConfig"] = _async_config(spec, output_path, failure_path, topics)
    return {"EndpointConfigName": hashed_name("stygig-config", request)} | request


def _async_config(spec: EndpointSpec, output_path: str, failure_path: str, topics: Topics | None) -> dict[str, Any]:
    """The AsyncInferenceConfig; without topics or failure path, a failure would only show as a wait's time-out."""
    output: dict[str, Any] = {"S3OutputPath": output_path, "S3FailurePath": failure_path}
    if spec.kms_key_id:
        output["KmsKeyId"] = spec.kms_key_id
    if topics:
        output["NotificationConfig"] = {
            "SuccessTopic": topics.success_arn,
            "ErrorTopic": topics.error_arn,
            # Without it a failure's notification only has the container's status.
            "IncludeInferenceResponseIn": ["ERROR_NOTIFICATION_TOPIC"],
        }
    return {
        "OutputConfig": output,
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": spec.max_concurrent_invocations},
    }


def endpoint_name(plan: RunPlan, spec: EndpointSpec) -> str:
    return spec.name or plan.names.endpoint(spec.kind)


def output_path(plan: RunPlan, spec: EndpointSpec) -> str:
    return spec.s3_output_path.rstrip("/") + "/" if spec.s3_output_path else plan.names.outputs.uri


def config_request_of(plan: RunPlan, spec: EndpointSpec, model_name: str, topics: Topics | None) -> dict[str, Any]:
    """The request for CreateEndpointConfig that a run makes for an endpoint."""
    return endpoint_config_request(
        spec=spec,
        model_name=model_name,
        output_path=output_path(plan, spec),
        failure_path=plan.names.failures.uri,
        topics=topics,
        tags=plan.tags,
        download_timeout_seconds=plan.settings.model_download_timeout_seconds,
        startup_timeout_seconds=plan.settings.container_startup_timeout_seconds,
    )


def start_endpoint(plan: RunPlan, spec: EndpointSpec, topics: Topics | None) -> Endpoint:
    """Create model, config and endpoint; write each down beforehand, so that a teardown finds it."""
    spec.checked()
    name = endpoint_name(plan, spec)
    model_name = create_model(plan, spec)
    request = config_request_of(plan, spec, model_name, topics)
    config_name = request["EndpointConfigName"]
    write_down(plan, ENDPOINT_CONFIG, config_name, name)
    with explained("sagemaker:CreateEndpointConfig", config_name), already_made():
        client("sagemaker").create_endpoint_config(**request)
    refuse_taken(name)
    guard_endpoint(plan, name)  # only now: the endpoint of that name is none of another's
    write_down(plan, ENDPOINT, name, name)
    asked_at = now()
    with explained("sagemaker:CreateEndpoint", name):
        request = {"EndpointName": name, "EndpointConfigName": config_name, "Tags": plan.tags}
        _create_endpoint(request, plan.run_id, Deadline(60))
    made = Endpoint(
        kind=spec.kind,
        name=name,
        model_uri=spec.model_uri,
        instance_type=spec.instance_type,
        topics=topics,
        asked_at=asked_at,
        expires_at=plan.expires_at,
    )
    if spec.kind == "real-time":
        return made
    return replace(made, output_path=output_path(plan, spec), failure_path=plan.names.failures.uri)


def _create_endpoint(request: dict[str, Any], run_id: str, deadline: Deadline) -> None:
    """Create the endpoint; retry while SageMaker, which is eventually consistent, doesn't find the new config.

    If the answer gets lost, botocore retries and is told that the endpoint exists; its tags say whether it is ours.
    """
    name = request["EndpointName"]
    for _ in deadline.polls(first_seconds=1):
        try:
            client("sagemaker").create_endpoint(**request)
            return
        except ClientError as exc:
            text = error_text(exc)
            if "already existing" in text and tagged_run_of_endpoint(name) == run_id:
                return
            if "Could not find endpoint configuration" not in text or deadline.expired:
                raise


def refuse_taken(name: str) -> None:
    """Refuse a taken name before it is written down as ours: a teardown must not remove another's endpoint."""
    try:
        found = describe(name)
    except NotFoundError:
        return
    raise InputError(
        f"Endpoint {name} already exists and is {found['EndpointStatus']}. Choose another --endpoint-name, or remove "
        f"it first: `stygig teardown --endpoint-name {name}`."
    )


@task(name="output-bucket", only_reads=True)
def output_bucket_task(plan: RunPlan, spec: EndpointSpec) -> None:
    """Refuse a bucket for the answers that is absent: an instance that can't write would bill until that shows."""
    if spec.s3_output_path:
        check_bucket(S3Location.parse(spec.s3_output_path).bucket, plan.region, "s3_output_path")


@task(name="start-endpoint", task_run_name="start-{spec.kind}-endpoint")
def start_endpoint_task(plan: RunPlan, spec: EndpointSpec, topics: Topics | None = None) -> Endpoint:
    run_logger().info(check_memory(spec.model_uri, spec.instance_type, plan.settings.model_server_workers))
    idle = idle_gpus(spec.model_uri, spec.instance_type, spec.image_uri or image_on(plan, spec.instance_type))
    if idle:
        run_logger().warning(idle)
    endpoint = start_endpoint(plan, spec, topics)
    run_logger().info("asked for %s endpoint %s on %s", spec.kind, endpoint.name, spec.instance_type)
    return endpoint
