"""The memory, vCPUs and GPUs of instance types, as EC2 lists them."""

import gzip
import json
from pathlib import Path
from typing import Any

import moto
import pytest
import yaml
from botocore.session import get_session

from tasks.hosting.instances import GIB, INSTANCES, default_workers, instance_bytes, instance_gpus, instance_vcpus

TABLE: dict[str, dict[str, float]] = yaml.safe_load(INSTANCES.read_text())["memory_gib"]
NAMES = [f"{family}.{size}" for family, sizes in TABLE.items() for size in sizes]


@pytest.fixture(scope="module")
def ec2() -> dict[str, Any]:
    described = Path(moto.__file__).parent / "ec2/resources/instance_types.json.gz"
    types: dict[str, Any] = json.loads(gzip.decompress(described.read_bytes()))
    return types


def test_the_table_says_what_ec2_does(ec2: dict[str, Any]) -> None:
    for name in NAMES:
        family, _, size = name.partition(".")
        gpus = ec2[name].get("GpuInfo", {}).get("Gpus", [])
        assert TABLE[family][size] * 1024 == ec2[name]["MemoryInfo"]["SizeInMiB"]
        assert instance_vcpus(f"ml.{name}") == ec2[name]["VCpuInfo"]["DefaultVCpus"]
        assert instance_gpus(f"ml.{name}") == sum(gpu["Count"] for gpu in gpus), name
        assert {gpu["Manufacturer"] for gpu in gpus} <= {"NVIDIA"}


def test_the_table_names_types_that_sagemaker_has() -> None:
    hosted = get_session().get_service_model("sagemaker").shape_for("ProductionVariantInstanceType").enum
    assert {f"ml.{name}" for name in NAMES} <= set(hosted)


def test_an_instance_type_has_the_memory_of_the_table() -> None:
    assert instance_bytes("ml.m5.large") == 8 * GIB
    assert instance_bytes("ml.c4.large") == int(3.75 * GIB)
    assert instance_bytes("ml.c7g.large") is None
    assert instance_bytes("ml.m5") is None
    assert instance_vcpus("ml.c7g.large") is None


@pytest.mark.parametrize(
    ("instance_type", "workers"),
    [
        ("ml.m5.2xlarge", 8),
        ("ml.g4dn.xlarge", 1),
        ("ml.g5.48xlarge", 8),
        ("ml.p3.2xlarge", 1),
        ("ml.p2.16xlarge", 16),
        ("ml.c99.large", 1),
    ],
)
def test_awss_image_starts_a_worker_for_each_gpu_else_for_each_vcpu(instance_type: str, workers: int) -> None:
    assert default_workers(instance_type) == workers
