"""Built files of artifacts, kept in the user's cache folder by the hash of their inputs.

Encoding a catalogue takes longer than everything else of packaging. A bucket that lacks the artifact, as the embedded
AWS always does, gets it from here. Whatever stands in the way, a full disk or a damaged file, only costs that time.
"""

import os
import shutil
from pathlib import Path

from tasks.packaging.building import Built
from tasks.prefect_task import Progress
from tasks.scratch import scratch_folder
from tasks.settings import cache_folder

KEPT_BYTES = 300_000_000
"""The newest stay as long as all together are no larger."""
SPARE_BYTES = 500_000_000
"""So much has to stay free on the disk, or nothing is kept."""


def take(digest: str, folder: Path, progress: Progress) -> Built | None:
    """Copy what was built from these inputs into `folder`; None if it isn't there, or not as it was built."""
    kept = _folder() / digest
    if not kept.is_dir():
        return None
    try:
        os.utime(kept)  # as new: what is used stays longest
        built = Built(Path(shutil.copytree(kept, folder)))
        if built.is_whole():
            progress(f"built on this machine before: {kept}")
            return built
        reason = "its files are not those of its manifest"
    except (OSError, ValueError, KeyError, TypeError) as exc:
        reason = str(exc)
    progress(f"built anew, since {kept} can't be used: {reason}")
    for unusable in (kept, folder):
        shutil.rmtree(unusable, ignore_errors=True)
    return None


def keep(built: Built, digest: str, progress: Progress) -> None:
    """Keep a copy for the next time, and remove the oldest that there is no room for."""
    size = _size(built.folder)
    if (_folder() / digest).exists() or size > KEPT_BYTES:
        return
    try:
        _folder().mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(_folder()).free < size + SPARE_BYTES:
            progress(f"not kept for the next time: little room in {_folder()}")
            return
        with scratch_folder("keep", _folder()) as scratch:  # the rename needs the same file system
            shutil.copytree(built.folder, scratch / digest)
            (scratch / digest).rename(_folder() / digest)
        _remove_oldest()
    except OSError as exc:  # no room; or another run was faster, and its files are the same
        progress(f"not kept for the next time: {exc}")


def _folder() -> Path:
    return cache_folder() / "artifacts"


def _remove_oldest() -> None:
    used = 0
    digests = _folder().glob("[0-9a-f]" * 64)  # beside them, another run may be about to keep something
    for kept in sorted(digests, key=lambda each: each.stat().st_mtime, reverse=True):
        used += _size(kept)
        if used > KEPT_BYTES:
            shutil.rmtree(kept, ignore_errors=True)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
