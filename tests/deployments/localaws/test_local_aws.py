from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from localaws import LocalAws, run_directory
from localaws.faults import SlowColdStart
from tests.deployments.localaws.cloud import BUCKET, FOREVER, HANDLER, STANDING, Cloud, eventually

PROGRAM = Path(__file__).with_name("serve_until_killed.py")


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def own_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("localaws-")}


def test_stopping_leaves_no_worker_no_thread_no_folder_and_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    before = own_threads()
    with LocalAws() as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        cloud = Cloud(aws)
        cloud.s3.create_bucket(Bucket=BUCKET)
        cloud.model()
        cloud.async_config()
        cloud.endpoint()
        cloud.invoke_async(FOREVER)
        cloud.in_hand()
        [pid], port, folder = aws.worker_pids(), aws.port, aws.run_directory
        assert folder.is_dir()
    assert not running(pid)
    assert not folder.exists()
    assert own_threads() - before == set()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()


def test_stopping_twice_is_harmless() -> None:
    aws = LocalAws()
    aws.start()
    aws.stop()
    aws.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = aws.endpoint_url


def test_a_taken_port_is_an_error_that_leaves_nothing_behind(aws: LocalAws) -> None:
    before, second = own_threads(), LocalAws(port=aws.port)
    with pytest.raises(OSError, match="in use"):
        second.start()
    assert own_threads() - before == set()
    with pytest.raises(RuntimeError, match="running already"):
        aws.start()


def test_a_folder_is_never_seen_unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = fcntl.flock

    def swept_by_another_before(file: Any, operation: int) -> None:
        if not operation & fcntl.LOCK_NB:
            run_directory._sweep(Path(tempfile.gettempdir()))
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", swept_by_another_before)
    folder = run_directory.RunDirectory()
    assert folder.path.is_dir()
    folder.remove()


def test_reset_forgets_everything_and_goes_on_serving(cloud: Cloud) -> None:
    cloud.model()
    cloud.config()
    cloud.endpoint()
    [pid] = cloud.aws.worker_pids()
    cloud.aws.clock.rate = 7
    cloud.aws.reset()
    eventually(lambda: None if running(pid) else True)
    assert cloud.sagemaker.list_endpoints()["Endpoints"] == []
    assert cloud.s3.list_buckets()["Buckets"] == []
    assert cloud.aws.clock.rate == 1
    cloud.s3.create_bucket(Bucket=BUCKET)
    cloud.model()


def test_motos_own_reset_also_forgets_endpoints(cloud: Cloud) -> None:
    cloud.model()
    request = urllib.request.Request(f"{cloud.aws.endpoint_url}/moto-api/reset", method="POST")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    assert cloud.sagemaker.list_models()["Models"] == []


def test_the_environment_is_enough_for_a_client_and_names_the_role(aws: LocalAws) -> None:
    environment = aws.environment()
    assert environment["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{aws.port}"
    arn = environment["LOCALAWS_EXECUTION_ROLE_ARN"]
    assert arn == aws.execution_role_arn
    assert boto3.client("iam").get_role(RoleName="localaws-execution")["Role"]["Arn"] == arn


@contextmanager
def program() -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    with subprocess.Popen(
        [sys.executable, PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as run:
        assert run.stdout is not None
        pids = [int(pid) for pid in run.stdout.readline().split()]
        assert [running(pid) for pid in pids] == [True, True]
        yield run, pids


def test_a_killed_process_leaves_no_worker_and_a_folder_that_is_swept_at_the_next_start() -> None:
    with program() as (run, pids):
        folder = Path(f"/proc/{pids[0]}/cwd").resolve().parent
        run.kill()
        run.wait()
    assert folder.is_dir()
    eventually(lambda: None if any(running(pid) for pid in pids) else True)
    with LocalAws():
        assert not folder.exists()


def test_an_interrupt_of_the_main_thread_still_stops_everything() -> None:
    with program() as (run, pids):
        run.send_signal(signal.SIGINT)
        assert run.wait() != 0
        assert [pid for pid in pids if running(pid)] == []


def test_the_journal_tells_transitions_in_order(cloud: Cloud) -> None:
    cloud.model()
    cloud.config()
    cloud.endpoint()
    cloud.delete()
    statuses = [entry.fields["status"] for entry in cloud.aws.journal.entries("endpoint.status", endpoint="endpoint")]
    assert statuses == ["Creating", "InService", "Deleting"]


def test_a_reset_during_an_update_ends_the_new_workers_too(cloud: Cloud) -> None:
    cloud.model()
    cloud.config()
    cloud.endpoint()
    cloud.model("stuck", "import threading\ndef model_fn(model_dir): threading.Event().wait()\n")
    cloud.config("next", "stuck")
    cloud.sagemaker.update_endpoint(EndpointName="endpoint", EndpointConfigName="next")
    eventually(lambda: cloud.aws.journal.entries("instance.started")[1:] or None)
    pids = [entry.fields["pid"] for entry in cloud.aws.journal.entries("instance.started")]
    cloud.aws.reset()
    assert [running(pid) for pid in pids] == [False, False]
    assert [path for path in cloud.aws.run_directory.iterdir() if path.is_dir()] == []


def test_a_reset_ends_a_real_time_invocation_that_waits_for_a_worker(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.model()
    cloud.config()
    cloud.endpoint()
    cloud.aws.clock.rate = STANDING
    cloud.aws.faults.add(SlowColdStart(seconds=1000))
    os.kill(cloud.aws.worker_pids()[0], signal.SIGKILL)
    eventually(lambda: cloud.aws.journal.entries("instance.crashed") or None)

    waits = threading.Event()
    real_seconds = cloud.aws.clock.real_seconds

    def asked(aws_seconds: float) -> float:
        if threading.current_thread().name.endswith("(process_request_thread)"):
            waits.set()
        return real_seconds(aws_seconds)

    monkeypatch.setattr(cloud.aws.clock, "real_seconds", asked)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(cloud.invoke, {"x": 1})
        waits.wait()
        cloud.aws.reset()
        with pytest.raises(ClientError):
            answer.result()


@pytest.mark.parametrize("handler", [HANDLER, "import threading\ndef model_fn(model_dir): threading.Event().wait()\n"])
def test_after_a_reset_nothing_of_what_was_under_way_is_at_work(cloud: Cloud, handler: str) -> None:
    cloud.model(handler=handler)
    cloud.async_config()
    cloud.endpoint(status=None)
    eventually(lambda: cloud.aws.journal.entries("instance.started") or None)
    cloud.aws.reset()
    left = [thread.name for thread in own_threads()]
    assert [name for name in left if name.endswith("-endpoint") or name.startswith("localaws-instance")] == []
    assert list(cloud.aws.journal) == []


def test_each_minute_that_time_is_moved_on_by_is_worked_off(cloud: Cloud) -> None:
    cloud.aws.clock.rate = STANDING
    cloud.model()
    cloud.async_config()
    cloud.endpoint()
    cloud.aws.advance(5 * 60)
    assert cloud.metric("ApproximateBacklogSize", "SampleCount", {"EndpointName": "endpoint"}) == 5
