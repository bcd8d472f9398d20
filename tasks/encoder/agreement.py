"""The agreement of a packaged image tower with open_clip's: its measurement, and the least that is required."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from recommender.encoding.encoder import SMALLEST_NORM, Agreement, EngineEncoder
from recommender.errors import EncoderError
from recommender.pictures.image import preprocess
from tasks.demo.garments import garments
from tasks.encoder.options import Precision
from tasks.errors import ArtifactError

Rows = NDArray[np.float32]
DRAWN, NOISE, SEED = 56, 8, 2024
NEIGHBOURS = 10
BATCH = 8
DIGITS = 7


@dataclass(frozen=True)
class Required:
    """The least agreement that a precision must reach, and advice for where it doesn't."""

    min_cosine: float
    top10_overlap: float
    instead: str


REQUIRED: dict[Precision, Required] = {
    "fp32": Required(0.99999, 0.995, "the graph computes something else: please report the model's name"),
    "fp16": Required(0.99999, 0.995, "package it with precision fp32"),
    "int8": Required(0.999, 0.97, "package it with precision fp16 or fp32"),
}


def checked_agreement(model: Any, transform: Any, encoder: EngineEncoder, precision: Precision) -> Agreement:
    """The encoder's agreement with open_clip's model and transform; raise ArtifactError where it isn't enough."""
    try:
        measured = _measure(model, transform, encoder)
    except EncoderError as exc:  # weights beyond float16's range, say
        raise ArtifactError(_refusal(encoder.spec.name, precision, str(exc))) from exc
    required = REQUIRED[precision]
    if measured.min_cosine < required.min_cosine or measured.top10_overlap < required.top10_overlap:
        found = f"the lowest cosine is {measured.min_cosine:.6f} and {measured.top10_overlap:.1%} of the nearest ten"
        raise ArtifactError(_refusal(encoder.spec.name, precision, f"{found} are the same."))
    return measured


def _refusal(name: str, precision: Precision, found: str) -> str:
    required = REQUIRED[precision]
    needed = f"cosine {required.min_cosine} and {required.top10_overlap:.1%}"
    return (
        f"The image tower of {name} stored as {precision} does not agree with open_clip on {DRAWN + NOISE} pictures: "
        f"{found} Needed are {needed}; {required.instead}."
    )


def _measure(model: Any, transform: Any, encoder: EngineEncoder) -> Agreement:
    pictures = fixed_pictures()
    batches = [pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH)]
    with torch.inference_mode():
        expected = np.concatenate(
            [model.encode_image(torch.stack([transform(picture) for picture in batch])).numpy() for batch in batches]
        )
    norms = np.linalg.norm(expected, axis=1, keepdims=True)
    if not (norms > SMALLEST_NORM).all():  # False for NaN, too
        raise ArtifactError(
            f"open_clip's own embeddings of {encoder.spec.name} have norms down to {norms.min()}: its weights, or how "
            "its config normalises pictures, can't be right."
        )
    expected /= norms
    found = np.concatenate(
        [encoder.encode(np.stack([preprocess(picture, encoder.spec) for picture in batch])) for batch in batches]
    )
    return Agreement(
        min_cosine=round(float((found * expected).sum(axis=1, dtype=np.float64).min()), DIGITS),
        top10_overlap=round(overlap(found, expected, expected[:DRAWN]), DIGITS),
        pictures=len(pictures),
    )


def overlap(found: Rows, expected: Rows, gallery: Rows) -> float:
    """The share of each picture's ten nearest in the gallery, itself left out, that both encoders find."""
    nearest = [_nearest(rows, gallery) for rows in (found, expected)]
    return float(np.mean([len(set(ours) & set(theirs)) / NEIGHBOURS for ours, theirs in zip(*nearest, strict=True)]))


def _nearest(rows: Rows, gallery: Rows) -> NDArray[np.intp]:
    similarity = rows @ gallery.T
    np.fill_diagonal(similarity, -np.inf)  # the first rows are the gallery's own pictures
    return np.argsort(-similarity, axis=1)[:, :NEIGHBOURS]


@cache
def fixed_pictures() -> tuple[Image.Image, ...]:
    """The pictures to measure on, always the same: drawn garments first, then noise."""
    noise = np.random.default_rng(SEED).integers(0, 256, (NOISE, 260, 200, 3), dtype=np.uint8)
    return (*(garment.picture for garment in garments(DRAWN, SEED)), *map(Image.fromarray, noise))
