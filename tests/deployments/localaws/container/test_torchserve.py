"""AWS's real PyTorch stack behind the same endpoints: the mirror in the container is judged by it.

Opt-in: STYGIG_OPT_IN=torchserve, with LOCALAWS_TORCHSERVE_PYTHON naming the environment that README.md says how to
make.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws import LocalAws, Options
from localaws.container.command import ContainerMissingError
from tests.deployments.localaws.cloud import BUCKET, Cloud, eventually

# Read at import: conftest.py removes every STYGIG_ variable before each test.
OPTED_IN = "torchserve" in os.environ.get("STYGIG_OPT_IN", "").split(",")
PYTHON = os.environ.get("LOCALAWS_TORCHSERVE_PYTHON")
RECORDED = Path(__file__).with_name("conformance")
PROGRAM = Path(__file__).parents[1] / "serve_until_killed.py"
HANDLERS = ("def", "cus", "trf")
SECONDS = 120

needs_torchserve = pytest.mark.skipif(
    not (OPTED_IN and PYTHON),
    reason="opt-in: set STYGIG_OPT_IN=torchserve and LOCALAWS_TORCHSERVE_PYTHON (deployments/localaws/README.md)",
)


@pytest.fixture(scope="module")
def stack() -> Iterator[Cloud]:
    """An endpoint with a variant for each handler that was recorded, and an asynchronous one."""
    options = Options(container="torchserve", torchserve_python=PYTHON)
    with LocalAws(options=options) as aws, pytest.MonkeyPatch.context() as environment:
        for name, value in aws.environment().items():
            environment.setenv(name, value)
        cloud = Cloud(aws)
        cloud.s3.create_bucket(Bucket=BUCKET)
        for handler in HANDLERS:
            cloud.model(handler, (RECORDED / f"{handler}.py").read_text())
        cloud.sagemaker.create_endpoint_config(
            EndpointConfigName="real-time", ProductionVariants=[variant(handler) for handler in HANDLERS]
        )
        cloud.model()
        cloud.async_config("asynchronous", S3FailurePath=f"s3://{BUCKET}/failed")
        cloud.endpoint("real-time", "real-time", status=None)
        cloud.endpoint("asynchronous", "asynchronous", status=None)
        for name in ("real-time", "asynchronous"):
            eventually(lambda name=name: in_service(cloud, name), SECONDS)  # type: ignore[misc]
        yield cloud


@pytest.fixture
def torchserve(stack: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """That cloud, with the environment pointing at it."""
    for name, value in stack.aws.environment().items():
        monkeypatch.setenv(name, value)
    return stack


def variant(model: str) -> dict[str, Any]:
    return {"VariantName": model, "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


def in_service(cloud: Cloud, name: str) -> bool | None:
    status = cloud.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]
    assert status in ("Creating", "InService")
    return status == "InService" or None


def replayed(handler: str) -> list[dict[str, Any]]:
    """The recorded requests which can reach a container through an endpoint, and whose answer comes back unchanged."""
    cases = json.loads((RECORDED / f"{handler}.json").read_text())
    return [
        case
        for case in cases
        if (case["request"]["method"], case["request"]["path"]) == ("POST", "/invocations")
        and "content-type" in map(str.lower, case["request"]["headers"])
        and case["answer"]["status"] != 204
        and "repeated" not in case["request"]  # too large for an endpoint
    ]


def answer(cloud: Cloud, handler: str, request: dict[str, Any]) -> tuple[int, str | None, bytes]:
    headers = {name.lower(): value for name, value in request["headers"].items()}
    body = base64.b64decode(request["base64"]) if "base64" in request else request["text"].encode()
    accept = {"Accept": headers["accept"]} if "accept" in headers else {}
    try:
        found = cloud.runtime.invoke_endpoint(
            EndpointName="real-time", TargetVariant=handler, ContentType=headers["content-type"], Body=body, **accept
        )
    except ClientError as exc:
        return exc.response["OriginalStatusCode"], None, exc.response["OriginalMessage"].encode()
    return 200, found["ContentType"], found["Body"].read()


def first_line(text: str) -> str:
    return text.partition("\n")[0]


@needs_torchserve
@pytest.mark.slow
@pytest.mark.parametrize("handler", HANDLERS)
def test_the_recorded_cases_come_back_through_the_endpoint(torchserve: Cloud, handler: str) -> None:
    wrong = []
    for case in replayed(handler):
        expected = case["answer"]
        status, content_type, body = answer(torchserve, handler, case["request"])
        text = body[:400].decode("utf-8", "backslashreplace")
        same_type = status != 200 or content_type == expected["content_type"]
        # The custom handler echoes headers and identifiers, which differ from those of the recorded run.
        same_body = text.startswith('{"in":') or first_line(text) == first_line(expected["body"])
        if status != expected["status"] or not same_type or not same_body:
            wrong.append((case["case"], status, content_type, text, expected))
    assert wrong == []


@needs_torchserve
@pytest.mark.slow
def test_asynchronous_invocations_end_in_s3(torchserve: Cloud) -> None:
    completed = torchserve.invoke_async({"x": 21}, "asynchronous")
    failed = torchserve.invoke_async({"boom": 1}, "asynchronous")
    assert json.loads(eventually(lambda: torchserve.read(completed["OutputLocation"])))["x"] == 42
    assert eventually(lambda: torchserve.read(failed["FailureLocation"])).startswith(b"boom\nTraceback")
    assert any("Torchserve version: 0.12.0" in line for line in torchserve.log_lines("asynchronous"))


def processes_of(group: int) -> list[str]:
    found = subprocess.run(["ps", "-o", "args=", "-s", str(group)], capture_output=True, text=True, check=False)
    return found.stdout.splitlines()


@needs_torchserve
@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_the_java_processes_end_with_the_embedded_aws(end: signal.Signals) -> None:
    environment = {**os.environ, "LOCALAWS_TORCHSERVE_PYTHON": str(PYTHON)}
    command = [sys.executable, PROGRAM, "torchserve"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        assert run.stdout is not None
        groups = [int(pid) for pid in run.stdout.readline().split()]
        assert ["java" in " ".join(processes_of(group)) for group in groups] == [True, True]
        run.send_signal(end)
        run.wait()
    eventually(lambda: None if any(processes_of(group) for group in groups) else True)


def test_without_its_environment_the_start_is_refused_and_says_what_to_do() -> None:
    with pytest.raises(ContainerMissingError, match="LOCALAWS_TORCHSERVE_PYTHON"):
        LocalAws(options=Options(container="torchserve")).start()
    with pytest.raises(ContainerMissingError, match="/nowhere/python, which is not a program"):
        LocalAws(options=Options(container="torchserve", torchserve_python="/nowhere/python")).start()
