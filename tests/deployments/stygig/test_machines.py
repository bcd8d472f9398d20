"""Other people's machines, as far as this one can show them: little room, a moved checkout, the command as typed."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
KEPT = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STYGIG_", "PREFECT_"))}


def stygig(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    asked = [sys.executable, "-m", "stygig", *arguments]
    return subprocess.run(asked, cwd=folder, env=KEPT | environment, capture_output=True, text=True, check=False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 50 MB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=50m", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_too_small_a_folder_for_temporary_files_is_named_before_anything_starts(
    small_disk: Path, tmp_path: Path
) -> None:
    done = stygig(tmp_path, "nightly", "--local", TMPDIR=str(small_disk))
    assert (done.returncode, done.stdout) == (2, "")
    told = (
        r"error: The folder for temporary files \S+: 5\d MB are free, 204 MB are needed\. Make room, or set TMPDIR .*\n"
    )
    assert re.fullmatch(told, done.stderr)
    assert list(small_disk.iterdir()) == []


def test_a_small_cache_is_not_filled_up(small_disk: Path, drawn_catalogue: Path, tmp_path: Path) -> None:
    asked = ("nightly", "--local", "--catalogue", str(drawn_catalogue))
    for _ in range(2):
        done = stygig(tmp_path, *asked, XDG_CACHE_HOME=str(small_disk))
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [("nightly", "--local"), ("package",)])
def test_a_home_that_can_not_be_written_is_named(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    environment = {name: value for name, value in KEPT.items() if name != "XDG_CACHE_HOME"}
    done = subprocess.run(
        [sys.executable, "-m", "stygig", *command],
        cwd=tmp_path,
        env=environment | {"HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "Set XDG_CACHE_HOME to another folder" in done.stderr


def test_the_report_says_the_command_as_it_was_typed(drawn_catalogue: Path, tmp_path: Path) -> None:
    typed = ("nightly", "--local", "--catalogue", f"{drawn_catalogue}/../{drawn_catalogue.name}", "--top-k", "3")
    done = stygig(tmp_path, *typed, STYGIG_REPORTS=str(tmp_path))
    assert done.returncode == 0, done.stderr
    (report,) = tmp_path.glob("*/report.md")
    assert f"stygig {' '.join(typed)}\n" in report.read_text()


def test_a_checkout_that_was_moved_sets_up_anew(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".made-in").write_text(str(tmp_path / "where-it-was"))
    asked = ["make", "--dry-run", "up"]
    before = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "this checkout was moved from" in before.stderr
    assert not (tmp_path / ".venv").exists()
