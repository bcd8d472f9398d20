"""The model artifact: built from a catalogue and an encoder, verified, and uploaded under the hash of its content.

A second run with unchanged inputs finds the artifact's location under the hash of the inputs, and encodes and uploads
nothing; for another bucket it encodes nothing on the machine that has built the files before.
"""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.demo.sources import catalogue_source
from tasks.errors import InputError
from tasks.names import MODELS_PREFIX, S3Location
from tasks.packaging.archive import write_tar_gz
from tasks.packaging.building import Built, build_with_thumbnails
from tasks.packaging.catalogue import METADATA, Entry, scan_catalogue
from tasks.packaging.inputs import PackagingInputs, inputs_digest
from tasks.packaging.kept import keep, take
from tasks.packaging.published import publish_latest, upload_footprint
from tasks.packaging.verification import verify
from tasks.packaging.wheels import check_searchable, wheels_for
from tasks.pictures.files import SUFFIXES
from tasks.pictures.local_copy import local_copy
from tasks.plan import RunPlan
from tasks.prefect_task import Progress, run_logger, task
from tasks.scratch import scratch_folder
from tasks.settings import serving_image
from tasks.storage import THREADS, download, exists, upload, upload_file

THUMBNAILS = "thumbnails.zip"


@dataclass(frozen=True)
class Artifact:
    """A packaged model in S3. `skipped`: pictures of the catalogue that could not be read, with the reason."""

    uri: str
    model_version: str
    encoder: str
    items: int
    uploaded: bool
    skipped: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return self.__dict__ | {"skipped": [list(pair) for pair in self.skipped]}


def package(plan: RunPlan, inputs: PackagingInputs, progress: Progress) -> Artifact:
    """Return the artifact in S3; make it only if the same inputs have not been packaged before."""
    wheels = wheels_for(serving_image(plan.settings, plan.region), inputs.encoder.engine)
    with local_copy(catalogue_source(inputs.catalogue, progress), (*SUFFIXES, METADATA), progress) as folder:
        entries = scan_catalogue(folder, _path(inputs.metadata), _path(inputs.categories), progress)
        check_searchable(len(entries), wheels)
        progress(f"{len(entries)} pictures in {len({e.category for e in entries})} categories")
        digest = inputs_digest(entries, inputs.encoder, wheels)
        known = _packaged_before(plan.bucket, digest)
        if known:
            progress(f"unchanged since it was packaged: {known.uri}")
            return known
        with scratch_folder("package") as scratch:
            built = take(digest, scratch / "taken", progress)
            if built is None:
                built = build_with_thumbnails(scratch / "built", entries, inputs.encoder, wheels, progress)
            artifact = _pack_and_upload(plan.bucket, built, entries, scratch, progress)
            unchanged = inputs_digest(entries, inputs.encoder, wheels) == digest
            if unchanged:
                keep(built, digest, progress)
    if unchanged:
        upload(json.dumps(artifact.to_dict()).encode(), _pointer(plan.bucket, digest), "application/json")
    else:
        progress("the catalogue was changed while it was packaged: it will be packaged anew the next time")
    publish_latest(plan.bucket, artifact.uri, artifact.model_version)
    return artifact


def _path(text: str) -> Path | None:
    return Path(os.path.expanduser(text)) if text else None


def _pointer(bucket: str, digest: str) -> S3Location:
    return S3Location(bucket, f"{MODELS_PREFIX}by-inputs/{digest}.json")


def _packaged_before(bucket: str, digest: str) -> Artifact | None:
    pointer = _pointer(bucket, digest)
    if not exists(pointer):
        return None
    read = json.loads(download(pointer.uri))
    read |= {"uploaded": False, "skipped": tuple((path, reason) for path, reason in read["skipped"])}
    known = Artifact(**read)
    return known if exists(S3Location.parse(known.uri)) else None  # somebody may have deleted the archive since


def _pack_and_upload(
    bucket: str, built: Built, entries: Sequence[Entry], scratch: Path, progress: Progress
) -> Artifact:
    archive = scratch / "model.tar.gz"
    write_tar_gz(built.stage, archive)
    progress(f"archive of {archive.stat().st_size / 1e6:.1f} MB, version {built.version}")
    items = built.items_of(entries)
    resident_bytes = verify(archive, items[0].file)
    progress(
        "verified: unpacked, imported in a clean interpreter, one real question answered "
        f"with {resident_bytes / 1e6:.0f} MB of memory"
    )
    where = S3Location(bucket, f"{MODELS_PREFIX}{built.version}/model.tar.gz")
    uploaded = _upload_all(built, archive, where, resident_bytes, progress)
    encoder = str(built.manifest["encoder"]["name"])
    return Artifact(where.uri, built.version, encoder, len(items), uploaded, built.skipped)


def _upload_all(built: Built, archive: Path, where: S3Location, resident_bytes: int, progress: Progress) -> bool:
    """Upload the archive last: where it exists, so does all that lies beside it. False if it existed before."""
    if exists(where):
        progress(f"the same content is there already: {where.uri}")
        return False
    base = S3Location(where.bucket, where.key.removesuffix("model.tar.gz"))
    files = [path for path in built.stage.rglob("*") if path.is_file()]
    beside = [(path, base.child(f"files/{path.relative_to(built.stage)}")) for path in files]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda pair: upload_file(*pair), [*beside, (built.thumbnails, base.child(THUMBNAILS))]))
    upload_footprint(base, resident_bytes)
    upload_file(archive, where)
    progress(f"uploaded to {where.uri}")
    return True


def check_packagable(inputs: PackagingInputs) -> None:
    """Raise InputError for what can be found wrong before any AWS call."""
    inputs.encoder.checked()
    for name in ("metadata", "categories"):
        path = _path(getattr(inputs, name))
        if path and not os.path.isfile(path):  # Path.is_file() raises where the name is too long for a path
            raise InputError(f"The {name} file {path} does not exist.")


@task(name="package")
def package_task(plan: RunPlan, inputs: PackagingInputs) -> Artifact:
    check_packagable(inputs)
    logger = run_logger()
    artifact = package(plan, inputs, lambda line: logger.info("packaging: %s", line))
    for path, reason in artifact.skipped:
        logger.warning("left out of the catalogue: %s (%s)", path, reason)
    return artifact
