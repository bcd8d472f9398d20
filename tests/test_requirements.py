"""The locks hold for every system and Python that the README names, whatever machine made them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
UV = Path(sys.executable).with_name("uv")
SYSTEMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin")
PYTHONS = ("3.11", "3.12", "3.13")
LOCKS = ("uv", "base", "lint", "clip", "dev")

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_can_be_installed(lock: str, system: str, python: str, tmp_path: Path) -> None:
    asked = [UV, "pip", "install", "--dry-run", "--require-hashes", "-r", REPOSITORY / f"requirements/{lock}.txt"]
    where = ["--python-platform", system, "--python-version", python, "--target", tmp_path]
    macos = os.environ | {"MACOSX_DEPLOYMENT_TARGET": "14.0"}
    done = subprocess.run([*asked, *where], env=macos, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_linting_brings_no_pytorch() -> None:
    for lock in ("base", "lint"):
        assert "\ntorch==" not in (REPOSITORY / f"requirements/{lock}.txt").read_text()
