"""Archives whose bytes depend on nothing but the files' names and content."""

import gzip
import hashlib
import tarfile
from collections.abc import Mapping
from pathlib import Path

STORED = 0
"""gzip's level for no compression: weights hardly compress, and building and unpacking are ten times cheaper."""


def write_tar_gz(folder: Path, archive: Path) -> None:
    """Write the folder's files at the archive's root, sorted, without this machine's times, owners or permissions."""
    with (  # gzip's header would hold the time and the archive's name
        archive.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=STORED, mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for path in sorted(f for f in folder.rglob("*") if f.is_file()):
            member = tarfile.TarInfo(str(path.relative_to(folder)))
            member.size, member.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                tar.addfile(member, content)


def unpack_tar_gz(archive: Path, folder: Path) -> None:
    """Unpack files and folders; refuse links, devices and anything that would land outside (PEP 706)."""
    with tarfile.open(archive, "r:gz") as tar:
        tar.extractall(folder, filter="data")


def file_hashes(folder: Path) -> dict[str, str]:
    """The sha256 of every file by its relative path, sorted by path."""
    hashes = {}
    for path in sorted(f for f in folder.rglob("*") if f.is_file()):
        with path.open("rb") as opened:
            hashes[path.relative_to(folder).as_posix()] = hashlib.file_digest(opened, "sha256").hexdigest()
    return hashes


def content_hash(hashes: Mapping[str, str]) -> str:
    """One sha256 over all names and contents."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
