"""The files that packaging puts beside an archive: the loose files with the manifest, and one worker's memory."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from recommender.pictures.image import MAX_PIXELS, PEAK_BYTES_PER_PIXEL
from tasks.errors import NotFoundError, PermissionDeniedError
from tasks.names import S3Location
from tasks.storage import download, upload

FOOTPRINT = "footprint.json"


PICTURE_BYTES = MAX_PIXELS * PEAK_BYTES_PER_PIXEL
"""Bytes for decoding the largest picture; a worker of the recommender decodes one at a time."""


@dataclass(frozen=True)
class Footprint:
    """One worker's bytes of memory when the artifact was verified, and what a large request may take on top."""

    resident_bytes: int
    request_bytes: int = PICTURE_BYTES


def upload_footprint(base: S3Location, resident_bytes: int, request_bytes: int = PICTURE_BYTES) -> None:
    """Upload one worker's memory beside the archive: inside, a measurement would change the archive's bytes."""
    found = Footprint(resident_bytes, request_bytes)
    upload(json.dumps(asdict(found)).encode(), base.child(FOOTPRINT), "application/json")


def read_footprint(model_uri: str) -> Footprint | None:
    """The memory of one worker; None if that can't be read.

    Only the execution role must be able to read a model, so a refusal here is no error.
    """
    try:
        return Footprint(**json.loads(download(beside(model_uri, FOOTPRINT))))
    except (NotFoundError, PermissionDeniedError):
        return None


def read_manifest(model_uri: str) -> dict[str, Any]:
    """The manifest of an artifact in S3, read from the loose files beside the archive."""
    manifest: dict[str, Any] = json.loads(download(beside(model_uri, "files/manifest.json")))
    return manifest


def beside(model_uri: str, name: str) -> str:
    """The URI of a file that packaging put beside an archive; `model_uri` may also be the loose files, …/files/."""
    return f"{model_uri.removesuffix('files/').rpartition('/')[0]}/{name}"
