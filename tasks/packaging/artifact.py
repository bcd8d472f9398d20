"""The model artifact: built from a catalogue and an encoder, verified, and uploaded under the hash of its content.

A second run with unchanged inputs finds the artifact's location under the hash of the inputs, and encodes and uploads
nothing.
"""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recommender.catalogue.search import SearchSpec
from recommender.encoding.encoder import EncoderSpec
from tasks.demo.sources import catalogue_source
from tasks.encoder.choice import EncoderChoice, prepare_encoder
from tasks.errors import InputError
from tasks.names import MODELS_PREFIX, S3Location
from tasks.packaging.archive import content_hash, file_hashes, write_tar_gz
from tasks.packaging.beside import upload_footprint
from tasks.packaging.catalogue import METADATA, Entry, scan_catalogue
from tasks.packaging.embedding import Embedded, embed_catalogue
from tasks.packaging.inputs import (
    SCHEMA_VERSION,
    PackagingInputs,
    handler_files,
    inputs_digest,
    shipped_as,
    tools,
)
from tasks.packaging.latest import publish_latest
from tasks.packaging.thumbnails import write_thumbnails
from tasks.packaging.verification import verify
from tasks.packaging.wheels import Wheels, check_searchable, wheels_for
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
            artifact = _build_and_upload(plan.bucket, entries, inputs, wheels, scratch, progress)
    upload(json.dumps(artifact.to_dict()).encode(), _pointer(plan.bucket, digest), "application/json")
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


def _build_and_upload(
    bucket: str,
    entries: Sequence[Entry],
    inputs: PackagingInputs,
    wheels: Wheels | None,
    scratch: Path,
    progress: Progress,
) -> Artifact:
    stage = scratch / "stage"
    spec, embedded = build(entries, inputs.encoder, stage, progress, wheels)
    manifest = json.loads((stage / "manifest.json").read_text())
    archive = scratch / "model.tar.gz"
    write_tar_gz(stage, archive)
    progress(f"archive of {archive.stat().st_size / 1e6:.1f} MB, version {manifest['model_version']}")
    resident_bytes = verify(archive, embedded.entries[0].file)
    progress(
        "verified: unpacked, imported in a clean interpreter, one real question answered "
        f"with {resident_bytes / 1e6:.0f} MB of memory"
    )
    where = S3Location(bucket, f"{MODELS_PREFIX}{manifest['model_version']}/model.tar.gz")
    uploaded = _upload_all(stage, archive, where, embedded.entries, resident_bytes, scratch, progress)
    return Artifact(where.uri, manifest["model_version"], spec.name, len(embedded.items), uploaded, embedded.skipped)


def build(
    entries: Sequence[Entry],
    encoder: EncoderChoice,
    stage: Path,
    progress: Progress,
    wheels: Wheels | None = None,
) -> tuple[EncoderSpec, Embedded]:
    """Write the artifact's files to `stage`, manifest included."""
    spec = prepare_encoder(encoder, stage / "encoder")
    catalogue = stage / "catalogue"
    catalogue.mkdir()
    for name in ("attributes.json", "attributes.npy"):
        (stage / "encoder" / name).replace(catalogue / name)
    embedded = embed_catalogue(entries, stage / "encoder", progress)
    search = embedded.write(catalogue, progress)
    _ship_handler(stage / "code")
    if wheels:
        wheels.ship(stage / "code")
    (stage / "manifest.json").write_text(json.dumps(_manifest(stage, spec, embedded, search), indent=1) + "\n")
    return spec, embedded


def _ship_handler(code: Path) -> None:
    for path in handler_files():
        target = code / shipped_as(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def _manifest(stage: Path, spec: EncoderSpec, embedded: Embedded, search: SearchSpec) -> dict[str, Any]:
    hashes = file_hashes(stage)
    skipped = [{"path": path, "reason": reason} for path, reason in embedded.skipped]
    counts = Counter(item.category for item in embedded.items)
    return {
        "schema_version": SCHEMA_VERSION,
        "model_version": _version(hashes, skipped),
        "files": hashes,
        "encoder": spec.to_dict(),
        "catalogue": {
            "items": len(embedded.items),
            "dimension": spec.dimension,
            "categories": dict(sorted(counts.items())),
            "skipped": skipped,
        },
        "search": search.to_dict(),
        "tools": tools(spec.engine),
    }


def _version(hashes: dict[str, str], skipped: Sequence[dict[str, str]]) -> str:
    """12 hex digits over the files and the skipped pictures: else a manifest that lists others would be reused."""
    if skipped:
        hashes = hashes | {"skipped": hashlib.sha256(json.dumps(skipped).encode()).hexdigest()}
    return content_hash(hashes)[:12]


def _upload_all(
    stage: Path, archive: Path, where: S3Location, entries: Sequence[Entry], resident_bytes: int, scratch: Path,
    progress: Progress,
) -> bool:  # fmt: skip
    """Upload the archive last: where it exists, so does all that lies beside it. False if it existed before."""
    if exists(where):
        progress(f"the same content is there already: {where.uri}")
        return False
    base = S3Location(where.bucket, where.key.removesuffix("model.tar.gz"))
    loose = [(path, base.child(f"files/{path.relative_to(stage)}")) for path in stage.rglob("*") if path.is_file()]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda pair: upload_file(*pair), loose))
    write_thumbnails(entries, scratch / THUMBNAILS)
    upload_file(scratch / THUMBNAILS, base.child(THUMBNAILS))
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
