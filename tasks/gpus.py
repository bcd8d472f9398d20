"""Whether anything would use an instance's GPUs, found out before they bill."""

from tasks.errors import NotFoundError, PermissionDeniedError
from tasks.instances import instance_gpus
from tasks.model import read_manifest


def idle_gpus(model_uri: str, instance_type: str) -> str | None:
    """What to do where GPUs would be paid for and not used; None where there are none, or the engine isn't known."""
    count = instance_gpus(instance_type)
    if not count or _engine(model_uri) != "onnxruntime":
        return None
    return (
        f"{instance_type} has {count} GPU(s), which will stand idle: {model_uri} was packaged for ONNX Runtime, which "
        "computes on the CPU. Package it with --engine torch, or choose an instance type without a GPU."
    )


def _engine(model_uri: str) -> str | None:
    """Only the execution role must be able to read a model, so that a refusal here is no error."""
    try:
        engine: str | None = read_manifest(model_uri).get("encoder", {}).get("engine")
    except (NotFoundError, PermissionDeniedError):
        return None
    return engine
