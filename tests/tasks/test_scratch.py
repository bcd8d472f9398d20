"""Folders for work in hand: gone when the work is over, and after a kill as soon as the next one is made."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tasks.scratch import scratch_folder

KILLED = "import os; from tasks.scratch import scratch_folder\nwith scratch_folder('package'): os.kill(os.getpid(), 9)"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)  # it would remember the folder of before
    return tmp_path


def test_it_is_empty_and_goes_with_all_in_it(temporary: Path) -> None:
    with scratch_folder("package") as folder:
        assert list(folder.iterdir()) == []
        (folder / "file").write_text("text")
    assert list(temporary.iterdir()) == []


def test_one_that_a_killed_process_left_goes_and_one_in_use_stays(temporary: Path) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED], check=False).returncode == -9
    (orphan,) = temporary.iterdir()
    with scratch_folder("package") as first:
        assert not orphan.exists()
        with scratch_folder("verify") as second:
            assert first.is_dir()
            assert second.is_dir()


def test_a_folder_of_somebody_elses_stays(temporary: Path) -> None:
    (temporary / "stygig-work-of-mine").mkdir()
    with scratch_folder("package"):
        pass
    assert [path.name for path in temporary.iterdir()] == ["stygig-work-of-mine"]


def test_a_pipe_that_somebody_else_left_does_not_hold_anybody_up(temporary: Path) -> None:
    (temporary / "stygig-work-x").mkdir()
    os.mkfifo(temporary / "stygig-work-x" / "lock")
    with scratch_folder("package") as folder:
        assert folder.is_dir()
