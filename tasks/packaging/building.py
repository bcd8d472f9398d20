"""The files of an artifact before they are packed: encoder, catalogue, handler, and the manifest that hashes them."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from recommender.catalogue.search import SearchSpec
from recommender.encoding.encoder import EncoderSpec
from tasks.encoder.choice import EncoderChoice, prepare_encoder
from tasks.packaging.archive import content_hash, file_hashes
from tasks.packaging.catalogue import Entry
from tasks.packaging.embedding import Embedded, embed_catalogue
from tasks.packaging.inputs import SCHEMA_VERSION, handler_files, shipped_as, tools
from tasks.packaging.thumbnails import write_thumbnails
from tasks.packaging.wheels import Wheels
from tasks.prefect_task import Progress

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Built:
    """A folder with an artifact's files in `stage`, and beside them the thumbnails of its items."""

    folder: Path

    @property
    def stage(self) -> Path:
        return self.folder / "stage"

    @property
    def thumbnails(self) -> Path:
        return self.folder / "thumbnails.zip"

    @cached_property
    def manifest(self) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads((self.stage / MANIFEST).read_text())
        return manifest

    @property
    def version(self) -> str:
        return str(self.manifest["model_version"])

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        """The pictures that could not be read, each with the reason."""
        return tuple((each["path"], each["reason"]) for each in self.manifest["catalogue"]["skipped"])

    def items_of(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those of the catalogue's pictures that became items."""
        skipped = {path for path, _ in self.skipped}
        return [entry for entry in entries if entry.path not in skipped]


def build_with_thumbnails(
    folder: Path, entries: Sequence[Entry], encoder: EncoderChoice, wheels: Wheels | None, progress: Progress
) -> Built:
    """Build an artifact's files, and the thumbnails that lie beside it in S3."""
    built = Built(folder)
    build(entries, encoder, built.stage, progress, wheels)
    write_thumbnails(built.items_of(entries), built.thumbnails)
    return built


def build(
    entries: Sequence[Entry],
    encoder: EncoderChoice,
    stage: Path,
    progress: Progress,
    wheels: Wheels | None = None,
) -> None:
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
    (stage / MANIFEST).write_text(json.dumps(_manifest(stage, spec, embedded, search), indent=1) + "\n")


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
        "model_version": version_of(hashes, skipped),
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


def version_of(hashes: Mapping[str, str], skipped: Sequence[Mapping[str, str]]) -> str:
    """12 hex digits over the files and the skipped pictures: else a manifest that lists others would be reused."""
    if skipped:
        hashes = {**hashes, "skipped": hashlib.sha256(json.dumps(skipped).encode()).hexdigest()}
    return content_hash(hashes)[:12]
