"""Built files of artifacts, kept in the user's cache folder by the hash of their inputs.

Encoding a catalogue takes longer than everything else of packaging. A bucket that lacks the artifact, as the embedded
AWS always does, gets it from here. Whatever stands in the way, a full disk or a damaged file, only costs that time.
"""

import hashlib
import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import tasks
from tasks.packaging.archive import content_hash, file_hashes
from tasks.packaging.building import Built
from tasks.prefect_task import Progress
from tasks.scratch import remove_orphans, scratch_folder
from tasks.settings import cache_folder

KEPT_BYTES = 300_000_000
"""The newest stay as long as all together are no larger."""
SPARE_BYTES = 500_000_000
"""So much has to stay free on the disk, or nothing is kept."""
CHECKSUM = "sha256"
BUILDERS = ("packaging", "encoder", "demo")
"""The rooms whose code decides what is built; the artifact's own hash of its inputs leaves them out."""
EXPORTERS = ("torch", "open_clip_torch", "onnx")


def take(digest: str, folder: Path, progress: Progress) -> Built | None:
    """Copy what was built from these inputs into `folder`; None if it isn't there, or not as it was built."""
    kept = _folder() / _key(digest)
    try:
        if not kept.is_dir():
            return None
        shutil.copytree(kept, folder, copy_function=shutil.copyfile)  # without modes: it may be written to
        damaged = (folder / CHECKSUM).read_text() != _checksum(folder)
    except (OSError, ValueError) as exc:
        progress(f"built anew, since {kept} can't be read: {exc}")
        return None
    if damaged:
        progress(f"built anew, since {kept} is not as it was built")
        shutil.rmtree(kept, ignore_errors=True)
        return None
    _touch(kept)
    progress(f"built on this machine before: {kept}")
    return Built(folder)


def keep(built: Built, digest: str, progress: Progress) -> None:
    """Keep a copy for the next time, and remove the oldest that there is no room for."""
    try:
        target = _folder() / _key(digest)
        _folder().mkdir(parents=True, exist_ok=True)
        remove_orphans(_folder())
        size = _size(built.folder)
        if target.exists() or size > KEPT_BYTES:
            return
        if shutil.disk_usage(_folder()).free < size + SPARE_BYTES:
            progress(f"not kept for the next time: little room in {_folder()}")
            return
        with scratch_folder("keep", _folder()) as scratch:  # the rename needs the same file system
            shutil.copytree(built.folder, scratch / "copy", copy_function=shutil.copyfile)
            (scratch / "copy" / CHECKSUM).write_text(_checksum(scratch / "copy"))
            (scratch / "copy").rename(target)
        _remove_oldest()
    except OSError as exc:  # no room, no right; or another run was faster, and its files are the same
        progress(f"not kept for the next time: {exc}")


def _key(digest: str) -> str:
    """The name of what is kept: it must not outlive a change of the code that builds."""
    found = hashlib.sha256(f"{digest} {sys.version_info[:2]} {[_version(each) for each in EXPORTERS]}".encode())
    for room in BUILDERS:
        for path in sorted((Path(tasks.__file__).parent / room).rglob("*.py")):
            found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def _checksum(folder: Path) -> str:
    hashes = file_hashes(folder)
    hashes.pop(CHECKSUM, None)
    return content_hash(hashes)


def _touch(kept: Path) -> None:
    """Make it count as new: what is used stays longest."""
    try:
        os.utime(kept)
    except OSError:  # somebody else's
        return


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
