"""A check, before an instance bills, that a model's workers fit into its memory."""

from tasks.errors import InputError
from tasks.hosting.instances import GIB, INSTANCES, default_workers, instance_bytes
from tasks.packaging.published import FOOTPRINT, read_footprint

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
