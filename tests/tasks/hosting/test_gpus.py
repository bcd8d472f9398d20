"""GPUs that nothing would use are reported before they bill."""

import inspect
import json
import logging
from collections.abc import Callable

import pytest

from tasks.hosting.deploying import start_endpoint_task
from tasks.hosting.endpoint import EndpointSpec
from tasks.hosting.fitting import idle_gpus
from tasks.names import S3Location
from tasks.plan import RunPlan
from tasks.storage import upload
from tests.tasks.deployed import BUCKET, put_model

CPU_IMAGE, GPU_IMAGE = "registry.example/serving:1-cpu-py312", "registry.example/serving:1-gpu-py312"
ARCHIVE = f"s3://{BUCKET}/models/tiny/model.tar.gz"


def put_manifest(engine: str) -> None:
    put_bytes(json.dumps({"encoder": {"engine": engine}}).encode())


def put_bytes(manifest: bytes) -> None:
    upload(manifest, S3Location(BUCKET, "models/tiny/files/manifest.json"), "application/json")


def test_gpus_that_onnx_runtime_would_leave_idle_are_told_with_what_to_do(plan: RunPlan) -> None:
    put_manifest("onnxruntime")
    said = idle_gpus(ARCHIVE, "ml.g5.12xlarge", GPU_IMAGE)
    assert said is not None
    assert said.startswith("ml.g5.12xlarge has 4 GPU(s), which will stand idle: ")
    assert "--engine torch, or choose an instance type without a GPU" in said


def test_torch_uses_them_and_where_there_are_none_nothing_is_asked(plan: RunPlan) -> None:
    put_manifest("torch")
    assert idle_gpus(ARCHIVE, "ml.g5.xlarge", GPU_IMAGE) is None
    put_manifest("onnxruntime")
    assert idle_gpus(ARCHIVE, "ml.m5.large", CPU_IMAGE) is None


def test_an_image_for_cpus_leaves_them_idle_whatever_the_engine(plan: RunPlan) -> None:
    put_manifest("torch")
    said = idle_gpus(ARCHIVE, "ml.g5.xlarge", CPU_IMAGE)
    assert said is not None
    assert f"the image {CPU_IMAGE} is one for CPUs. Unset STYGIG_IMAGE_URI" in said


@pytest.mark.parametrize("manifest", [b"not json", b"[]", b'{"encoder": null}', b"{}", b"\xff"])
def test_anothers_manifest_is_no_error(plan: RunPlan, manifest: bytes) -> None:
    put_bytes(manifest)
    assert idle_gpus(ARCHIVE, "ml.g5.xlarge", CPU_IMAGE) is None


def test_a_manifest_that_cannot_be_read_is_no_error(plan: RunPlan, only_allowed: Callable[..., None]) -> None:
    assert idle_gpus(ARCHIVE, "ml.g5.xlarge", GPU_IMAGE) is None
    put_manifest("onnxruntime")
    only_allowed("s3:ListBucket")
    assert idle_gpus(ARCHIVE, "ml.g5.xlarge", GPU_IMAGE) is None


def test_a_deployment_warns_of_them(
    plan: RunPlan, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put_manifest("onnxruntime")
    monkeypatch.setattr("tasks.hosting.deploying.run_logger", lambda: logging.getLogger("run"))
    endpoint = inspect.unwrap(start_endpoint_task)(
        plan, EndpointSpec("real-time", put_model(), instance_type="ml.g5.xlarge")
    )
    assert endpoint.instance_type == "ml.g5.xlarge"
    (warning,) = [each.message for each in caplog.records if each.name == "run" and each.levelno == logging.WARNING]
    assert warning.startswith("ml.g5.xlarge has 1 GPU(s)")
