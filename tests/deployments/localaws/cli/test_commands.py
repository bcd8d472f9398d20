"""`localaws status` and `journal`, looking at an embedded AWS in another process."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from click.testing import Result
from typer.testing import CliRunner

from localaws.cli.commands import app
from localaws.cli.view import journal_line, status_text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """The URL of an embedded AWS that `localaws up` serves, with one fault."""
    up = subprocess.Popen(
        [sys.executable, "-m", "localaws", "up", "--port", "0", "--clock-rate", "60", "--json"],
        env=os.environ | {"XDG_CACHE_HOME": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert up.stdout
    said = ""
    while not said.endswith("\n}\n"):
        said += up.stdout.readline()
    url = str(json.loads(said)["endpoint_url"])
    fault = json.dumps({"kind": "Throttled", "operation": "CreateModel", "times": 3}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{url}/_localaws/faults", fault, method="POST")).close()
    yield url
    up.send_signal(signal.SIGINT)
    up.communicate()
    assert up.returncode == 0


def localaws(folder: Path, *arguments: str) -> Result:
    """Run the command in this process, with its own folder for the state that `up` writes."""
    return CliRunner().invoke(app, arguments, prog_name="localaws", env={"XDG_CACHE_HOME": str(folder)})


def test_the_status_of_a_running_one_is_text_or_one_json_object(url: str, folder: Path) -> None:
    text = localaws(folder, "status")
    assert text.exit_code == 0
    assert text.stdout.splitlines()[0] == f"Embedded AWS at {url}; its time passes 60 times as fast"
    assert "no endpoints" in text.stdout
    assert "Throttled times=3 operation=CreateModel  struck: 0" in text.stdout
    found = json.loads(localaws(folder, "status", "--json").stdout)
    assert (found["endpoint_url"], found["clock"]["rate"], found["endpoints"]) == (url, 60, [])


def test_the_journal_of_a_running_one_can_be_read(url: str, folder: Path) -> None:
    done = localaws(folder, "journal", "--event", "nothing", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"entries": []})
    assert localaws(folder, "journal", "--event", "nothing").stdout == "no entries\n"


@pytest.mark.usefixtures("url")
def test_the_exports_point_the_sagemaker_sdk_at_a_configuration_that_names_its_default_bucket(folder: Path) -> None:
    exported = json.loads(localaws(folder, "env", "--json").stdout)["environment"]
    configuration = Path(exported["SAGEMAKER_USER_CONFIG_OVERRIDE"])
    assert "DefaultS3Bucket: sagemaker-us-east-1-123456789012" in configuration.read_text()


@pytest.mark.parametrize("command", ["status", "journal"])
def test_where_none_runs_the_command_says_how_to_start_one(command: str, tmp_path: Path) -> None:
    done = localaws(tmp_path, command)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "error: No embedded AWS is running. Start one with `localaws up`.\n"


def test_what_a_killed_one_has_left_tells_of_nobody(tmp_path: Path) -> None:
    states = tmp_path / "localaws" / "running"
    states.mkdir(parents=True)
    (states / "1.json").write_text('{"pid": 1, "port"')
    (states / "2.json").write_text(json.dumps({"pid": os.getpid(), "started": "0", "port": 1, "environment": {}}))
    assert localaws(tmp_path, "status").stderr.startswith("error: No embedded AWS is running.")


def test_a_taken_port_is_named(url: str, tmp_path: Path) -> None:
    port = url.rpartition(":")[2]
    done = localaws(tmp_path, "up", "--port", port)
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr.startswith(f"error: Port {port} can't be listened on")


def record_something(url: str) -> None:
    """Leave an entry in the journal: following an empty one prints nothing, and never notices a lost reader."""
    keys = {"aws_access_key_id": "localaws", "aws_secret_access_key": "localaws", "region_name": "us-east-1"}
    once = Config(retries={"total_max_attempts": 1})
    fault = json.dumps({"kind": "Throttled", "operation": "ListModels", "times": 1}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{url}/_localaws/faults", fault, method="POST")).close()
    with pytest.raises(ClientError, match="ThrottlingException"):
        boto3.client("sagemaker", endpoint_url=url, config=once, **keys).list_models()


@pytest.mark.parametrize(("how", "status"), [((), 0), (("--follow",), 141)])
def test_nothing_is_said_when_nobody_reads_on(url: str, folder: Path, how: tuple[str, ...], status: int) -> None:
    record_something(url)
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "localaws", "journal", "--json", *how]
    with os.fdopen(write, "w") as unread:
        environment = os.environ | {"XDG_CACHE_HOME": str(folder)}
        done = subprocess.run(command, env=environment, stdout=unread, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, "")


def test_endpoints_instances_and_failures_stand_in_columns() -> None:
    instance = {"id": "i-1", "variant": "All", "state": "healthy", "pid": 42, "in_flight": 2, "billed_seconds": 300}
    queue = {"waiting": 7, "processing": 2, "oldest_age_seconds": 90}
    counts = {"accepted": 100, "completed": 90, "failed": 1, "expired": 0, "dropped": 0}
    common = {"failure_reason": None, "desired_instances": 1, "status": "InService"}
    asynchronous = {"name": "a", "kind": "async", "instances": [instance], "queue": queue, "invocations": counts}
    real_time = {"name": "long-name", "kind": "real-time", "instances": [], "invocations": {"answered": 5, "failed": 0}}
    failed = {"status": "Failed", "failure_reason": "no ping"}
    time = "2026-01-02T03:04:05.678+00:00"
    found = {
        "endpoint_url": "http://127.0.0.1:1",
        "clock": {"rate": 1},
        "endpoints": [{**common, **asynchronous}, {**common, **real_time, **failed}],
        "failures": [
            {"time": time, "event": "async.failed", "endpoint": "a", "reason": "boom\n  Traceback"},
            {"time": time, "event": "instance.crashed", "endpoint": "a", "status": -9},
        ],
        "faults": [],
    }
    assert status_text(found) == (
        "Embedded AWS at http://127.0.0.1:1\n"
        "\n"
        "ENDPOINT   STATUS     KIND       INSTANCES  WAITING  IN WORK  OLDEST  DONE  FAILED  EXPIRED\n"
        "a          InService  async         1 of 1        7        2    90 s    90       1        0\n"
        "long-name  Failed     real-time     0 of 1        -        0       -     5       0        -\n"
        "\n"
        "long-name: no ping\n"
        "\n"
        "INSTANCE  ENDPOINT  VARIANT  STATE    PID  IN WORK  BILLED\n"
        "i-1       a         All      healthy   42        2   5 min\n"
        "\n"
        "Last failures, UTC\n"
        "  03:04:05  async.failed      a  boom Traceback\n"
        "  03:04:05  instance.crashed  a  signal 9"
    )


def test_an_entry_of_the_journal_is_one_line() -> None:
    head = {"number": 1, "time": "2026-01-02T03:04:05.678901+00:00", "event": "async.failed"}
    line = journal_line({**head, "endpoint": "a", "status": 500, "reason": "line\nline", "missing": None})
    assert line == "03:04:05.678  async.failed          endpoint=a status=500 reason=line line"


def test_where_it_can_not_write_itself_down_it_says_so_and_ends() -> None:
    done = CliRunner().invoke(app, ["up", "--port", "0"], prog_name="localaws", env={"XDG_CACHE_HOME": "/dev/null"})
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr.startswith("error: /dev/null/localaws/running can't be written")
