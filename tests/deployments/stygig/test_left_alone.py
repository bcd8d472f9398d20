"""The short version of `make soak`: nobody gets a 5xx from a stack on a busy machine, and no log holds an error."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.left_alone import errors_in_logs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_a_stack_beside_busy_processes_serves_everybody_and_logs_no_error() -> None:
    options = ("--minutes", "0.7", "--clicks", "40", "--every", "20", "--busy", "1", "--no-year")
    asked = [sys.executable, "-m", "tests.chaos.left_alone", *options]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'200':" in done.stdout


@pytest.mark.parametrize(
    "line",
    [
        "12:00:01.123 | ERROR   | prefect.server - no",
        "sqlite3.OperationalError: database is locked",
        'INFO: 127.0.0.1 - "POST /api/flow_runs/filter HTTP/1.1" 503 Service Unavailable',
        "Traceback (most recent call last):",
        "ValueError: boom",
        "sqlite3.OperationalError: disk I/O error",
        "Fatal Python error: Segmentation fault",
    ],
)
def test_it_sees_an_error_in_a_log(tmp_path: Path, line: str) -> None:
    (tmp_path / "prefect.log").write_text(f"12:00:00 | INFO | well\n{line}\n")
    assert errors_in_logs(tmp_path) == [f"prefect.log: {line}"]


@pytest.mark.parametrize("line", ["answered a smoke invocation in 507 ms", "encoded 500 of 1000", "no errors"])
def test_it_takes_no_number_for_one(tmp_path: Path, line: str) -> None:
    (tmp_path / "worker.log").write_text(f"{line}\n")
    assert errors_in_logs(tmp_path) == []
