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

from localaws.sagemaker.worker_process import WorkerProcess
from tests.localaws.cloud import eventually

RECORDED = Path(__file__).with_name("conformance")
PACKAGES = Path(__file__).parents[2] / "deployments"
# What the container knowingly does otherwise: TorchServe's own management answers, and torch's error texts.
DIFFERENT = {
    ("def", "GET /invocations"),
    ("def", "OPTIONS"),
    ("def", "/predictions/model"),
    ("def", "/models"),
    ("def", "unknown path"),
    ("def", "npz bad"),
    ("def", "json object (dict)"),
    ("cus", "out:tensor"),
    ("cus", "out:tuple2rev"),
}


def cases(handler: str) -> list[Any]:
    recorded = json.loads((RECORDED / f"{handler}.json").read_text())
    return [
        pytest.param(handler, case["request"], case["answer"], id=f"{handler}: {case['case']}")
        for case in recorded
        if (handler, case["case"]) not in DIFFERENT
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
        eventually(lambda worker=worker: worker.ping(2) or None)  # type: ignore[misc]
    yield started
    for worker in started.values():
        worker.kill()
        worker.wait()


def ask(port: int, request: dict[str, Any]) -> tuple[int, str, str | None, bytes]:
    body = base64.b64decode(request["base64"]) if "base64" in request else request["text"].encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
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
    """The body without what differs between two runs: tracebacks, headers, identifiers and process ids."""
    body = body.partition("\nTraceback")[0]
    body = re.sub(r'"(pid|calls)": \d+', r'"\1": 0', body)
    body = re.sub(r'"headers": .*', "", body)
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
    assert worker.invoke(b" " * 6_553_500, headers, timeout=20).status == 200
    assert worker.invoke(b" " * 6_553_501, headers, timeout=20).status == 413
