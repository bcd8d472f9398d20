"""The model that was packaged last, found by a pointer that names its version, never by the dates of objects.

An old model that is packaged again is the latest again, although its objects are old; and a copy or a lifecycle rule
gives objects new dates, which says nothing about the model.
"""

import json

from tasks.errors import ArtifactError, NotFoundError
from tasks.names import MODELS_PREFIX, S3Location
from tasks.packaging.beside import read_manifest
from tasks.prefect_task import run_logger, task
from tasks.storage import download, exists, upload

LATEST = "latest"


def _pointer(bucket: str) -> S3Location:
    return S3Location(bucket, f"{MODELS_PREFIX}latest.json")


def publish_latest(bucket: str, uri: str, model_version: str) -> None:
    """Make this artifact the latest, unless it is already: a second run of unchanged inputs uploads nothing."""
    said = json.dumps({"uri": uri, "model_version": model_version}).encode()
    if not exists(_pointer(bucket)) or download(_pointer(bucket).uri) != said:
        upload(said, _pointer(bucket), "application/json")


def resolve_model(model_uri: str, bucket: str) -> str:
    """The model's URI; for `latest` the one that the pointer names, if the manifest there has the same version."""
    if model_uri != LATEST:
        return model_uri
    try:
        said = json.loads(download(_pointer(bucket).uri))
        uri, version = str(said["uri"]), str(said["model_version"])
        found = read_manifest(uri)["model_version"]
    except NotFoundError as exc:
        raise NotFoundError(f"There is no latest model in {bucket}: {exc} `stygig package` makes one.") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise ArtifactError(
            f"{_pointer(bucket).uri} can't be read ({exc!r}). `stygig package` writes it anew."
        ) from exc
    if found != version:
        raise ArtifactError(
            f"{_pointer(bucket).uri} says that the latest model is {version}, but {uri} is {found}. Package again."
        )
    return uri


@task(name="resolve-model", only_reads=True)
def resolve_model_task(model_uri: str, bucket: str) -> str:
    uri = resolve_model(model_uri, bucket)
    run_logger().info("model: %s", uri)
    return uri
