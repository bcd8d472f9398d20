"""What the platform makes of /ping: of one that lies, of one that stops, and of a worker that dies."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from localaws import LocalAws
from localaws.container import server
from localaws.sagemaker import liveness
from localaws.sagemaker.hosting import Options
from tests.localaws.cloud import BUCKET, HANDLER, Cloud, eventually

NEVER_LOADS = "def model_fn(model_dir): raise RuntimeError('no weights')\n"
LOADS_THE_SECOND_TIME = """
calls = []
def model_fn(model_dir):
    calls.append(1)
    if len(calls) < 2: raise RuntimeError("not yet")
def transform_fn(model, body, content_type, accept): return str(len(calls))
"""
SPINS = (
    HANDLER.replace("time.sleep(data", "spin(data")
    + """
def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: pass
"""
)


@pytest.fixture
def lying(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A cloud whose containers answer /ping as TorchServe does."""
    with LocalAws(clock_rate=60, options=Options(ping="torchserve")) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        aws.reset()
        cloud = Cloud(aws)
        cloud.s3.create_bucket(Bucket=BUCKET)
        yield cloud


@pytest.fixture
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pings which come fast and do not wait for long."""
    monkeypatch.setattr(liveness, "PING_EVERY_LEAST_REAL_SECONDS", 0.05)
    monkeypatch.setattr(liveness, "PING_TIMEOUT_REAL_SECONDS", 0.2)


def statuses(cloud: Cloud) -> list[str]:
    return [entry.fields["status"] for entry in cloud.aws.journal.entries("endpoint.status", endpoint="endpoint")]


def test_behind_torchserves_ping_in_service_proves_nothing(lying: Cloud) -> None:
    lying.model("broken", NEVER_LOADS)
    lying.model("slow", LOADS_THE_SECOND_TIME)
    for name in ("broken", "slow"):
        lying.config(name, name)
        lying.endpoint(name, name, status=None)
    for name in ("broken", "slow"):
        lying.settle(name)
    assert lying.runtime.invoke_endpoint(EndpointName="slow", Body=b"")["Body"].read() == b"2"
    eventually(lambda: "RuntimeError: no weights" in lying.log_lines("broken") or None)
    lying.aws.clock.rate = 600
    with pytest.raises(ClientError, match="timed out while waiting for a response from container primary"):
        lying.invoke({}, "broken")
    assert lying.sagemaker.describe_endpoint(EndpointName="broken")["EndpointStatus"] == "InService"


def test_a_server_which_gave_up_on_its_model_is_unhealthy_and_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOAD_LONGEST_SECONDS", 0.0)
    with server.Server(socket.create_server(("127.0.0.1", 0)), str(tmp_path), honest=False) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        port = serving.socket.getsockname()[1]
        before = status_of(port, "GET", "/ping")
        serving.load()
        after = [status_of(port, "GET", "/ping"), status_of(port, "POST", "/invocations")]
        serving.shutdown()
        thread.join()
    assert (before, after) == (200, [500, 503])


def status_of(port: int, method: str, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.usefixtures("watchful")
def test_an_instance_whose_container_stops_answering_ping_is_replaced_in_service(cloud: Cloud) -> None:
    cloud.model()
    cloud.async_config(S3FailurePath=f"s3://{BUCKET}/failed")
    cloud.endpoint()
    in_hand = cloud.invoke_async({"sleep": 5}, InferenceId="in-hand")
    eventually(lambda: cloud.aws.journal.entries("async.accepted") or None)
    [pid] = cloud.aws.worker_pids()
    os.kill(pid, signal.SIGSTOP)
    [replaced] = eventually(lambda: cloud.aws.journal.entries("instance.replaced") or None)
    assert replaced.fields["instance"] != replaced.fields["replacement"]
    lost = eventually(lambda: cloud.read(in_hand["FailureLocation"]))
    assert lost.decode() == (
        "ClientError: Received server error (0) from model. "
        "See the SageMaker Endpoint logs in your account for more information."
    )
    answer = cloud.invoke_async({"x": 1})
    eventually(lambda: cloud.read(answer["OutputLocation"]))
    assert statuses(cloud) == ["Creating", "InService"]
    [new] = cloud.aws.worker_pids()
    assert new != pid
    ended = [entry.fields["instance"] for entry in cloud.aws.journal.entries("instance.terminated")]
    assert ended == [replaced.fields["instance"]]


@pytest.mark.usefixtures("watchful")
def test_a_busy_container_keeps_answering_ping(cloud: Cloud) -> None:
    cloud.model(handler=SPINS)
    cloud.config()
    cloud.endpoint()
    assert cloud.invoke({"x": 1, "sleep": 0.5})["x"] == 2
    assert cloud.aws.journal.entries("instance.replaced") == []


@pytest.mark.usefixtures("watchful")
def test_a_container_that_breaks_one_connection_and_is_well_takes_invocations_again(cloud: Cloud) -> None:
    broken = HANDLER.replace('if "exit" in data: os._exit(3)', 'if "exit" in data: close_everything()')
    closes = """
def close_everything():
    import gc, socket
    for each in gc.get_objects():
        if isinstance(each, socket.socket) and each.fileno() >= 0 and not is_listening(each):
            each.shutdown(socket.SHUT_RDWR)
def is_listening(each):
    import socket
    return each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
"""
    cloud.model(handler=broken + closes)
    cloud.config()
    cloud.endpoint()
    [pid] = cloud.aws.worker_pids()
    with pytest.raises(ClientError, match="Worker died"):
        cloud.invoke({"exit": 1})
    assert cloud.invoke({"x": 1}) == {"x": 2, "pid": pid}
    assert cloud.aws.journal.entries("instance.crashed") == []


def test_after_a_crash_no_request_reaches_the_dead_worker(cloud: Cloud) -> None:
    cloud.model()
    cloud.config()
    cloud.endpoint()
    cloud.aws.clock.rate = 6
    for _ in range(2):
        with pytest.raises(ClientError, match="Worker died"):
            cloud.invoke({"exit": 1})
        assert cloud.invoke({"x": 1})["x"] == 2


def test_a_worker_that_answers_after_torchserves_own_time_out_is_ended(cloud: Cloud) -> None:
    limits = {"TS_DEFAULT_RESPONSE_TIMEOUT": "0.5", "SAGEMAKER_MODEL_SERVER_TIMEOUT": "900"}
    cloud.model(Environment=limits)
    cloud.config()
    cloud.endpoint()
    before = cloud.invoke({"x": 1})["pid"]
    with pytest.raises(ClientError, match="Worker died"):
        cloud.invoke({"sleep": 30})
    assert any("did not answer within 0.5 seconds" in line for line in cloud.log_lines())
    assert cloud.invoke({"x": 1})["pid"] != before
