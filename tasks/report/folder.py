"""The folder that reports are written to: looked at before money is spent, and what is said if it fails at the end."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import InputError
from tasks.report.history import HISTORY_FILE

REMEDY = "Make room there, allow writing, or set STYGIG_REPORTS to another folder."


@dataclass(frozen=True)
class Unwritten:
    """Why there is no report; the verdict is told all the same."""

    folder: Path
    reason: str

    def __str__(self) -> str:
        return f"The report could not be written into {self.folder.absolute()}: {self.reason}. {REMEDY}"


def private_folder(folder: Path) -> Path:
    """The folder, for its user alone where it has to be made: reports show pictures and settings."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def check_reports(folder: Path) -> str:
    """Does what writing a report will, and removes it again; the folder itself is made and stays."""
    try:
        private_folder(folder)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as made:
            (Path(made) / "report.json").write_text("{}")
        if (history := folder / HISTORY_FILE).exists():
            history.open("a+").close()
    except OSError as exc:
        found = f"{exc.strerror or exc} ({exc.filename})" if exc.filename else str(exc)
        raise InputError(f"No report could be written into {folder.absolute()}: {found}. {REMEDY}") from exc
    return f"reports folder {folder}: can be written"
