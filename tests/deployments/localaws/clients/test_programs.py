"""Programs written for AWS, run unchanged: only AWS's variables in their environment lead them here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from localaws import LocalAws
from tests.deployments.localaws.cloud import BUCKET, HANDLER, Cloud, archive

HERE = Path(__file__).parent
# Read at import: conftest.py removes every STYGIG_ variable before each test.
OPTED_IN = os.environ.get("STYGIG_OPT_IN", "").split(",")
AIRFLOW_PYTHON = os.environ.get("STYGIG_AIRFLOW_PYTHON")


def run(cloud: Cloud, tmp_path: Path, program: str, *arguments: str, python: str = sys.executable) -> dict[str, str]:
    """The lines that the program printed, by their first word."""
    variables = cloud.aws.environment().items()
    aws = {name: value for name, value in variables if name.startswith(("AWS_", "SAGEMAKER_"))}
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **aws}
    done = subprocess.run(
        [python, HERE / program, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    pairs = [line.partition(" ") for line in done.stdout.splitlines()]
    return {word: rest for word, _, rest in pairs}


def model_data(cloud: Cloud) -> str:
    cloud.s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=archive({"code/inference.py": HANDLER}))
    return f"s3://{BUCKET}/model.tar.gz"


def test_a_script_written_from_the_documentation(cloud: Cloud, tmp_path: Path) -> None:
    said = run(cloud, tmp_path, "deploy_async.py")
    assert said["status"] == "InService"
    assert said["answer"] == 'OutputLocation {"product": 42}'
    assert said["failure"] == "FailureLocation"
    assert said["left"] == "[]"


def test_the_resources_of_the_sagemaker_sdk(cloud: Cloud, tmp_path: Path) -> None:
    said = run(cloud, tmp_path, "sagemaker_sdk.py", cloud.aws.execution_role_arn, model_data(cloud), BUCKET)
    assert said["model"] == "{'A': 'b'}"
    assert said["status"] == "InService"
    assert said["listed"] == "['sdk-async', 'sdk-real-time']"
    assert (said["answer"], said["async"]) == ("8", "10")
    assert said["left"] == "[]"


def test_the_default_bucket_of_a_sagemaker_sdk_session(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(archive({"code/inference.py": HANDLER}))
    said = run(cloud, tmp_path, "sagemaker_session.py", cloud.aws.execution_role_arn)
    assert said["bucket"] == "sagemaker-us-east-1-123456789012"
    assert said["uploaded"] == f"s3://{said['bucket']}/mine/model.tar.gz"
    assert said["answer"] == "8"
    assert cloud.s3.list_objects_v2(Bucket=said["bucket"])["KeyCount"] == 1


def test_the_sdks_configuration_is_the_owners_alone_and_ends_with_the_embedded_aws() -> None:
    with LocalAws(region="eu-west-1") as aws:
        path = Path(aws.environment()["SAGEMAKER_USER_CONFIG_OVERRIDE"])
        assert "DefaultS3Bucket: sagemaker-eu-west-1-123456789012" in path.read_text()
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not path.exists()


@pytest.mark.slow
@pytest.mark.skipif(
    "airflow" not in OPTED_IN or not AIRFLOW_PYTHON,
    reason="opt-in: set STYGIG_OPT_IN=airflow and STYGIG_AIRFLOW_PYTHON (see airflow_endpoint.py)",
)
def test_airflows_endpoint_operator_and_sensor(cloud: Cloud, tmp_path: Path) -> None:
    arguments = cloud.aws.execution_role_arn, model_data(cloud), BUCKET
    said = run(cloud, tmp_path, "airflow_endpoint.py", *arguments, python=str(AIRFLOW_PYTHON))
    assert (said["run"], said["status"]) == ("success", "InService")
    assert said["left"] == "[]"
