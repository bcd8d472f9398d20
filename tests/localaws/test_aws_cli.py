"""The ordinary AWS CLI, unmodified, with nothing but --endpoint-url to tell it where AWS is."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.localaws.cloud import BUCKET, Cloud, eventually

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def asynchronous(cloud: Cloud) -> Cloud:
    cloud.model()
    cloud.async_config()
    cloud.endpoint()
    return cloud


def aws(cloud: Cloud, *arguments: str) -> str:
    done = subprocess.run(
        [AWS, "--endpoint-url", cloud.aws.endpoint_url, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(cloud: Cloud, *arguments: str) -> Any:
    return json.loads(aws(cloud, *arguments, "--output", "json"))


def test_describe_endpoint(asynchronous: Cloud) -> None:
    found = read(asynchronous, "sagemaker", "describe-endpoint", "--endpoint-name", "endpoint")
    assert found["EndpointStatus"] == "InService"
    assert found["AsyncInferenceConfig"]["OutputConfig"]["S3OutputPath"].startswith("s3://")


def test_a_file_is_uploaded_invoked_and_its_answer_downloaded(asynchronous: Cloud, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text('{"x": 4}')
    uri = f"s3://{BUCKET}/in/request.json"
    aws(asynchronous, "s3", "cp", str(tmp_path / "request.json"), uri)
    assert "request.json" in aws(asynchronous, "s3", "ls", f"s3://{BUCKET}/in/")
    asked = ["--endpoint-name", "endpoint", "--input-location", uri, "--content-type", "application/json"]
    accepted = read(asynchronous, "sagemaker-runtime", "invoke-endpoint-async", *asked)
    eventually(lambda: asynchronous.read(accepted["OutputLocation"]))
    aws(asynchronous, "s3", "cp", accepted["OutputLocation"], str(tmp_path / "answer.json"))
    assert json.loads((tmp_path / "answer.json").read_text())["x"] == 8
