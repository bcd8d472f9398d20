"""The pictures that the demo encoder is fitted on: drawn garments, CC0 photographs, Fashion-MNIST."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from tasks.demo.garments import garments
from tools.demo_encoder.captions import PHOTOGRAPH_LABELS, Facts

FASHION_MNIST_LABELS = (
    "upperwear_tshirt",
    "bottomwear_pants",
    "pullover",
    "one-piece_dress",
    "upperwear_jacket",
    "sandals",
    "upperwear_shirt",
    "footwear_sneakers",
    "accessories_bag",
    "boots",
)
_DRAWING_SEED = 300_000  # far from the seeds of the catalogue and of the query pictures


class TrainingSetError(ValueError):
    """A folder of training pictures is not as it should be."""


@dataclass(frozen=True)
class Example:
    """One picture to learn from; `source` is drawn, photograph or fashion_mnist."""

    source: str
    facts: Facts
    picture: Image.Image


def drawn(count: int) -> Iterator[Example]:
    """Yield drawn garments, their cloth and cut known."""
    for garment in garments(count, _DRAWING_SEED):
        facts = Facts(garment.kind.category, garment.colour, garment.pattern, garment.gender)
        yield Example("drawn", facts, garment.picture)


def photographs(folder: Path, *, views: int, seed: int) -> Iterator[Example]:
    """Yield `views` pictures of every photograph in <folder>/<label>/: itself, flipped, then cropped and relit."""
    for path, facts in photograph_files(folder):
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        rng = Random(f"{seed}/{path.name}")  # noqa: S311 - augmentation, no secret
        for view in range(views):
            yield Example("photograph", facts, picture if view == 0 else _another_view(picture, view, rng))


def photograph_files(folder: Path) -> list[tuple[Path, Facts]]:
    """Return the photographs of the ten labels, in a fixed order."""
    missing = [label for label in PHOTOGRAPH_LABELS if not (folder / label).is_dir()]
    if missing:
        raise TrainingSetError(f"{folder} has no folder {', '.join(missing)}: name the folder that holds one per label")
    return [
        (path, Facts(category))
        for label, category in PHOTOGRAPH_LABELS.items()
        for path in sorted((folder / label).glob("*.jpg"))
    ]


def fashion_mnist(folder: Path, *, per_label: int) -> Iterator[Example]:
    """Yield Fashion-MNIST's first pictures of every label, dark on white like product pictures."""
    images, labels = _idx(folder / "train-images-idx3-ubyte.gz", 16), _idx(folder / "train-labels-idx1-ubyte.gz", 8)
    grey = images.reshape(-1, 28, 28)
    for label, category in enumerate(FASHION_MNIST_LABELS):
        for index in np.flatnonzero(labels == label)[:per_label]:
            picture = ImageOps.invert(Image.fromarray(grey[index])).resize((160, 160), Image.Resampling.BICUBIC)
            yield Example("fashion_mnist", Facts(category), picture.convert("RGB"))


def _idx(path: Path, header_bytes: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    if not path.exists():
        raise TrainingSetError(
            f"{path} is missing: install Debian's dataset-fashion-mnist or leave --fashion-mnist out"
        )
    return np.frombuffer(gzip.decompress(path.read_bytes())[header_bytes:], dtype=np.uint8)


def _another_view(picture: Image.Image, view: int, rng: Random) -> Image.Image:
    if view % 2:
        picture = ImageOps.mirror(picture)
    if view < 2:
        return picture
    width, height = picture.size
    side = min(width, height) * rng.uniform(0.75, 1.0)
    left, top = rng.uniform(0, width - side), rng.uniform(0.25, 0.75) * (height - side)
    picture = picture.rotate(rng.uniform(-12, 12), Image.Resampling.BILINEAR)
    picture = picture.crop((round(left), round(top), round(left + side), round(top + side)))
    picture = ImageEnhance.Brightness(picture).enhance(rng.uniform(0.75, 1.25))
    return ImageEnhance.Color(picture).enhance(rng.uniform(0.6, 1.3))
