"""The sign of life that a run keeps in S3, and what can be seen of a process from this machine."""

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace

import boto3
import psutil
import pytest

from localaws.faults import Faults, S3Fails
from tasks.clients import client
from tasks.plan import RunPlan
from tasks.resources import heartbeat
from tasks.resources.heartbeat import Beating, Process, read_heartbeat, this_process
from tests.tasks.deployed import BUCKET, RUN_ID

ODD_PROCESSES = [
    json.dumps({"process": {"machine": "m", "pid": pid, "started": started}, "kept": False, "ended": False}).encode()
    for pid, started in ((-5, 0.0), ("abc", 0.0), (0, 0.0), (7, "x"), (None, None))
]
KEY = f"runs/{RUN_ID}/heartbeat.json"


def beating() -> Beating:
    return Beating(BUCKET, RUN_ID, lambda line: None)


def test_this_process_is_alive() -> None:
    assert this_process().pid == os.getpid()
    assert this_process().state() == "alive"


def test_a_process_that_has_ended_is_gone_before_and_after_it_is_waited_for() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = replace(this_process(), pid=child.pid, started=psutil.Process(child.pid).create_time())
        assert process.state() == "alive"
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process.state() == "gone", "a zombie"
    assert process.state() == "gone"


def test_nothing_is_known_of_a_process_elsewhere_or_of_one_whose_id_was_given_again() -> None:
    assert Process("another machine", os.getpid(), this_process().started).state() == "unknown"
    assert replace(this_process(), started=this_process().started - 3600).state() == "unknown"


def test_without_proc_the_machine_has_a_name_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(path: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr("pathlib.Path.read_text", absent)
    assert heartbeat.this_machine() == heartbeat.this_machine() != ""


def test_the_first_beat_is_there_when_start_returns(plan: RunPlan) -> None:
    assert read_heartbeat(BUCKET, RUN_ID) is None
    heart = beating()
    heart.start()
    found = read_heartbeat(BUCKET, RUN_ID)
    heart.stop()
    assert found
    assert (found.process, found.kept, found.ended) == (this_process(), False, False)
    assert 0 <= found.silent_seconds < 3600


def test_a_beat_that_hangs_is_over_before_the_run_gives_up_waiting_for_it(plan: RunPlan) -> None:
    """It must not arrive after the run's end, or it would report the run as alive."""
    config = client("s3", hasty=True).meta.config
    assert config.retries["total_max_attempts"] == 1
    assert config.connect_timeout + config.read_timeout < heartbeat.LAST_BEAT_SECONDS


def test_beats_go_on_until_the_end_and_one_that_fails_is_told_once(
    plan: RunPlan, local_aws_faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.01)
    told, said = threading.Event(), list[str]()
    local_aws_faults.add(S3Fails(key=KEY, operation="PutObject", caller="client"))
    heart = Beating(BUCKET, RUN_ID, lambda line: (said.append(line), told.set()))  # type: ignore[arg-type, func-returns-value]
    heart.thread = threading.Thread(target=heart._beat)
    heart.thread.start()
    told.wait()
    local_aws_faults.clear()
    while read_heartbeat(BUCKET, RUN_ID) is None:
        assert heart.thread.is_alive()
    heart.stop()
    assert not heart.thread.is_alive()
    assert len(said) == 1
    assert "s3:PutObject" in said[0]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"process": 1, "kept": true, "ended": false}', b"\xff", b"[" * 200_000, *ODD_PROCESSES],
)
def test_what_is_no_heartbeat_tells_nothing(plan: RunPlan, content: bytes) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=content)
    assert read_heartbeat(BUCKET, RUN_ID) is None
