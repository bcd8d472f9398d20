"""The platform's demands on a container's answers and on inputs, and what it writes about them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localaws import LocalAws
from localaws.sagemaker.data_plane import async_queue, async_work
from tests.deployments.localaws.cloud import BUCKET, Cloud, eventually

FAILURES = f"s3://{BUCKET}/failed"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd"
HEADERS = """
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept, context):
    context.set_response_header(0, "X-Filler", "f" * int(body))
    return "done"
"""
LAZY = """
import os, pathlib, time
folder = pathlib.Path(os.environ["FOLDER"])
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept):
    (folder / "loading").touch()
    while not (folder / "loaded").exists(): time.sleep(0.01)
    return "loaded at last", "text/plain"
"""
CHUNKED = """
import socket, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"2\\r\\nok\\r\\n0\\r\\n\\r\\n")
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
server.socket = socket.socket(fileno=int(sys.argv[1]))
server.serve_forever()
"""


@pytest.fixture
def chunked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A cloud whose containers answer in chunks."""
    script = tmp_path / "chunked.py"
    script.write_text(CHUNKED)
    monkeypatch.setattr("localaws.local_aws.container_command", lambda *_: (sys.executable, str(script)))
    with LocalAws() as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        aws.reset()
        cloud = Cloud(aws)
        cloud.s3.create_bucket(Bucket=BUCKET)
        yield cloud


def inline(cloud: Cloud, body: bytes, name: str = "endpoint", **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.runtime.invoke_endpoint_async(EndpointName=name, Body=body, **more)
    return answer


def failed(cloud: Cloud, answer: dict[str, Any]) -> str:
    """The failure's reason, once it is known; its object is there by then."""
    inference = answer["InferenceId"]
    [entry] = eventually(lambda: cloud.aws.journal.entries("async.failed", inference_id=inference) or None)
    assert cloud.read(answer["OutputLocation"]) is None
    assert cloud.read(answer["FailureLocation"]) is not None
    return str(entry.fields["reason"])


def completed(cloud: Cloud, answer: dict[str, Any]) -> bytes:
    inference = answer["InferenceId"]
    eventually(lambda: cloud.aws.journal.entries("async.completed", inference_id=inference) or None)
    body = cloud.read(answer["OutputLocation"])
    assert body is not None
    return body


def data_log(cloud: Cloud) -> list[str]:
    """The platform's own log of the only instance."""
    logs, group = cloud.client("logs"), "/aws/sagemaker/Endpoints/endpoint"
    names = [stream["logStreamName"] for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]]
    [name] = [name for name in names if name.endswith("/data-log")]
    assert name.removesuffix("/data-log") in names
    events = logs.get_log_events(logGroupName=group, logStreamName=name)["events"]
    return [event["message"] for event in events]


def test_an_asynchronous_answer_without_a_content_length_fails(chunked: Cloud) -> None:
    chunked.model()
    chunked.async_config(S3FailurePath=FAILURES)
    chunked.endpoint()
    reason = failed(chunked, inline(chunked, b"x"))
    text = "The response from container primary did not specify the required Content-Length header"
    assert reason == f"ClientError: {text}"
    assert data_log(chunked)[0].endswith(text)
    chunked.config("real-time")
    chunked.endpoint("real-time", "real-time")
    assert chunked.runtime.invoke_endpoint(EndpointName="real-time", Body=b"x")["Body"].read() == b"ok"


def test_response_headers_beyond_4096_bytes_fail_both_kinds_of_invocation(cloud: Cloud) -> None:
    text = (
        "Response received from the primary container has headers with length greater than 4096 bytes. Reduce the "
        "length of your container's response headers and update your endpoint."
    )
    cloud.model(handler=HEADERS)
    cloud.async_config(S3FailurePath=FAILURES)
    cloud.config("real-time")
    cloud.endpoint(status=None)
    cloud.endpoint("real-time", "real-time")
    cloud.settle()
    assert completed(cloud, inline(cloud, b"3900")) == b"done"
    assert failed(cloud, inline(cloud, b"4100")) == f"ClientError: {text}"
    assert failed(cloud, inline(cloud, b"70000")) == f"ClientError: {text}"
    assert cloud.runtime.invoke_endpoint(EndpointName="real-time", Body=b"3900")["Body"].read() == b"done"
    with pytest.raises(ClientError, match=text.partition(".")[0]) as refusal:
        cloud.runtime.invoke_endpoint(EndpointName="real-time", Body=b"4100")
    assert refusal.value.response["Error"]["Code"] == "ModelError"
    assert cloud.metric("Invocation5XXErrors", "Sum", {"EndpointName": "real-time", "VariantName": "AllTraffic"}) == 1


def test_inline_bodies_beyond_the_bound_of_the_queue_are_throttled(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(async_queue, "MAX_WAITING_BYTES", 100)
    cloud.model()
    cloud.async_config()
    cloud.endpoint()
    cloud.rescale(0)
    cloud.settle()
    first = inline(cloud, b'{"x": 1}' + b" " * 80)
    impatient = cloud.client("sagemaker-runtime", config=Config(retries={"max_attempts": 0}))
    with pytest.raises(ClientError) as refusal:
        impatient.invoke_endpoint_async(EndpointName="endpoint", Body=bytes(13))
    assert refusal.value.response["Error"] == {"Code": "ThrottlingException", "Message": "Rate exceeded"}
    location = cloud.invoke_async({"x": 2})
    cloud.rescale(1)
    assert json.loads(completed(cloud, first))["x"] == 2
    assert json.loads(completed(cloud, location))["x"] == 4
    assert json.loads(completed(cloud, inline(cloud, b'{"x": 3}' + b" " * 80)))["x"] == 6


def test_an_input_beyond_the_limit_fails_and_the_data_log_tells_what_became_of_each(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(async_work, "MAX_INPUT_BYTES", 40)
    cloud.model()
    cloud.async_config(S3FailurePath=FAILURES)
    cloud.endpoint()
    completed(cloud, cloud.invoke_async({"x": 1}, InferenceId="fine"))
    assert "more than the maximum of 40 bytes" in failed(cloud, cloud.invoke_async({"x": "1" * 40}))
    failed(cloud, cloud.invoke_async({"boom": 1}, InferenceId="broken"))
    fine, large, broken = data_log(cloud)
    assert ":[sagemaker logs] [fine] Inference request succeeded. ModelLatency: " in fine
    assert "more than the maximum" in large
    assert '[broken] Received server error (500) from primary with message "boom\nTraceback' in broken
    dimensions = {"EndpointName": "endpoint", "VariantName": "AllTraffic"}
    assert cloud.metric("RequestDownloadFailures", "Sum", dimensions) == 1
    assert cloud.metric("RequestDownloadLatency", "SampleCount", dimensions) == 2
    assert cloud.metric("ResponseUploadLatency", "SampleCount", dimensions) == 1


def test_output_and_failure_objects_are_encrypted_with_the_configured_key(cloud: Cloud) -> None:
    cloud.model()
    cloud.async_config(S3FailurePath=FAILURES, KmsKeyId=KEY)
    cloud.endpoint()
    fine, broken = inline(cloud, b'{"x": 1}'), inline(cloud, b'{"boom": 1}')
    completed(cloud, fine)
    failed(cloud, broken)
    for location in (fine["OutputLocation"], broken["FailureLocation"]):
        head = cloud.s3.head_object(Bucket=BUCKET, Key=location.removeprefix(f"s3://{BUCKET}/"))
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", KEY)


def test_a_handler_which_loads_at_its_first_request_fails_real_time_clients_and_not_asynchronous_ones(
    cloud: Cloud, tmp_path: Path
) -> None:
    cloud.model(handler=LAZY, Environment={"FOLDER": str(tmp_path)})
    cloud.async_config()
    cloud.config("real-time")
    cloud.endpoint(status=None)
    cloud.endpoint("real-time", "real-time")
    cloud.settle()
    asynchronous = inline(cloud, b"x")
    eventually(lambda: (tmp_path / "loading").exists() or None)
    cloud.aws.clock.rate = 300
    with pytest.raises(ClientError, match="timed out while waiting for a response from container primary") as failure:
        cloud.runtime.invoke_endpoint(EndpointName="real-time", Body=b"x")
    assert failure.value.response["Error"]["Code"] == "ModelError"
    (tmp_path / "loaded").touch()
    assert completed(cloud, asynchronous) == b"loaded at last"
