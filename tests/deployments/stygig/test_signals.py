"""Ctrl-C, SIGTERM and a closed terminal in every phase of a nightly run, SIGKILL, and output that nobody reads."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from flows.sweep import sweep
from tasks.resources.inventory import existing

pytestmark = pytest.mark.usefixtures("local_aws")

PHASES = {
    "packaging": "pictures in 13 categories",
    "creating": "asked for real-time endpoint",
    "measuring": "queued 25 requests",
    "tearing down": "removed endpoint",
}
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
EVERY_OTHER = [(phase, list(STATUS)[number % 3]) for number, phase in enumerate(PHASES)]


def everything_left() -> list[str]:
    buckets = [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"]]
    return [resource.label for bucket in buckets for resource in existing(bucket).resources]


def nightly(prefect_backend: str, catalogue: Path, folder: Path, **streams: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "stygig", "nightly", "--catalogue", str(catalogue)],
        env=os.environ | {"PREFECT_API_URL": prefect_backend, "PREFECT_LOGGING_COLORS": "false"},
        cwd=folder,
        text=True,
        start_new_session=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams,
    )


def read_until(run: "subprocess.Popen[str]", words: str) -> str:
    """What the run has said up to the line with these words, or up to its end."""
    assert run.stderr
    said = []
    for line in run.stderr:
        said.append(line)
        if words in line:
            break
    return "".join(said)


@pytest.mark.parametrize(("phase", "number"), EVERY_OTHER, ids=lambda value: getattr(value, "name", value))
def test_a_signal_leaves_nothing(
    phase: str, number: signal.Signals, prefect_backend: str, drawn_catalogue: Path, tmp_path: Path
) -> None:
    run = nightly(prefect_backend, drawn_catalogue, tmp_path)
    log = read_until(run, PHASES[phase])
    run.send_signal(number)
    out, rest = run.communicate()
    log += rest
    assert run.returncode == STATUS[number], log
    assert "PASS" not in out
    assert (f"{number.name} is held back" if phase == "tearing down" else "nothing is left") in log
    assert everything_left() == []


def test_a_terminal_that_is_closed_leaves_nothing(prefect_backend: str, drawn_catalogue: Path, tmp_path: Path) -> None:
    """The kernel hangs up on the session that the terminal was of, and every write to it fails."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.environ |= {"PREFECT_API_URL": prefect_backend, "PREFECT_LOGGING_COLORS": "false"}
        asked = [sys.executable, "-m", "stygig", "nightly", "--catalogue", str(drawn_catalogue)]
        os.execv(sys.executable, asked)
    said = b""
    while b"asked for async endpoint" not in said:
        said += os.read(terminal, 4096)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    assert everything_left() == []


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_that_nobody_reads_changes_nothing_of_how_a_run_ends(
    prefect_backend: str, drawn_catalogue: Path, tmp_path: Path, stream: str
) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    run = nightly(prefect_backend, drawn_catalogue, tmp_path, **{stream: writes})
    os.close(writes)
    out, log = run.communicate()
    assert run.returncode == 0, log
    assert stream == "stdout" or "PASS" in out
    assert everything_left() == []


def test_what_a_command_left_that_was_killed_is_swept_at_once_and_nothing_else(
    prefect_backend: str, drawn_catalogue: Path, tmp_path: Path
) -> None:
    theirs = boto3.client("sns").create_topic(Name="stygig-theirs")["TopicArn"]
    live = nightly(prefect_backend, drawn_catalogue, tmp_path)
    killed = nightly(prefect_backend, drawn_catalogue, tmp_path)
    read_until(killed, "asked for async endpoint")
    killed.kill()
    killed.communicate()
    read_until(live, "asked for async endpoint")
    live.send_signal(signal.SIGSTOP)
    before = everything_left()
    swept = sweep()
    live.send_signal(signal.SIGCONT)
    _, log = live.communicate()
    assert live.returncode == 0, log
    assert len(swept.runs) == 1
    assert ["lives" in each.why for each in swept.held] == [True]
    assert any(line.startswith("removed endpoint") for line in swept.removed)
    assert before
    assert everything_left() == []
    assert [topic["TopicArn"] for topic in boto3.client("sns").list_topics()["Topics"]] == [theirs]


SWALLOWED = """
import os, signal, sys
from localaws.cli.signals import signals_end_the_command
from stygig.ending import ending
try:
    with ending(False), signals_end_the_command():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except SystemExit as exc:
            raise ValueError("a library's own") from exc
except BaseException as exc:
    sys.exit(exc.exit_code)
"""


def test_a_signal_that_a_library_turns_into_its_own_error_is_still_one(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (143, "terminated\n")
