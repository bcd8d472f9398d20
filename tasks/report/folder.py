"""The folder for reports: the check before money is spent, and the message if writing fails in the end."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import InputError
from tasks.report.history import HISTORY_FILE

REMEDY = "Make room there, allow writing, or set STYGIG_REPORTS to another folder."


@dataclass(frozen=True)
class Unwritten:
    """The reason why there is no report; the verdict is told anyway."""

    folder: Path
    reason: str

    def __str__(self) -> str:
        return f"The report could not be written into {self.folder.absolute()}: {self.reason}. {REMEDY}"


def private_folder(folder: Path) -> Path:
    """Return the folder; if it is absent, create it for its user alone: reports show pictures and settings."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def check_junit(file: str) -> str:
    """Check that the file can be written, by a trial beside it; its folder is created and stays."""
    path = Path(file)
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as exc:
        raise InputError(f"The JUnit file {file} can't be written: {exc.strerror}. Name another with junit.") from exc
    return f"JUnit file {file}: can be written"


def junit_possible(file: str) -> str:
    """Like `check_junit`, by looking alone: nothing is made, not even for a moment."""
    reason = "it is a folder" if Path(file).is_dir() else _in_the_way(Path(file).absolute().parent)
    if reason:
        raise InputError(f"The JUnit file {file} can't be written: {reason}. Name another with junit.")
    return f"JUnit file {file}: could be written"


def reports_possible(folder: Path) -> str:
    """Like `check_reports`, by looking alone."""
    history = folder / HISTORY_FILE
    reason = _in_the_way(folder.absolute())
    if not reason and history.exists() and not os.access(history, os.R_OK | os.W_OK):
        reason = f"{history} can't be read and written"
    if reason:
        raise InputError(f"No report could be written into {folder.absolute()}: {reason}. {REMEDY}")
    return f"reports folder {folder}: could be written"


def _in_the_way(folder: Path) -> str:
    """The reason why files can't be made in a folder that may be absent as yet; empty if there is none."""
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    if not nearest.is_dir():
        return f"{nearest} is no folder"
    return "" if os.access(nearest, os.W_OK | os.X_OK) else f"{nearest} may not be written to"


def check_reports(folder: Path) -> str:
    """Check that a report can be written, by a trial that is removed again; the folder itself is created and stays."""
    try:
        private_folder(folder)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as made:
            (Path(made) / "report.json").write_text("{}")
        if (history := folder / HISTORY_FILE).exists():
            history.open("a+").close()  # needs leave to read and write, but changes nothing
    except OSError as exc:
        found = f"{exc.strerror or exc} ({exc.filename})" if exc.filename else str(exc)
        raise InputError(f"No report could be written into {folder.absolute()}: {found}. {REMEDY}") from exc
    return f"reports folder {folder}: can be written"
