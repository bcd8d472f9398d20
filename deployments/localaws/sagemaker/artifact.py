"""Model data on an instance: downloaded, unpacked without trusting the archive, made read-only."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from pathlib import Path
from typing import Any

from localaws.services.moto_services import MotoServices, ObjectMissingError

MAX_UNPACKED_BYTES = 20 * 1024**3


class ModelDataError(Exception):
    """The model data cannot be put on the instance; its text is the endpoint's FailureReason."""


def place_model_data(container: dict[str, Any], services: MotoServices, destination: Path) -> None:
    """Puts the container's model data, if it has any, read-only into the folder."""
    destination.mkdir(parents=True)
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri = container.get("ModelDataUrl") or source.get("S3Uri")
    if uri is not None:
        try:
            _fetch(uri, source, services, destination)
        except ObjectMissingError as exc:
            raise ModelDataError(f"Could not find model data at {uri}.") from exc
    _make_read_only(destination)


def remove_model_data(folder: Path) -> None:
    """Deletes a folder with read-only folders in it."""
    for path, _, _ in os.walk(folder):
        os.chmod(path, stat.S_IRWXU)
    shutil.rmtree(folder)


def unpack(archive: Path, destination: Path, max_bytes: int = MAX_UNPACKED_BYTES) -> None:
    """Unpacks regular files and folders; anything else in the archive, or a path out of it, is refused."""
    with tarfile.open(archive, "r:gz") as members:
        left = max_bytes
        for member in members:
            path = _safe_path(member, destination)
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            left -= member.size
            if left < 0:
                raise ModelDataError(f"The model data is larger than {max_bytes} bytes when unpacked.")
            path.parent.mkdir(parents=True, exist_ok=True)
            content = members.extractfile(member)
            if content is None:
                raise ModelDataError(f'The model data has no content for "{member.name}".')
            with content, path.open("xb") as file:
                shutil.copyfileobj(content, file, 1 << 20)


def _fetch(uri: str, source: dict[str, Any], services: MotoServices, destination: Path) -> None:
    if source.get("S3DataType") == "S3Prefix":
        if services.download_prefix(uri, destination) == 0:
            raise ObjectMissingError(f"no object lies under {uri}")
        return
    archive = destination.parent / "model.tar.gz"
    try:
        services.download_object(uri, archive)
        unpack(archive, destination)
    except (tarfile.TarError, OSError, EOFError) as exc:
        raise ModelDataError(
            f'Failed to extract model data archive from URL "{uri}". '
            "Please ensure that the object located at the URL is a valid tar.gz archive."
        ) from exc
    finally:
        archive.unlink(missing_ok=True)


def _safe_path(member: tarfile.TarInfo, destination: Path) -> Path:
    relative = Path(member.name)
    if relative.is_absolute() or ".." in relative.parts:
        raise ModelDataError(f'The model data names "{member.name}", which lies outside the archive.')
    if not (member.isreg() or member.isdir()):
        raise ModelDataError(f'The model data holds "{member.name}", which is neither a file nor a folder.')
    return destination / relative


def _make_read_only(folder: Path) -> None:
    for path, _, names in os.walk(folder, topdown=False):
        for name in names:
            os.chmod(os.path.join(path, name), 0o444)
        os.chmod(path, 0o555)  # noqa: S103 - a container may run as another user
