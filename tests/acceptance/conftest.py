"""An account in which `stygig deploy` was run once with every option, and a separate run for tests that need one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from flows.package_model import package_model
from localaws import LocalAws
from tasks.names import S3Location
from tasks.plan import RunPlan, plan_run
from tasks.settings import Settings
from tests.deployments.localaws.cloud import Cloud
from tests.tasks.deployed import BUCKET, RUN_ID

BIN = Path(sys.executable).parent
ANSWERS, TOPIC = "s3://answers-of-the-shop/fashion", "finished"
ARGUMENTS = {
    "--endpoint-name": "fashion",
    "--s3-output-path": ANSWERS,
    "--max-concurrent-invocations": "10",
    "--instance-type": "ml.c5.large",
}


@dataclass(frozen=True)
class Shop:
    """The account, in a process of its own, with the folder and the output of `stygig deploy`."""

    pid: int
    folder: Path
    environment: dict[str, str]
    model_uri: str
    topic: str
    deployed: "subprocess.CompletedProcess[str]"

    @property
    def cloud(self) -> Cloud:
        """Clients of the account; the environment must point at it."""
        return Cloud(None)  # type: ignore[arg-type]  # the AWS of another process has no object here

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `stygig` in that folder."""
        return self._run([sys.executable, "-m", "stygig", *arguments])

    def shell(self, script: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a script with bash, with the AWS CLI on the path."""
        return self._run(["bash", "-euo", "pipefail", "-c", script], **variables)

    def _run(self, command: list[str], **variables: str) -> "subprocess.CompletedProcess[str]":
        environment = self.environment | variables
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=150
        )


@contextmanager
def local_up(folder: Path) -> Iterator[dict[str, Any]]:
    """`stygig local up` in another process, and its output; resetting this process's AWS doesn't affect it."""
    command = [sys.executable, "-m", "stygig", "local", "up", "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        printed = ""
        for line in process.stdout:
            printed += line
            if line == "}\n":
                break
        yield json.loads(printed)
        process.terminate()


def of_account(aws: Mapping[str, str], folder: Path, prefect: str) -> dict[str, str]:
    """The environment of a user of that account."""
    foreign = ("AWS_", "STYGIG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    own = {"STYGIG_IMAGE_URI": "registry.example/serving:1", "STYGIG_REPORTS": str(folder), "PREFECT_API_URL": prefect}
    return kept | dict(aws) | own | {"PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "200", "TERM": "dumb"}


@pytest.fixture(scope="session")
def opened_shop(
    prefect_backend: str, drawn_catalogue: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with local_up(folder) as aws, pytest.MonkeyPatch.context() as patched:
        environment = of_account(aws["environment"], folder, prefect_backend)
        for name, value in environment.items():
            patched.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket=S3Location.parse(ANSWERS).bucket)
        topic = boto3.client("sns").create_topic(Name=TOPIC)["TopicArn"]
        uri = package_model(catalogue=str(drawn_catalogue)).uri
        shop = Shop(aws["pid"], folder, environment, uri, topic, subprocess.CompletedProcess([], 0))
        options = ARGUMENTS | {"--model-uri": uri, "--sns-topic-arn": topic}
        deployed = shop.run("deploy", *(word for pair in options.items() for word in pair))
        assert deployed.returncode == 0, deployed.stderr
        patched.undo()
        yield replace(shop, deployed=deployed)


@pytest.fixture
def shop(opened_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """That account and folder, with the environment pointing at them."""
    for name, value in opened_shop.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(opened_shop.folder)
    return opened_shop


@pytest.fixture
def plan(local_aws: LocalAws) -> RunPlan:
    """A run of its own in an account of its own, whose bucket exists."""
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    return plan_run(RUN_ID, Settings(bucket=BUCKET, owner="tester"))


def described_config(endpoint_name: str) -> dict[str, Any]:
    """DescribeEndpointConfig of an endpoint's configuration."""
    sagemaker: Any = boto3.client("sagemaker")
    name = sagemaker.describe_endpoint(EndpointName=endpoint_name)["EndpointConfigName"]
    found: dict[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    return found
