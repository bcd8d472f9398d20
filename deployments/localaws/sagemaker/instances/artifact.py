"""Model data on an instance: downloaded, unpacked without trusting the archive, made read-only."""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import tarfile
import zlib
from pathlib import Path
from typing import Any

from localaws.access.refusals import unreadable_model_data
from localaws.services.moto_services import Location, MotoServices, ObjectForbiddenError, ObjectMissingError

MAX_UNPACKED_BYTES = 20 * 1024**3
MAX_NAME_BYTES = 255


class ModelDataError(Exception):
    """Model data that cannot be put on the instance; the error's text is the endpoint's FailureReason."""


def place_model_data(container: dict[str, Any], services: MotoServices, destination: Path) -> None:
    """Put the container's model data, if it has any, read-only into the folder."""
    destination.mkdir(parents=True)
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri = container.get("ModelDataUrl") or source.get("S3Uri")
    if uri is not None:
        try:
            _fetch(uri, source, services, destination)
        except ObjectForbiddenError as exc:
            raise ModelDataError(unreadable_model_data(uri, exc.role_arn, services.region)) from exc
        except ObjectMissingError as exc:
            raise ModelDataError(f"Could not find model data at {uri}.") from exc
    _make_read_only(destination)


def remove_model_data(folder: Path) -> None:
    """Delete a folder with read-only folders in it."""
    # Linux lets only root delete files from a read-only folder.
    for path, _, _ in os.walk(folder):
        os.chmod(path, stat.S_IRWXU)
    shutil.rmtree(folder)


def unpack(archive: Path, destination: Path, max_bytes: int = MAX_UNPACKED_BYTES) -> None:
    """Unpack regular files and folders; refuse anything else in the archive, and paths that lead out of it."""
    with gzip.open(archive) as stream:
        with tarfile.open(fileobj=stream, mode="r:") as members:
            _unpack_members(members, destination, max_bytes)
        # gzip's checksum comes last: only reading to the end shows that the archive is damaged.
        while stream.read(1 << 20):
            pass


def _unpack_members(members: tarfile.TarFile, destination: Path, max_bytes: int) -> None:
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
        _fetch_prefix(uri, services, destination)
        return
    if source.get("CompressionType") == "None":
        services.download_object(uri, destination / _safe_name(uri, uri.rpartition("/")[2])[-1])
        return
    archive = destination.parent / "model.tar.gz"
    try:
        services.download_object(uri, archive)
        unpack(archive, destination)
    except (tarfile.TarError, zlib.error, OSError, EOFError, ValueError) as exc:
        raise ModelDataError(
            f'Failed to extract model data archive from URL "{uri}". '
            "Please ensure that the object located at the URL is a valid tar.gz archive."
        ) from exc
    finally:
        archive.unlink(missing_ok=True)


def _fetch_prefix(uri: str, services: MotoServices, destination: Path) -> None:
    """Download every object under the prefix as a file; S3 has no folders, so the keys' slashes make them."""
    location = Location.parse(uri)
    names = [key.removeprefix(location.key) for key in services.keys_under(uri)]
    if not names:
        raise ObjectMissingError(f"no object lies under {uri}")
    paths = {name: _safe_name(uri, name) for name in names}
    folders = {path[:depth] for path in paths.values() for depth in range(1, len(path))}
    for name, path in paths.items():
        if path in folders:
            raise ModelDataError(f'The model data at {uri} has "{name}" as a file and as a folder: the name clashes.')
        target = destination.joinpath(*path)
        target.parent.mkdir(parents=True, exist_ok=True)
        services.download_object(f"{uri}{name}", target)


def _safe_name(uri: str, name: str) -> tuple[str, ...]:
    """The parts of a name; refuse, as AWS does, what cannot be a file, such as an empty object for a folder."""
    parts = tuple(name.split("/"))
    for part in parts:
        if not part.strip() or part in (".", "..") or "\0" in part or len(part.encode()) > MAX_NAME_BYTES:
            raise ModelDataError(
                f'The model data at {uri} has the key "{name}", which cannot be a file: each part of it must be 1 to '
                f'{MAX_NAME_BYTES} bytes long and neither "." nor "..".'
            )
    return parts


def _safe_path(member: tarfile.TarInfo, destination: Path) -> Path:
    relative = Path(member.name)
    if relative.is_absolute() or ".." in relative.parts:
        raise ModelDataError(f'The model data names "{member.name}", which lies outside the archive.')
    if not (member.isreg() or member.isdir()):
        raise ModelDataError(f'The model data holds "{member.name}", which is neither a file nor a folder.')
    return destination / relative


def _make_read_only(folder: Path) -> None:  # as /opt/ml/model is on AWS
    for path, _, names in os.walk(folder, topdown=False):
        for name in names:
            os.chmod(os.path.join(path, name), 0o444)
        os.chmod(path, 0o555)  # noqa: S103 - a container may run as another user
