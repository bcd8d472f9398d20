"""The short version of `make chaos`'s second part: with everything dead, the schedules alone leave no endpoint."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
def test_with_command_flow_and_prefect_dead_for_good_aws_deletes_the_endpoints() -> None:
    asked = [sys.executable, "-m", "tests.chaos.nobody_left", "--kills", "2"]
    done = subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.splitlines()[-1] == "2 of 2 without a person's help"
    assert "bystanders: untouched" in done.stdout
