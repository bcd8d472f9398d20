"""The platform's reaction to /ping: to one that lies, to one that stops, and to a worker that dies."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from localaws import LocalAws
from localaws.container import server
from localaws.sagemaker.hosting import Options
from localaws.sagemaker.instances import liveness
from localaws.sagemaker.instances.worker_process import WorkerProcess
from tests.deployments.localaws.cloud import BUCKET, FOREVER, HANDLER, Cloud, eventually

NEVER_LOADS = "def model_fn(model_dir): raise RuntimeError('no weights')\n"
LOADS_THE_SECOND_TIME = """
calls = []
def model_fn(model_dir):
    calls.append(1)
    if len(calls) < 2: raise RuntimeError("not yet")
def transform_fn(model, body, content_type, accept): return str(len(calls))
"""
SPINS = (
    HANDLER.replace('while not os.path.exists(data["until"]): time.sleep(0.01)', 'spin(data["until"])')
    + """
def spin(until):
    open(until + ".begun", "w").close()
    while not os.path.exists(until): pass
"""
)


@pytest.fixture
def lying(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A cloud whose containers answer /ping as TorchServe does."""
    with LocalAws(options=Options(ping="torchserve")) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        aws.reset()
        cloud = Cloud(aws)
        cloud.s3.create_bucket(Bucket=BUCKET)
        yield cloud


@dataclass
class Pings:
    """The pings so far, each true if it was answered; only a process in `stopped` is not waited for."""

    answered: list[bool] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)


@pytest.fixture
def pings(monkeypatch: pytest.MonkeyPatch) -> Pings:
    """Pings come fast, and come again for as long as a busy machine needs to answer one."""
    pings, ping = Pings(), WorkerProcess.ping

    def patient(worker: WorkerProcess, timeout: float) -> bool:
        while not (answered := ping(worker, 0.2)):
            if worker.pid in pings.stopped or worker.wait_ended(0):
                break
        pings.answered.append(answered)
        return answered

    monkeypatch.setattr(WorkerProcess, "ping", patient)
    monkeypatch.setattr(liveness, "PING_EVERY_SECONDS", 0.05)
    monkeypatch.setattr(liveness, "PING_EVERY_LEAST_REAL_SECONDS", 0.05)
    return pings


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
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(method, path)
    status = connection.getresponse().status
    connection.close()
    return status


def test_an_instance_whose_container_stops_answering_ping_is_replaced_in_service(cloud: Cloud, pings: Pings) -> None:
    cloud.model()
    cloud.async_config(S3FailurePath=f"s3://{BUCKET}/failed")
    cloud.endpoint()
    in_hand = cloud.invoke_async(FOREVER, InferenceId="in-hand")
    cloud.in_hand()
    [pid] = cloud.aws.worker_pids()
    os.kill(pid, signal.SIGSTOP)
    pings.stopped.append(pid)
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


def test_a_busy_container_keeps_answering_ping(cloud: Cloud, pings: Pings, tmp_path: Path) -> None:
    cloud.model(handler=SPINS)
    cloud.config()
    cloud.endpoint()
    until = tmp_path / "until"
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(cloud.invoke, {"x": 1, "until": str(until)})
        eventually(lambda: until.with_name("until.begun").exists() or None)
        before = len(pings.answered)
        eventually(lambda: len(pings.answered) > before + 3 or None)
        assert all(pings.answered[before:])
        until.touch()
        assert asked.result()["x"] == 2
    assert cloud.aws.journal.entries("instance.replaced") == []


@pytest.mark.usefixtures("pings")
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
    for _ in range(2):
        with pytest.raises(ClientError, match="Worker died"):
            cloud.invoke({"exit": 1})
        assert cloud.invoke({"x": 1})["x"] == 2


def test_a_worker_that_answers_after_torchserves_own_time_out_is_ended(cloud: Cloud) -> None:
    limits = {"TS_DEFAULT_RESPONSE_TIMEOUT": "0.5", "SAGEMAKER_MODEL_SERVER_TIMEOUT": "900"}
    cloud.model(Environment=limits)
    cloud.config()
    cloud.endpoint()
    before = cloud.aws.worker_pids()
    with pytest.raises(ClientError, match="Worker died"):
        cloud.invoke(FOREVER)
    eventually(lambda: any("did not answer within 0.5 seconds" in line for line in cloud.log_lines()) or None)
    eventually(lambda: cloud.aws.worker_pids() not in ([], before) or None)
