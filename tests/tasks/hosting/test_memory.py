"""The memory that workers need, against what an instance type has."""

import inspect
from collections.abc import Callable
from dataclasses import replace

import boto3
import pytest
from prefect.logging import disable_run_logger

from tasks.errors import InputError
from tasks.hosting.deploying import start_endpoint_task
from tasks.hosting.endpoint import EndpointSpec
from tasks.hosting.fitting import check_memory
from tasks.hosting.instances import GIB
from tasks.names import S3Location
from tasks.packaging.published import Footprint, read_footprint, upload_footprint
from tasks.plan import RunPlan
from tasks.settings import Settings
from tests.tasks.deployed import BUCKET

BASE = S3Location(BUCKET, "models/1/")
ARCHIVE, LOOSE = f"{BASE.uri}model.tar.gz", f"{BASE.uri}files/"


@pytest.fixture
def half_a_gib(plan: RunPlan) -> None:
    """An artifact whose worker takes that much."""
    upload_footprint(BASE, GIB // 2)


@pytest.mark.parametrize("uri", [ARCHIVE, LOOSE])
def test_the_footprint_lies_beside_the_archive(half_a_gib: None, uri: str) -> None:
    assert read_footprint(uri) == Footprint(GIB // 2)


def test_workers_that_fit_pass_with_a_line_that_shows_the_sum(half_a_gib: None) -> None:
    assert check_memory(ARCHIVE, "ml.m5.large", 1) == (
        "memory: 1 worker(s) of 0.5 GiB, room for large pictures and their server need 2.4 GiB; ml.m5.large has 8.0 GiB"
    )


def test_workers_that_do_not_fit_are_refused_with_needed_available_and_what_to_do(half_a_gib: None) -> None:
    with pytest.raises(
        InputError, match=r"ml\.c5\.large has 4\.0 GiB.*8 worker\(s\) of 0\.5 GiB.*need 14\.4 GiB"
    ) as told:
        check_memory(ARCHIVE, "ml.c5.large", 8)
    assert "larger --instance-type, set STYGIG_MODEL_SERVER_WORKERS to fewer, or package" in str(told.value)


def test_without_a_number_there_is_a_worker_for_each_gpu_or_vcpu(half_a_gib: None) -> None:
    assert check_memory(ARCHIVE, "ml.m5.4xlarge", 0) == check_memory(ARCHIVE, "ml.m5.4xlarge", 16)
    assert check_memory(ARCHIVE, "ml.g5.12xlarge", 0) == check_memory(ARCHIVE, "ml.g5.12xlarge", 4)
    assert "1 worker(s)" in check_memory(ARCHIVE, "ml.c99.large", 0)
    upload_footprint(BASE, 3 * GIB // 2)
    with pytest.raises(InputError, match=r"ml\.c5\.large has 4\.0 GiB.*2 worker\(s\) of 1\.5 GiB"):
        check_memory(ARCHIVE, "ml.c5.large", 0)


def test_one_worker_too_large_is_not_told_to_become_fewer(plan: RunPlan) -> None:
    upload_footprint(BASE, 4 * GIB)
    with pytest.raises(InputError) as told:
        check_memory(ARCHIVE, "ml.c5.large", 1)
    assert "STYGIG_MODEL_SERVER_WORKERS" not in str(told.value)


def test_an_unknown_instance_type_passes_with_a_note(half_a_gib: None) -> None:
    assert "ml.c99.large is not in instances.yaml" in check_memory(ARCHIVE, "ml.c99.large", 1_000)


def test_an_artifact_that_was_never_measured_passes_with_a_note(plan: RunPlan) -> None:
    assert (
        check_memory(ARCHIVE, "ml.m5.large", 1)
        == f"memory: not checked, no footprint.json can be read beside {ARCHIVE}"
    )


def test_a_model_that_only_the_role_may_read_passes_with_a_note(
    half_a_gib: None, only_allowed: Callable[..., None]
) -> None:
    only_allowed("s3:ListBucket")
    assert "no footprint.json can be read" in check_memory(ARCHIVE, "ml.m5.large", 1)


def test_the_deployment_asks_before_anything_is_made(half_a_gib: None, plan: RunPlan) -> None:
    crowded = replace(plan, settings=Settings(bucket=BUCKET, model_server_workers=96))
    spec = EndpointSpec("real-time", ARCHIVE, instance_type="ml.m5.large")
    with disable_run_logger(), pytest.raises(InputError, match="96 worker"):
        inspect.unwrap(start_endpoint_task)(crowded, spec)
    assert boto3.client("sagemaker").list_models()["Models"] == []
