"""Checks, before an instance bills: a model's workers fit into its memory, and something uses its GPUs."""

from tasks.errors import InputError, NotFoundError, PermissionDeniedError
from tasks.hosting.instances import GIB, INSTANCES, default_workers, instance_bytes, instance_gpus
from tasks.packaging.published import FOOTPRINT, read_footprint, read_manifest

SERVER_BYTES = 640 << 20
"""Bytes for TorchServe's Java process (257 MB measured), AWS's launcher (270 MB, torch on CPU) and the system."""
TOOLKIT_BYTES = 256 << 20
"""Bytes for what AWS's toolkit imports in each worker, mostly torch on CPU: 240 MB measured."""


def check_memory(model_uri: str, instance_type: str, workers: int) -> str:
    """Return a line on how the workers fit; InputError if they don't. If something isn't known, the line says so.

    0 workers are as many as AWS's image starts by default.
    """
    available, footprint = instance_bytes(instance_type), read_footprint(model_uri)
    if footprint is None:
        return f"memory: not checked, no {FOOTPRINT} can be read beside {model_uri}"
    workers = workers or default_workers(instance_type)
    resident, request = footprint.resident_bytes, footprint.request_bytes
    needed = SERVER_BYTES + workers * (resident + TOOLKIT_BYTES + request)
    room = "room for large pictures and their server" if request else "and their server"
    asked = f"{workers} worker(s) of {_gib(resident)}, {room} need {_gib(needed)}"
    if available is None:
        return f"memory: {asked}; {instance_type} is not in {INSTANCES.name}, so whether it has that was not checked"
    if needed > available:
        raise InputError(
            f"{instance_type} has {_gib(available)} of memory; {asked}. Choose a larger --instance-type"
            + (", set STYGIG_MODEL_SERVER_WORKERS to fewer," if workers > 1 else ",")
            + " or package a smaller encoder or catalogue."
        )
    return f"memory: {asked}; {instance_type} has {_gib(available)}"


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"


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
