"""The SageMaker model: an artifact, the image that serves it, and its environment."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError

from tasks.clients import client, error_text, explained, region
from tasks.errors import InputError, NotFoundError
from tasks.hosting.endpoint import EndpointSpec
from tasks.hosting.instances import instance_gpus
from tasks.names import S3Location, hashed_name
from tasks.plan import RunPlan
from tasks.resources.inventory import write_down
from tasks.resources.sagemaker import MODEL
from tasks.settings import Processor, serving_image
from tasks.storage import check_bucket

NOTHING: Mapping[str, str] = MappingProxyType({})


def container_environment(plan: RunPlan, allowed_prefixes: tuple[str, ...]) -> dict[str, str]:
    """The serving container's environment: only variables that something reads, see docs/container.md.

    Without SAGEMAKER_MODEL_SERVER_WORKERS AWS's image starts a worker for each GPU, or else for each vCPU. A worker
    answers one request at a time, so fewer workers would leave GPUs or vCPUs idle while requests wait.
    The toolkit's last release ignores its SAGEMAKER_MODEL_SERVER_TIMEOUT. TorchServe reads TS_DEFAULT_RESPONSE_TIMEOUT;
    without it a request dies after 120 s, whatever InvocationTimeoutSeconds says.
    """
    workers = plan.settings.model_server_workers
    return {
        "SAGEMAKER_PROGRAM": "inference.py",
        **({"SAGEMAKER_MODEL_SERVER_WORKERS": str(workers)} if workers else {}),
        # Later than SageMaker's own time-out.
        "TS_DEFAULT_RESPONSE_TIMEOUT": str(plan.settings.invocation_timeout_seconds + 30),
        "TS_MAX_REQUEST_SIZE": str(64 * 1024 * 1024),  # 6,553,500 bytes without it, too few for large pictures
        "TS_MAX_RESPONSE_SIZE": str(64 * 1024 * 1024),
        "OMP_NUM_THREADS": "1",
        "STYGIG_ORT_PREPACK": "1" if plan.settings.ort_prepack else "0",
        "STYGIG_ALLOWED_S3_PREFIXES": ",".join(prefix for prefix in allowed_prefixes if prefix),
        "STYGIG_LOG_LEVEL": plan.settings.log_level,
    }


def model_request(
    *,
    model_uri: str,
    image_uri: str,
    role_arn: str,
    environment: Mapping[str, str],
    tags: list[dict[str, str]],
    network: Mapping[str, Any] = NOTHING,
) -> dict[str, Any]:
    """The request for CreateModel; its name is a hash of the rest, so that the same model is made once."""
    request: dict[str, Any] = {
        "PrimaryContainer": {"Image": image_uri, "Environment": dict(environment)} | _model_source(model_uri),
        "ExecutionRoleArn": role_arn,
        "Tags": tags,
    } | dict(network)
    return {"ModelName": hashed_name("stygig-model", request)} | request


def _model_source(model_uri: str) -> dict[str, Any]:
    """The model's source: a .tar.gz, or loose files, which SageMaker downloads in parallel and need not unpack."""
    if model_uri.endswith(".tar.gz"):
        return {"ModelDataUrl": model_uri}
    source = {"S3Uri": model_uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    return {"ModelDataSource": {"S3DataSource": source}}


def check_model_uri(model_uri: str) -> str:
    """Return the URI; raise unless something lies there that SageMaker can use as a model."""
    where = S3Location.parse(model_uri)
    if not where.key.endswith((".tar.gz", "/")):  # SageMaker demands the slash of an S3Prefix
        raise InputError(f"{model_uri} is neither a .tar.gz nor a prefix ending with '/'. `stygig package` makes one.")
    check_bucket(where.bucket, region(), "of the model")
    with explained("s3:ListBucket", model_uri):
        found = client("s3").list_objects_v2(Bucket=where.bucket, Prefix=where.key, MaxKeys=1).get("KeyCount", 0)
    if not found:
        raise NotFoundError(f"No model artifact lies at {model_uri}. `stygig package` makes one and prints its URI.")
    return model_uri


def image_on(plan: RunPlan, instance_type: str) -> str:
    """The serving image for an instance type, which depends on whether that has GPUs."""
    processor: Processor = "gpu" if instance_gpus(instance_type) else "cpu"
    return serving_image(plan.settings, plan.region, processor)


def model_request_of(plan: RunPlan, spec: EndpointSpec) -> dict[str, Any]:
    """The request for CreateModel that a run makes for an endpoint; AWS is asked for nothing."""
    allowed = (plan.names.inputs.uri, *plan.settings.allowed_s3_prefixes.split(","))
    return model_request(
        model_uri=spec.model_uri,
        image_uri=spec.image_uri or image_on(plan, spec.instance_type),
        role_arn=plan.settings.execution_role_arn,
        environment=container_environment(plan, allowed) | dict(spec.environment),
        tags=plan.tags,
        network=spec.network,
    )


def create_model(plan: RunPlan, spec: EndpointSpec) -> str:
    """Create the model and return its name; the same artifact twice in a run gives the same model."""
    check_model_uri(spec.model_uri)
    request = model_request_of(plan, spec)
    write_down(plan, MODEL, request["ModelName"])
    with explained("sagemaker:CreateModel", request["ModelName"]), already_made():
        client("sagemaker").create_model(**request)
    return str(request["ModelName"])


@contextmanager
def already_made() -> Iterator[None]:
    """Ignore "already existing": a hashed name can only be taken by the same request."""
    try:
        yield
    except ClientError as exc:
        if "already existing" not in error_text(exc):  # SageMaker has no code for it, only the text
            raise
