"""The recommender: an unpacked artifact that answers requests. Safe to share between threads."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from recommender.catalogue.catalogue import Catalogue, open_catalogue
from recommender.colours.dominant import dominant_colours
from recommender.encoding.encoder import Encoder, load_encoder
from recommender.encoding.engines import ONE_THREAD, Hardware
from recommender.errors import ArtifactError, SchemaError
from recommender.fields import Fields
from recommender.pictures.image import decode_for, preprocess
from recommender.ranking import find_candidates, rank
from recommender.reading import Reading, read_garment
from recommender.schema import Colour, Query, Request, Response, Timings
from recommender.stopwatch import OTHER, Stopwatch

MANIFEST_VERSION = 1
EMBEDDING_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Recommender:
    """An encoder and a catalogue that answer a request about a picture with the items that complete the outfit."""

    model_version: str
    encoder: Encoder
    catalogue: Catalogue

    @classmethod
    def load(cls, model_dir: Path, hardware: Hardware = ONE_THREAD, watch: Stopwatch | None = None) -> Recommender:
        """Load the recommender from an unpacked artifact, perhaps read-only; ArtifactError if its parts disagree."""
        watch = watch or Stopwatch()
        manifest = _read_manifest(model_dir / "manifest.json")
        watch.note(OTHER)
        encoder = load_encoder(model_dir / "encoder", hardware, watch)
        catalogue = open_catalogue(model_dir / "catalogue", encoder.spec.dimension)
        watch.note("catalogue")
        declared = manifest.nested("catalogue").whole("items", at_least=1)
        if declared != len(catalogue.items):
            found = f"manifest.json declares {declared} items, the catalogue has {len(catalogue.items)}"
            raise ArtifactError(f"{model_dir}: {found}; package the artifact again.")
        return cls(manifest.text("model_version"), encoder, catalogue)

    def answer(self, request: Request, picture: bytes | None = None) -> Response:
        """Answer a request about its own image, or about `picture` if the request names an S3 object."""
        body = request.image if picture is None else picture
        if body is None:
            raise ValueError(f"Request for {request.image_s3_uri} came without its picture; fetch it first.")
        watch = Stopwatch()
        spec = self.encoder.spec
        image = decode_for(spec, body)
        decode_ms = watch.lap_ms()
        embedding = self.encoder.encode(preprocess(image, spec)[None])[0]
        encode_ms = watch.lap_ms()
        around = self.catalogue.search.around(embedding)
        reading = read_garment(request, self.catalogue, embedding, around, spec.logit_scale)
        candidates = find_candidates(self.catalogue, reading, around)
        search_ms = watch.lap_ms()
        colours = dominant_colours(image)
        ranked = rank(self.catalogue, reading, colours, candidates, request.top_k, request.min_score)
        return Response(
            model_version=self.model_version,
            query=_query(reading, colours, embedding if request.include_embedding else None),
            recommendations=ranked,
            timings_ms=Timings(decode_ms, encode_ms, search_ms, watch.lap_ms()),
            catalogue_items=len(self.catalogue.items),
        )

    def warm_up(self) -> Response:
        """Answer a made-up request, which runs all the code that the first request would otherwise wait for."""
        return self.answer(Request(image=_test_card()))


def _query(reading: Reading, colours: tuple[Colour, ...], embedding: np.ndarray[Any, Any] | None) -> Query:
    rounded = None if embedding is None else tuple(round(float(value), EMBEDDING_DIGITS) for value in embedding)
    return Query(
        category=reading.category,
        category_confidence=reading.category_confidence,
        gender=reading.gender,
        gender_confidence=reading.gender_confidence,
        dominant_colours=colours,
        embedding=rounded,
    )


def _read_manifest(path: Path) -> Fields:
    if not path.is_file():
        raise ArtifactError(f"No manifest.json in {path.parent}; is it an unpacked model artifact?")
    try:
        manifest = Fields.of(json.loads(path.read_text("utf-8")), "manifest.json")
        version = manifest.whole("schema_version", at_least=1)
        manifest.text("model_version")
        manifest.nested("catalogue").whole("items", at_least=1)
    except (ValueError, SchemaError, RecursionError) as error:
        raise ArtifactError(f"{path}: {error}") from error
    if version != MANIFEST_VERSION:
        raise ArtifactError(f"{path} has schema_version {version}; this code reads {MANIFEST_VERSION}: package again.")
    return manifest


def _test_card() -> bytes:
    """A red square in front of a gradient, as a JPEG."""
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    pixels = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], np.uint8(200)), axis=-1).copy()
    pixels[16:48, 16:48] = (200, 30, 30)
    body = io.BytesIO()
    Image.fromarray(pixels).save(body, "JPEG")
    return body.getvalue()
