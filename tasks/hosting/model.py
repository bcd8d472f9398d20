"""The SageMaker model: which artifact is served by which image, in which environment."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from tasks.clients import client, error_text, explained, region
from tasks.errors import InputError, NotFoundError
from tasks.hosting.instances import instance_gpus
from tasks.names import S3Location, hashed_name
from tasks.plan import RunPlan
from tasks.resources.inventory import write_down
from tasks.settings import Processor, serving_image
from tasks.storage import check_bucket


def container_environment(plan: RunPlan, allowed_prefixes: tuple[str, ...]) -> dict[str, str]:
    """What the serving container reads; only variables that something reads: docs/container.md says what, and why.

    Without SAGEMAKER_MODEL_SERVER_WORKERS AWS's image starts a worker for each GPU, without one for each vCPU, and a
    worker answers one request at a time: fewer would leave them idle while requests wait.
    The toolkit's SAGEMAKER_MODEL_SERVER_TIMEOUT is ignored by its last release, TS_DEFAULT_RESPONSE_TIMEOUT is not;
    without it a request dies at 120 s, whatever InvocationTimeoutSeconds says.
    """
    workers = plan.settings.model_server_workers
    return {
        "SAGEMAKER_PROGRAM": "inference.py",
        **({"SAGEMAKER_MODEL_SERVER_WORKERS": str(workers)} if workers else {}),
        "TS_DEFAULT_RESPONSE_TIMEOUT": str(plan.settings.invocation_timeout_seconds + 30),
        "TS_MAX_REQUEST_SIZE": str(64 * 1024 * 1024),
        "TS_MAX_RESPONSE_SIZE": str(64 * 1024 * 1024),
        "OMP_NUM_THREADS": "1",
        "STYGIG_ORT_PREPACK": "1" if plan.settings.ort_prepack else "0",
        "STYGIG_ALLOWED_S3_PREFIXES": ",".join(prefix for prefix in allowed_prefixes if prefix),
        "STYGIG_LOG_LEVEL": plan.settings.log_level,
    }


def model_request(
    *, model_uri: str, image_uri: str, role_arn: str, environment: Mapping[str, str], tags: list[dict[str, str]]
) -> dict[str, Any]:
    """CreateModel's request; the name is the hash of the rest, so that the same model is made once."""
    request: dict[str, Any] = {
        "PrimaryContainer": {"Image": image_uri, "Environment": dict(environment)} | _model_source(model_uri),
        "ExecutionRoleArn": role_arn,
        "Tags": tags,
    }
    return {"ModelName": hashed_name("stygig-model", request)} | request


def _model_source(model_uri: str) -> dict[str, Any]:
    """A .tar.gz, or a prefix of loose files, which SageMaker downloads in parallel and need not unpack."""
    if model_uri.endswith(".tar.gz"):
        return {"ModelDataUrl": model_uri}
    source = {"S3Uri": model_uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    return {"ModelDataSource": {"S3DataSource": source}}


def check_model_uri(model_uri: str) -> str:
    """The URI, if something lies there."""
    where = S3Location.parse(model_uri)
    if not where.key.endswith((".tar.gz", "/")):
        raise InputError(f"{model_uri} is neither a .tar.gz nor a prefix ending with '/'. `stygig package` makes one.")
    check_bucket(where.bucket, region(), "of the model")
    with explained("s3:ListBucket", model_uri):
        found = client("s3").list_objects_v2(Bucket=where.bucket, Prefix=where.key, MaxKeys=1).get("KeyCount", 0)
    if not found:
        raise NotFoundError(f"No model artifact lies at {model_uri}. `stygig package` makes one and prints its URI.")
    return model_uri


def image_on(plan: RunPlan, instance_type: str) -> str:
    """The image that serves on an instance type."""
    processor: Processor = "gpu" if instance_gpus(instance_type) else "cpu"
    return serving_image(plan.settings, plan.region, processor)


def create_model(plan: RunPlan, model_uri: str, instance_type: str) -> str:
    """The model's name; the same artifact asked for twice in a run gives the same model."""
    allowed = (plan.names.inputs.uri, *plan.settings.allowed_s3_prefixes.split(","))
    request = model_request(
        model_uri=check_model_uri(model_uri),
        image_uri=image_on(plan, instance_type),
        role_arn=plan.settings.execution_role_arn,
        environment=container_environment(plan, allowed),
        tags=plan.tags,
    )
    write_down(plan, "model", request["ModelName"])
    with explained("sagemaker:CreateModel", request["ModelName"]), already_made():
        client("sagemaker").create_model(**request)
    return str(request["ModelName"])


@contextmanager
def already_made() -> Iterator[None]:
    """Swallows "already existing": a hashed name can only be taken by the same request."""
    try:
        yield
    except ClientError as exc:
        if "already existing" not in error_text(exc):
            raise
