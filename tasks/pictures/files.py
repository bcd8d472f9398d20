"""The pictures in a folder. No file is dropped silently: it is taken, reported, or refused if it can't be read.

Links are followed, those to folders, too. A folder that is linked twice is taken twice, as a file is.
"""

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath

from tasks.errors import InputError
from tasks.prefect_task import Progress, silent

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".tif", ".tiff")
"""The suffixes of files in the formats of recommender.pictures.image."""
HOUSEKEEPING = ("__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information")  # of Macs and drives
TABLES = ("metadata.csv", "labels.csv")
NOTES = (".txt", ".md", ".json", ".yaml", ".yml", ".ini", ".db")
"""Suffixes of files that people and file managers leave beside pictures; leaving them out isn't worth a line."""
SHOWN = 5
MOST_VISITS = 16
"""The most ways to one folder: through folders that link to each other, their number grows factorially."""


def pictures_below(folder: Path, progress: Progress = silent) -> list[Path]:
    """The pictures at any depth, sorted, without hidden files and what file systems and notebooks keep."""
    pictures: list[Path] = []
    others: list[Path] = []
    for path, regular in _files_below(folder):
        (pictures if regular and path.suffix.lower() in SUFFIXES else others).append(path)
    tell_left_out([path.relative_to(folder) for path in others], progress)
    return sorted(pictures)


def files_below(folder: Path) -> list[Path]:
    """The regular files at any depth, sorted, without hidden ones and what systems keep."""
    return sorted(path for path, regular in _files_below(folder) if regular)


def tell_left_out(paths: Sequence[PurePath], progress: Progress) -> None:
    """Report how many files were not taken for pictures, and the first of them; notes and tables don't count."""
    names = sorted(str(path) for path in paths if not _expected(path))
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        first = ", ".join(map(repr, names[:SHOWN]))
        progress(f"left out, no pictures by their names ({', '.join(SUFFIXES)}): {len(names)} files, {first}{more}")


def _expected(path: PurePath) -> bool:
    return is_hidden(path) or path.suffix.lower() in NOTES or path.name in TABLES


def is_hidden(path: PurePath) -> bool:
    """True if a part of the path is hidden, or is a folder that a system keeps for itself."""
    return any(part.startswith(".") or part in HOUSEKEEPING for part in path.parts)


def read_bytes(path: Path) -> bytes:
    """The file's bytes, or InputError."""
    with readable(path):
        return path.read_bytes()


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise InputError for what can't be read: the catalogue would otherwise be smaller than its owner thinks."""
    try:
        yield
    except OSError as exc:
        link = f" (a link to {os.readlink(path)})" if path.is_symlink() else ""
        raise InputError(f"{path}{link} can't be read: {exc.strerror or exc}. Make it readable, or remove it.") from exc


def _files_below(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Yield every file that isn't hidden, with True if it is a regular one."""
    visits = Counter[str]()
    waiting = [(folder, frozenset[str]())]
    while waiting:
        here, above = waiting.pop()
        real = os.path.realpath(here)
        if real in above:  # a link to a folder above it, all of which is taken already
            continue
        visits[real] += 1
        if visits[real] > MOST_VISITS:
            raise InputError(
                f"{here} is the same folder as {MOST_VISITS} others below {folder}: folders link to each other, and "
                "each picture would be taken many times. Remove links until there is one way to each folder."
            )
        for path, mode in _listed(here):
            if stat.S_ISDIR(mode):
                waiting.append((path, above | {real}))
            else:
                yield path, stat.S_ISREG(mode)


def _listed(folder: Path) -> Iterator[tuple[Path, int]]:
    with readable(folder):
        names = os.listdir(folder)
    for name in names:
        path = folder / name
        if not is_hidden(PurePath(name)):
            with readable(path):
                mode = path.stat().st_mode
            yield path, mode
