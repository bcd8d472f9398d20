"""A run asks for room and rights before it starts, and names the folder, the need, and the variable that moves it."""

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from stygig.room import LOCAL_TEMPORARY_MB, MB, Needed
from tasks.errors import InputError

Usage = namedtuple("Usage", "total used free")


def test_a_folder_without_room_is_named_with_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(50 * MB, 0, 50 * MB))
    with pytest.raises(InputError) as raised:
        Needed("folder for temporary files", tmp_path, LOCAL_TEMPORARY_MB, "TMPDIR").check()
    assert str(raised.value) == (
        f"The folder for temporary files {tmp_path}: 50 MB are free, 204 MB are needed. "
        "Make room, or set TMPDIR to a folder elsewhere."
    )


def test_a_folder_that_is_absent_is_made(tmp_path: Path) -> None:
    Needed("cache folder", tmp_path / "a" / "b", 1, "XDG_CACHE_HOME").check()
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("variable", ["STYGIG_REPORTS", "XDG_CACHE_HOME"])
def test_a_run_whose_folder_can_not_be_written_is_refused_at_once(variable: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "-m", "stygig", "nightly", "--local"],
        env=os.environ | {variable: str(tmp_path / "file")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: The ")
    assert f"Set {variable} to another folder" in done.stderr
