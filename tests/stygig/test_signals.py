"""Ctrl-C and SIGTERM in every phase of a nightly run: nothing is left, and the exit status says what happened."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from tasks.inventory import existing

pytestmark = pytest.mark.usefixtures("local_aws")

PHASES = {
    "packaging": "packaging: encoded",
    "creating": "asked for real-time endpoint",
    "measuring": "queued 25 requests",
    "tearing down": "removed endpoint",
}
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
EVERY_OTHER = [(phase, list(STATUS)[number % 2]) for number, phase in enumerate(PHASES)]


def everything_left() -> list[str]:
    buckets = [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"]]
    return [resource.label for bucket in buckets for resource in existing(bucket).resources]


@pytest.mark.parametrize(("phase", "number"), EVERY_OTHER, ids=lambda value: getattr(value, "name", value))
def test_a_signal_leaves_nothing(
    phase: str, number: signal.Signals, prefect_backend: str, drawn_catalogue: Path, tmp_path: Path
) -> None:
    run = subprocess.Popen(
        [sys.executable, "-m", "stygig", "nightly", "--catalogue", str(drawn_catalogue)],
        env=os.environ | {"PREFECT_API_URL": prefect_backend, "PREFECT_LOGGING_COLORS": "false"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert run.stderr
    said = []
    for line in run.stderr:
        said.append(line)
        if PHASES[phase] in line:
            run.send_signal(number)
            break
    out, rest = run.communicate(timeout=100)
    log = "".join(said) + rest
    assert run.returncode == STATUS[number], log
    assert "PASS" not in out
    assert (f"{number.name} is held back" if phase == "tearing down" else "nothing is left") in log
    assert everything_left() == []
