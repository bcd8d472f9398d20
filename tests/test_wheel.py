"""The two wheels: built, installed where nothing of ours is, and put to work from another folder."""

import json
import os
import re
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


def built(sources: Path, folder: Path) -> Path:
    """The wheel of that project."""
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=sources)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and what it declares, as pinned, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = built(REPOSITORY, folder)
    run(sys.executable, "-m", "venv", folder / "env", cwd=folder)
    install = [UV, "pip", "install", "--quiet", "--python", folder / "env"]
    run(*install, "--constraint", REPOSITORY / "requirements/base.txt", wheel, cwd=folder)
    return folder / "env" / "bin"


def test_its_declared_dependencies_are_what_the_pins_fulfil(installed: Path, tmp_path: Path) -> None:
    assert "No broken requirements" in run(installed / "pip", "check", cwd=tmp_path)


def test_a_night_passes_from_another_folder(installed: Path, tmp_path: Path) -> None:
    said = run(installed / "stygig", "nightly", "--local", cwd=tmp_path, HOME=str(tmp_path), XDG_CACHE_HOME="")
    assert said.startswith("PASS: 24 pictures")
    assert said.rstrip().endswith("Inventory: nothing of ours exists")
    assert list(tmp_path.glob("reports/*/report.html"))


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the embedded AWS alone, what it declares, and pytest."""
    folder = tmp_path_factory.mktemp("localaws")
    wheel = built(REPOSITORY / "deployments/localaws", folder)
    run(sys.executable, "-m", "venv", folder / "env", cwd=folder)
    pinned = ["--constraint", REPOSITORY / "requirements/dev.txt"]
    run(UV, "pip", "install", "--quiet", "--python", folder / "env", *pinned, wheel, "pytest", cwd=folder)
    return folder / "env" / "bin"


def test_the_emulator_alone_brings_its_fixtures_to_pytest(emulator: Path, tmp_path: Path) -> None:
    page = (REPOSITORY / "deployments/localaws/README.md").read_text()
    (example,) = [each for each in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def test_" in each]
    (tmp_path / "test_example.py").write_text(example)
    assert "1 passed" in run(emulator / "pytest", "-q", cwd=tmp_path)


def test_the_emulator_alone_runs_as_a_command(emulator: Path, tmp_path: Path) -> None:
    own = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    up = [emulator / "localaws", "up", "--port", "0", "--json"]
    with subprocess.Popen(up, cwd=tmp_path, env=os.environ | own, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            said = ""
            for line in process.stdout:
                said += line
                if line == "}\n":
                    break
            exported = run(emulator / "localaws", "env", cwd=tmp_path, **own)
            assert f"export AWS_ENDPOINT_URL={json.loads(said)['endpoint_url']}" in exported.splitlines()
            assert "no endpoints" in run(emulator / "localaws", "status", cwd=tmp_path, **own)
        finally:
            process.terminate()
    assert process.returncode == 0
