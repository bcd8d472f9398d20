"""The files that packaging puts beside an archive: the loose files with the manifest, and one worker's memory."""

import json
from typing import Any

from tasks.errors import NotFoundError, PermissionDeniedError
from tasks.names import S3Location
from tasks.storage import download, upload

FOOTPRINT = "footprint.json"


def upload_footprint(base: S3Location, resident_bytes: int) -> None:
    """Upload one worker's memory beside the archive: inside, a measurement would change the archive's bytes."""
    upload(json.dumps({"resident_bytes": resident_bytes}).encode(), base.child(FOOTPRINT), "application/json")


def read_footprint(model_uri: str) -> int | None:
    """The bytes of memory that one worker took when the artifact was verified; None if that can't be read.

    Only the execution role must be able to read a model, so a refusal here is no error.
    """
    try:
        return int(json.loads(download(beside(model_uri, FOOTPRINT)))["resident_bytes"])
    except (NotFoundError, PermissionDeniedError):
        return None


def read_manifest(model_uri: str) -> dict[str, Any]:
    """The manifest of an artifact in S3, read from the loose files beside the archive."""
    manifest: dict[str, Any] = json.loads(download(beside(model_uri, "files/manifest.json")))
    return manifest


def beside(model_uri: str, name: str) -> str:
    """The URI of a file that packaging put beside an archive; `model_uri` may also be the loose files, …/files/."""
    return f"{model_uri.removesuffix('files/').rpartition('/')[0]}/{name}"
