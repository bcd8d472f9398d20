"""The inputs of both sides: one checkpoint of random weights, the artifacts made of it, a catalogue, pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from recommender.attributes import CATEGORIES, GENDERS, group_of
from recommender.catalogue.items import Item
from recommender.colours.cielab import lab_of_rgb
from recommender.schema import Colour
from tasks.demo.garments import draw_catalogue, garments
from tasks.encoder.choice import EncoderChoice
from tasks.encoder.options import Precision
from tasks.packaging.archive import write_tar_gz
from tasks.packaging.building import build
from tasks.packaging.catalogue import scan_catalogue
from tasks.packaging.catalogue_files import write_catalogue
from tasks.packaging.wheels import Wheels

ITEMS = 13_000
DRAWN = 26
SHARED, SPREAD = 8.0, 0.5  # embeddings of a CLIP share a direction, lie in clusters, and fill few dimensions
CLUSTERS, DIMENSIONS = 1000, 64
PICTURES, PICTURE_SIZE, QUALITY = 8, (612, 816), 90  # half a megapixel
PYTHON = "py312"


@dataclass(frozen=True)
class Artifact:
    """An artifact, unpacked and packed, and the archive's bytes for its model alone and with ONNX Runtime."""

    folder: Path
    archive: Path
    model_bytes: int
    model_and_runtime_bytes: int


def write_checkpoint(folder: Path) -> Path:
    """Write the checkpoint that both sides use."""
    from benchmarks.random_clip import write_random_clip  # torch, which takes seconds

    return write_random_clip(folder)


def write_artifact(checkpoint: Path, precision: Precision, folder: Path, progress: Callable[[str], None]) -> Artifact:
    """Package the checkpoint as the flow does, then replace its small catalogue by one of ITEMS."""
    stage = folder / "model"
    draw_catalogue(folder / "drawn", items=DRAWN)
    entries = scan_catalogue(folder / "drawn")
    build(entries, EncoderChoice(f"ViT-B-32:{checkpoint}", precision=precision), stage, progress)
    model_bytes = _archived(stage, folder / "alone.tar.gz")
    Wheels.fetched(PYTHON).ship(stage / "code")
    with_runtime = _archived(stage, folder / "alone.tar.gz")
    shutil.rmtree(stage / "code" / "vendor")
    _enlarge(stage, progress)
    archive = folder / "model.tar.gz"
    write_tar_gz(stage, archive)
    return Artifact(stage, archive, model_bytes, with_runtime)


def _archived(stage: Path, scratch: Path) -> int:
    """The bytes of the archive without the large catalogue, whose embeddings take the same in any packaging."""
    write_tar_gz(stage, scratch)
    size = scratch.stat().st_size
    scratch.unlink()
    return size


def _enlarge(stage: Path, progress: Callable[[str], None]) -> None:
    manifest = json.loads((stage / "manifest.json").read_text())
    write_catalogue(stage / "catalogue", random_items(ITEMS), random_embeddings(ITEMS), progress)
    manifest["catalogue"]["items"] = ITEMS
    (stage / "manifest.json").write_text(json.dumps(manifest))


def random_items(count: int) -> list[Item]:
    """Items of all categories and genders in turn, of random colours."""
    colours = np.random.default_rng(1).integers(0, 256, (count, 3, 3)).tolist()
    items = []
    for number, rows in enumerate(colours):
        category = CATEGORIES[number % len(CATEGORIES)]
        gender = GENDERS[number // len(CATEGORIES) % len(GENDERS)]
        path = f"{category.replace('_', '/')}/{category}_{number:05d}.jpg"
        palette = tuple(_colour(rgb, share) for rgb, share in zip(rows, (0.6, 0.3, 0.1), strict=True))
        items.append(Item(path, path, group_of(category), category, gender, palette))
    return items


def _colour(rgb: list[int], share: float) -> Colour:
    red, green, blue = rgb
    lightness, a, b = (round(float(value), 2) for value in lab_of_rgb((red, green, blue)))
    return Colour((red, green, blue), (lightness, a, b), share, "red")


def random_embeddings(count: int, dimension: int = 512) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Unit rows distributed like the embeddings of a CLIP."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(CLUSTERS, DIMENSIONS))[random.integers(0, CLUSTERS, count)]
    inner = (centres + SPREAD * random.normal(size=centres.shape)) @ random.normal(size=(DIMENSIONS, dimension))
    rows = inner + SHARED * random.normal(size=dimension) + SPREAD * random.normal(size=inner.shape)
    unit: np.ndarray[tuple[int, int], np.dtype[np.float32]] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float32)


def write_pictures(folder: Path) -> None:
    """Write drawn garments with the grain of a photograph, half a megapixel each."""
    folder.mkdir()
    random = np.random.default_rng(2)
    for number, garment in enumerate(garments(PICTURES, seed=5)):
        smooth = np.asarray(garment.picture.resize(PICTURE_SIZE, Image.Resampling.BICUBIC), dtype=np.int16)
        grain = random.normal(scale=4, size=smooth.shape).astype(np.int16)
        picture = Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))
        picture.save(folder / f"{number}.jpg", quality=QUALITY)
