"""The memory, vCPUs and GPUs of SageMaker's instance types."""

import re
from functools import cache
from typing import Any

import yaml

from tasks.shipped import shipped

INSTANCES = shipped("deployments/aws/instances.yaml")
GIB = 1 << 30


def instance_bytes(instance_type: str) -> int | None:
    """The instance type's memory in bytes; None if the table of deployments/aws lacks it."""
    family, _, size = _name(instance_type).partition(".")
    gib = _table()["memory_gib"].get(family, {}).get(size)
    return None if gib is None else int(gib * GIB)


def instance_vcpus(instance_type: str) -> int | None:
    """The instance type's vCPUs: 4 × N for an Nxlarge, else 2, with few exceptions; None if it isn't known."""
    if instance_bytes(instance_type) is None:
        return None
    size = re.fullmatch(r"(\d*)xlarge", _name(instance_type).partition(".")[2])
    by_rule = 4 * int(size[1] or 1) if size else 2
    return int(_table()["vcpus"].get(_name(instance_type), by_rule))


def instance_gpus(instance_type: str) -> int:
    """The number of NVIDIA GPUs of the instance type; only the families g and p have any."""
    name = _name(instance_type)
    if not re.match(r"[gp]\d", name):
        return 0
    return next((count for count, names in _table()["gpus"].items() if name in names), 1)


def default_workers(instance_type: str) -> int:
    """The number of workers that AWS's image starts by default: one per GPU, or else per vCPU; 1 if unknown."""
    return instance_gpus(instance_type) or instance_vcpus(instance_type) or 1


def _name(instance_type: str) -> str:
    return instance_type.removeprefix("ml.")


@cache
def _table() -> dict[str, dict[Any, Any]]:
    table: dict[str, dict[Any, Any]] = yaml.safe_load(INSTANCES.read_text())
    return table
