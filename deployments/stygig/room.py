"""Room and rights, asked for before a run: nobody should wait, or pay, to learn that a disk is full."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import InputError
from tasks.settings import cache_folder, read_settings

MB = 1_000_000
LOCAL_TEMPORARY_MB = 204
"""Megabytes that the demo takes in TMPDIR at its peak, measured: archive, its verification, two instances' models."""
TEMPORARY_MB = 110
"""The same where the instances are AWS's."""
CACHE_MB = 30
REPORTS_MB = 10


@dataclass(frozen=True)
class Needed:
    """A folder, the megabytes needed in it, and the variable that names another one."""

    purpose: str
    folder: Path
    megabytes: int
    variable: str

    def check(self) -> None:
        """Raise InputError unless files can be made in the folder, and so much fits; make it if it is absent."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                free = shutil.disk_usage(self.folder).free // MB
        except OSError as exc:
            raise InputError(
                f"{self}: nothing can be written there ({exc.strerror or exc}). Set {self.variable} to another folder."
            ) from exc
        if free < self.megabytes:
            raise InputError(
                f"{self}: {free} MB are free, {self.megabytes} MB are needed. Make room, or set {self.variable} to a "
                "folder elsewhere."
            )

    def __str__(self) -> str:
        return f"The {self.purpose} {self.folder.absolute()}"


def check_room(local: bool, reports: bool) -> None:
    """Raise InputError for the first folder in which a run would find no room, or might not write."""
    temporary = LOCAL_TEMPORARY_MB if local else TEMPORARY_MB
    Needed("folder for temporary files", Path(_temporary()), temporary, "TMPDIR").check()
    Needed("cache folder", cache_folder(), CACHE_MB, "XDG_CACHE_HOME").check()
    if reports:
        Needed("folder for reports", read_settings().reports, REPORTS_MB, "STYGIG_REPORTS").check()


def _temporary() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError as exc:
        raise InputError(f"{exc.strerror}. Set TMPDIR to a folder with room for {LOCAL_TEMPORARY_MB} MB.") from exc
