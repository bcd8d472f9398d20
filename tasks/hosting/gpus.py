"""A check, before an instance bills, that something would use its GPUs."""

from tasks.errors import NotFoundError, PermissionDeniedError
from tasks.hosting.instances import instance_gpus
from tasks.packaging.published import read_manifest


def idle_gpus(model_uri: str, instance_type: str, image_uri: str) -> str | None:
    """Advice if GPUs would bill unused; None if they are used, there are none, or the engine isn't known."""
    count, engine = instance_gpus(instance_type), ""
    if count:
        engine = _engine(model_uri)
    idle = f"{instance_type} has {count} GPU(s), which will stand idle"
    if engine == "onnxruntime":
        return (
            f"{idle}: {model_uri} was packaged for ONNX Runtime, which computes on the CPU, and AWS's image starts one "
            "worker for each GPU unless STYGIG_MODEL_SERVER_WORKERS says how many. Package it with --engine torch, or "
            "choose an instance type without a GPU."
        )
    if engine == "torch" and "-cpu-" in image_uri.rpartition(":")[2]:  # as in AWS's tag 2.6.0-cpu-py312-…
        return f"{idle}: the image {image_uri} is one for CPUs. Unset STYGIG_IMAGE_URI, or set it to one for GPUs."
    return None


def _engine(model_uri: str) -> str:
    """The engine in the manifest; empty if it isn't ours, or only the execution role may read it."""
    try:
        return str(read_manifest(model_uri)["encoder"]["engine"])
    except (NotFoundError, PermissionDeniedError, ValueError, LookupError, TypeError):
        return ""
