"""The README's commands: the steps are run as written, make targets with -n (CI runs them), options are looked up.

Blocks marked `sh` need an account or a running stack.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stygig.cli import app

REPOSITORY = Path(__file__).parent.parent
README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
BIN = Path(sys.executable).parent


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of a fresh clone: an empty home folder, the commands on the path."""
    kept = {k: v for k, v in os.environ.items() if k not in {"XDG_CACHE_HOME", "HOME"}}
    return kept | {"HOME": str(tmp_path), "PATH": f"{BIN}:{os.environ['PATH']}"}


@pytest.fixture
def local_up(home: dict[str, str]) -> Iterator[None]:
    """`stygig local up` in the other terminal."""
    states = Path(home["HOME"]) / ".cache/localaws/running"
    process = subprocess.Popen(["stygig", "local", "up", "--port", "0"], env=home, cwd=home["HOME"])
    while not list(states.glob("*.json")):
        assert process.poll() is None
        time.sleep(0.05)
    yield
    process.terminate()
    assert process.wait() == 0


def test_it_is_short_enough_to_be_read() -> None:
    assert len(README.splitlines()) <= 150


def test_every_make_target_exists() -> None:
    targets = re.findall(r"^make ([a-z-]+)", "\n".join(BLOCKS), re.MULTILINE)
    assert {"demo", "test", "up", "down"} <= set(targets)
    for target in targets:
        done = subprocess.run(["make", "-n", target], cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_steps_run_as_they_stand(home: dict[str, str], local_up: None, prefect_backend: str) -> None:
    (steps,) = [block for block in BLOCKS if "stygig package" in block]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", steps],
        env=home | {"PREFECT_API_URL": prefect_backend},
        cwd=home["HOME"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "TOP 5 RECOMMENDATIONS" in done.stdout
    assert "PASS: 24 pictures" in done.stdout
    assert '"InService"' in done.stdout
    assert "something of ours exists" in done.stdout
    assert done.stdout.rstrip().endswith("nothing of ours exists")


def test_every_command_and_option_it_names_exists() -> None:
    for command, options in re.findall(r"stygig ((?:local )?[a-z]+)((?: --[a-z-]+(?: [^\s`-]\S*)?)*)", README):
        helped = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
        assert helped.exit_code == 0, command
        for option in re.findall(r"--[a-z-]+", options):
            assert option in helped.stdout, f"stygig {command} has no {option}"


def test_every_file_it_names_exists() -> None:
    for path in re.findall(r"`((?:flows|tasks|inference_src|deployments|tests|docs)/[\w/.-]*)`", README):
        assert (REPOSITORY / path).exists(), path
