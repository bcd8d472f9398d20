"""The container answers what the stack in AWS's PyTorch inference image was recorded to answer."""

from __future__ import annotations

import base64
import http.client
import json
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.sagemaker.instances.worker_process import WorkerProcess
from tests.deployments.localaws.cloud import Cloud, eventually

RECORDED = Path(__file__).with_name("conformance")
PACKAGES = Path(__file__).parents[4] / "deployments"
# The cases in which the container knowingly differs, and why.
DIFFERENT = {
    "def: OPTIONS": "TorchServe describes its API in OpenAPI; SageMaker never asks",
    "crash:sysexit, ping": "the mirror is one process, whose /ping is silent while it restarts; no instance asks then",
    "crash:os_exit, ping": "as above",
    "crash:kbd, ping": "as above",
}
CRASHES = json.loads((RECORDED / "crash.json").read_text())


def read_cases(handler: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((RECORDED / f"{handler}.json").read_text())
    return cases


def cases(handler: str) -> list[Any]:
    named = {f"{handler}: {case['case']}": case for case in read_cases(handler)}
    return [
        pytest.param(handler, case["request"], case["answer"], id=name)
        for name, case in named.items()
        if name not in DIFFERENT
    ]


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, WorkerProcess]]:
    started = {}
    for handler in ("def", "cus", "trf"):
        home = tmp_path_factory.mktemp(handler)
        code = home / "model" / "code"
        code.mkdir(parents=True)
        shutil.copy(RECORDED / f"{handler}.py", code / "inference.py")
        environment = {"PYTHONPATH": f"{code}:{PACKAGES}", "PATH": str(Path(sys.executable).parent)}
        worker = started[handler] = WorkerProcess(home, environment, lambda lines: None)
        threading.Thread(target=worker.pump_output, daemon=True).start()
    for worker in started.values():
        eventually(lambda worker=worker: worker.ping(900) or None)  # type: ignore[misc]
    yield started
    for worker in started.values():
        worker.kill()
        worker.wait()


def body_of(request: dict[str, Any]) -> bytes:
    if "base64" in request:
        return base64.b64decode(request["base64"])
    if "repeated" in request:
        head, unit, times, tail = request["repeated"]
        return f"{head}{unit * times}{tail}".encode()
    return str(request["text"]).encode()


def ask(port: int, request: dict[str, Any]) -> tuple[int, str, str | None, bytes]:
    body = body_of(request)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.putrequest(request["method"], request["path"], skip_accept_encoding=True)
        for name, value in request["headers"].items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.reason, answer.getheader("content-type"), answer.read()
    finally:
        connection.close()


def comparable(body: str) -> str:
    """The body without what differs between two runs: tracebacks, headers, folders, identifiers, process ids."""
    body = body.partition("\nTraceback")[0]
    body = re.sub(r'"(pid|calls)": \d+', r'"\1": 0', body)
    body = re.sub(r'"headers": .*', "", body)
    body = re.sub(r'"modelUrl": ".*"', "", body)
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "", body)


@pytest.mark.parametrize(("handler", "request_", "expected"), [*cases("def"), *cases("cus"), *cases("trf")])
def test_the_container_answers_as_recorded(
    workers: dict[str, WorkerProcess], handler: str, request_: Any, expected: Any
) -> None:
    status, reason, content_type, body = ask(workers[handler].port, request_)
    text = body[:400].decode("utf-8", "backslashreplace")
    assert (status, content_type) == (expected["status"], expected["content_type"])
    assert comparable(text) == comparable(expected["body"])
    if status >= 400:
        assert reason.strip() == expected["reason"].strip()


def test_bodies_beyond_the_model_servers_limit_are_refused(workers: dict[str, WorkerProcess]) -> None:
    worker = workers["trf"]
    headers = {"Content-Type": "application/json"}
    assert worker.invoke(b" " * 6_553_500, headers, timeout=900).status == 200
    assert worker.invoke(b" " * 6_553_501, headers, timeout=900).status == 413


def test_a_worker_that_dies_is_answered_for_and_replaced_as_recorded(cloud: Cloud) -> None:
    cloud.model(handler=(RECORDED / "cus.py").read_text())
    cloud.config()
    cloud.endpoint()
    for case in CRASHES:
        if case["case"] not in DIFFERENT:
            status, body = invoke_endpoint(cloud, case["request"])
            assert (status, comparable(body)) == (case["answer"]["status"], comparable(case["answer"]["body"]))


def invoke_endpoint(cloud: Cloud, request: dict[str, Any]) -> tuple[int, str]:
    """The container's status and body, as a client of SageMaker sees them."""
    try:
        return 200, json.dumps(cloud.invoke(request))
    except ClientError as exc:
        return exc.response["OriginalStatusCode"], exc.response["OriginalMessage"]


def test_every_difference_is_of_a_recorded_case() -> None:
    recorded = {f"{name}: {case['case']}" for name in ("def", "cus", "trf") for case in read_cases(name)}
    assert recorded | {case["case"] for case in CRASHES} >= DIFFERENT.keys()
