"""The check that reports can be written, before money is spent."""

from pathlib import Path

import pytest

from tasks.errors import InputError
from tasks.report.folder import check_junit, check_reports
from tasks.report.history import HISTORY_FILE


def test_a_folder_that_is_absent_is_made_and_left_empty(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "reports"
    assert check_reports(folder) == f"reports folder {folder}: can be written"
    assert list(folder.iterdir()) == []


def test_a_history_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / HISTORY_FILE).write_text("{}\n")
    check_reports(tmp_path)
    assert (tmp_path / HISTORY_FILE).read_text() == "{}\n"


@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/reports"])
def test_what_can_not_be_a_folder_is_named_with_the_setting(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=rf"No report could be written into {tmp_path / folder}: .*STYGIG_REPORTS"):
        check_reports(Path(folder))


def test_a_history_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / HISTORY_FILE).mkdir()
    with pytest.raises(InputError, match=rf"{tmp_path}: Is a directory \({tmp_path / HISTORY_FILE}\)"):
        check_reports(tmp_path)


def test_a_junit_file_that_can_not_be_written_is_named_beforehand(tmp_path: Path) -> None:
    assert check_junit(str(tmp_path / "made" / "junit.xml")).endswith("can be written")
    assert list((tmp_path / "made").iterdir()) == []
    for wrong in (str(tmp_path), "/proc/junit.xml"):
        with pytest.raises(InputError, match=rf"The JUnit file {wrong} can't be written: .*"):
            check_junit(wrong)
