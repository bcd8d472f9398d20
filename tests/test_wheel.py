"""The wheel: built, installed where nothing of ours is, and put to work from another folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
UV = Path(sys.executable).with_name("uv")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def run(*arguments: "str | Path", cwd: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(arguments, cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and its pinned requirements, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    asked = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    run(*asked, cwd=REPOSITORY)
    (wheel,) = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", folder / "env", cwd=folder)
    install = [UV, "pip", "install", "--quiet", "--python", folder / "env"]
    run(*install, "--require-hashes", "-r", REPOSITORY / "requirements/base.txt", cwd=folder)
    run(*install, "--no-deps", wheel, cwd=folder)
    return folder / "env" / "bin"


def test_its_declared_dependencies_are_what_the_pins_fulfil(installed: Path, tmp_path: Path) -> None:
    assert "No broken requirements" in run(installed / "pip", "check", cwd=tmp_path)


def test_a_night_passes_from_another_folder(installed: Path, tmp_path: Path) -> None:
    said = run(installed / "stygig", "nightly", "--local", cwd=tmp_path, HOME=str(tmp_path), XDG_CACHE_HOME="")
    assert said.startswith("PASS: 24 pictures")
    assert said.rstrip().endswith("Inventory: nothing of ours exists")
    assert list(tmp_path.glob("reports/*/report.html"))
