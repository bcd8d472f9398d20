"""A system that isn't Linux, imitated here: another sys.platform, no /proc, no prctl or mounts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployments.stygig.test_stack import free_port

IMITATION = Path(__file__).with_name("no_proc")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def elsewhere(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    own = {"PYTHONPATH": str(IMITATION), "STYGIG_IMITATED_PLATFORM": "freebsd14", "XDG_CACHE_HOME": str(folder)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STYGIG_", "PREFECT_"))}
    asked = [sys.executable, "-m", *arguments]
    return subprocess.run(asked, cwd=folder, env=kept | own | environment, capture_output=True, text=True, check=False)


def test_a_night_passes(drawn_catalogue: Path, tmp_path: Path) -> None:
    done = elsewhere(tmp_path, "stygig", "nightly", "--local", "--catalogue", str(drawn_catalogue))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("PASS")


def test_the_stack_goes_up_is_found_and_goes_down(tmp_path: Path) -> None:
    port = free_port()
    own = {"STYGIG_RUN_FOLDER": str(tmp_path / "run"), "STYGIG_AWS_PORT": port, "STYGIG_PREFECT_PORT": free_port()}
    try:
        up = elsewhere(tmp_path, "stygig.stack", "up", **own)
        assert up.returncode == 0, up.stderr
        again = elsewhere(tmp_path, "stygig.stack", "up", **own)
        assert "worker runs already" in again.stderr
        env = elsewhere(tmp_path, "stygig", "local", "env", "--port", port)
        assert f"export AWS_ENDPOINT_URL=http://127.0.0.1:{port}" in env.stdout, env.stderr
        assert elsewhere(tmp_path, "stygig", "local", "status", "--port", port).returncode == 0
    finally:
        down = elsewhere(tmp_path, "stygig.stack", "down", **own)
    assert down.returncode == 0, down.stderr
    assert not list((tmp_path / "run").glob("*.pid"))
