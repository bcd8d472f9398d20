"""The inputs of packaging, and the hash by which an artifact made from the same ones is found again."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import recommender
from tasks.encoder.choice import EncoderChoice, fingerprint_files
from tasks.packaging.catalogue import Entry
from tasks.packaging.wheels import Wheels
from tasks.pictures.files import read_bytes

SCHEMA_VERSION = 1
HANDLER = Path(recommender.__file__).parent.parent
LIBRARIES = {"onnxruntime": ["onnxruntime"], "torch": ["torch", "open_clip_torch"]}


@dataclass(frozen=True)
class PackagingInputs:
    """The inputs of packaging: a folder or an `s3://` prefix, optional files beside it, and the encoder."""

    catalogue: str
    encoder: EncoderChoice = field(default_factory=EncoderChoice)
    metadata: str = ""
    categories: str = ""


def inputs_digest(entries: Sequence[Entry], encoder: EncoderChoice, wheels: Wheels | None = None) -> str:
    """The hash of all that the artifact depends on: pictures, their metadata, encoder, handler, libraries."""
    counts = encoder.that_counts
    how = {"encoder": counts.name, "precision": counts.precision, "engine": counts.engine}
    said = {"schema": SCHEMA_VERSION, **how, "tools": tools(counts.engine)}
    digest = hashlib.sha256(json.dumps(said).encode())
    for entry in entries:
        digest.update(f"{entry.path}\0{entry.category}\0{entry.gender}\0".encode())
        digest.update(hashlib.sha256(read_bytes(entry.file)).digest())
    for path in (*fingerprint_files(encoder.name), *handler_files()):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    digest.update(wheels.digest().encode() if wheels else b"")
    return digest.hexdigest()


def tools(engine: str) -> dict[str, str]:
    """The installed versions of the libraries that the handler computes with."""
    return {name: version(name) for name in ("numpy", "pillow", *LIBRARIES[engine])}


def handler_files() -> list[Path]:
    """The files shipped as code/: inference.py and the recommender package."""
    return [HANDLER / "inference.py", *sorted((HANDLER / "recommender").rglob("*.py"))]


def shipped_as(path: Path) -> Path:
    """The handler file's path below code/."""
    return path.relative_to(HANDLER)
