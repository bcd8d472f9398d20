"""What packaging publishes in S3 beside an archive, and the pointer to the model that was packaged last.

Beside it lie the loose files with the manifest, and one worker's memory. The pointer names a version and never goes by
the dates of objects: an old model that is packaged again is the latest again, although its objects are old; and a copy
or a lifecycle rule gives objects new dates, which says nothing about the model.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from recommender.pictures.image import MAX_PIXELS, PEAK_BYTES_PER_PIXEL
from tasks.errors import ArtifactError, InputError, NotFoundError, PermissionDeniedError
from tasks.names import MODELS_PREFIX, S3Location
from tasks.prefect_task import run_logger, task
from tasks.storage import download, exists, upload

LATEST = "latest"
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


def check_question(model_uri: str, requests: str) -> None:
    """Raise InputError for a model that was packaged from a folder, if it would be asked about a picture."""
    try:
        manifest = {} if requests else read_manifest(model_uri)
    except (NotFoundError, PermissionDeniedError, ValueError):  # somebody else's archive
        return
    if manifest and "catalogue" not in manifest:
        raise InputError(f"{model_uri} is no recommender of pictures: name a folder of bodies for it with requests.")


def beside(model_uri: str, name: str) -> str:
    """The URI of a file that packaging put beside an archive; `model_uri` may also be the loose files, …/files/."""
    return f"{model_uri.removesuffix('files/').rpartition('/')[0]}/{name}"


def latest_pointer(bucket: str) -> S3Location:
    return S3Location(bucket, f"{MODELS_PREFIX}latest.json")


def publish_latest(bucket: str, uri: str, model_version: str) -> None:
    """Make this artifact the latest, unless it is already: a second run of unchanged inputs uploads nothing."""
    said = json.dumps({"uri": uri, "model_version": model_version}).encode()
    if not exists(latest_pointer(bucket)) or download(latest_pointer(bucket).uri) != said:
        upload(said, latest_pointer(bucket), "application/json")


def resolve_model(model_uri: str, bucket: str) -> str:
    """The model's URI; for `latest` the one that the pointer names, if the manifest there has the same version."""
    if model_uri != LATEST:
        return model_uri
    pointer = latest_pointer(bucket).uri
    try:
        said = json.loads(download(pointer))
        uri, version = str(said["uri"]), str(said["model_version"])
        found = read_manifest(uri)["model_version"]
    except NotFoundError as exc:
        raise NotFoundError(f"There is no latest model in {bucket}: {exc} `stygig package` makes one.") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise ArtifactError(f"{pointer} can't be read ({exc!r}). `stygig package` writes it anew.") from exc
    if found != version:
        raise ArtifactError(f"{pointer} says that the latest model is {version}, but {uri} is {found}. Package again.")
    return uri


@task(name="resolve-model", only_reads=True)
def resolve_model_task(model_uri: str, bucket: str, requests: str) -> str:
    uri = resolve_model(model_uri, bucket)
    check_question(uri, requests)
    run_logger().info("model: %s", uri)
    return uri
