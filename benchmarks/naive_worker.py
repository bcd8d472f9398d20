"""The naive worker: open_clip from a checkpoint file, k-means by scikit-learn, and a scan of the catalogue in Python.

`python -m benchmarks.naive_worker CHECKPOINT PICTURES CATALOGUE`. It counts as ready once the model is loaded: to its
advantage, scikit-learn and the catalogue, which only its answers need, are loaded later.
"""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.naive_scan import RGB, NaiveCatalogue, read_catalogue
from benchmarks.serving_loop import moment, read_pictures, serve

MODEL = "ViT-B-32"
TOP = 10
COLOURS, THUMBNAIL = 3, (64, 64)


@dataclass
class NaiveWorker:
    """A worker that answers pictures one after another, as a worker of a model server does."""

    model: Any
    transform: Any
    catalogue_folder: Path

    @classmethod
    def load(cls, checkpoint: str, catalogue_folder: str) -> NaiveWorker:
        """Load the model, not yet the catalogue."""
        model, _, transform = open_clip.create_model_and_transforms(MODEL, pretrained=checkpoint)
        return cls(model.eval(), transform, Path(catalogue_folder))

    @cached_property
    def catalogue(self) -> NaiveCatalogue:
        return read_catalogue(self.catalogue_folder)

    def embed(self, picture: Image.Image) -> NDArray[np.float32]:
        """The picture's unit embedding."""
        with torch.inference_mode():
            raw: NDArray[np.float32] = self.model.encode_image(self.transform(picture)[None])[0].numpy()
        return raw / np.float32(np.linalg.norm(raw))

    def by_scan(self, body: bytes) -> str:
        """The whole answer, in the naive way."""
        picture = Image.open(io.BytesIO(body)).convert("RGB")
        embedding, colour = self.embed(picture), dominant_colour(picture)
        return json.dumps(self.catalogue.scan(embedding, colour, "unisex"))

    def by_product(self, body: bytes) -> str:
        """An answer without rules: the nearest items by one product of matrices, the least that anyone would do."""
        picture = Image.open(io.BytesIO(body)).convert("RGB")
        embedding, colour = self.embed(picture), dominant_colour(picture)
        similarity = self.catalogue.embeddings @ embedding
        nearest = np.argsort(-similarity)[:TOP]
        return json.dumps([colour, [self.catalogue.items[row]["id"] for row in nearest.tolist()]])


def dominant_colour(picture: Image.Image) -> RGB:
    """The centre of the largest of three clusters."""
    from sklearn.cluster import KMeans

    pixels = np.asarray(picture.resize(THUMBNAIL), dtype=np.float32).reshape(-1, 3)
    found = KMeans(COLOURS, random_state=0).fit(pixels)
    centre = found.cluster_centers_[np.bincount(found.labels_).argmax()]
    red, green, blue = (int(value) for value in centre)
    return red, green, blue


def main(checkpoint: str, folder: str, catalogue_folder: str) -> None:
    worker = NaiveWorker.load(checkpoint, catalogue_folder)
    ready = moment()
    pictures = read_pictures(folder)
    worker.embed(Image.open(io.BytesIO(pictures[0])).convert("RGB"))
    serve(ready, {"scan": worker.by_scan, "product": worker.by_product}, pictures, threads=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
