"""Encoding of preprocessed pictures as unit embeddings: encoder.json, and the checks of an engine's output."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.encoding.engines import ONE_THREAD, Engine, Hardware, open_onnx, open_torch
from recommender.errors import ArtifactError, EncoderError, SchemaError
from recommender.fields import Fields
from recommender.stopwatch import Stopwatch

ENGINES = {"onnxruntime": open_onnx, "torch": open_torch}
SMALLEST_NORM = 1e-6


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of the embeddings with open_clip's on a fixed set of pictures, measured at packaging."""

    min_cosine: float
    top10_overlap: float
    pictures: int


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """The contents of encoder.json: the engine, its input, its output, and the source of the weights."""

    name: str
    engine: str
    dimension: int
    image_size: int
    resize_mode: str
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    logit_scale: float
    precision: str
    source: str
    licence: str
    agreement: Agreement | None = None

    @classmethod
    def from_dict(cls, payload: object) -> EncoderSpec:
        """The spec in a decoded encoder.json; ArtifactError names a wrong field."""
        try:
            return cls._from_fields(Fields.of(payload, "encoder.json"))
        except SchemaError as error:
            raise ArtifactError(str(error)) from error

    @classmethod
    def _from_fields(cls, fields: Fields) -> EncoderSpec:
        needed = [name for name in cls.__slots__ if name != "agreement"]
        fields.at_least(*needed)  # encoder.json may have more: a text tower, measurements
        return cls(
            name=fields.text("name"),
            engine=fields.one_of("engine", tuple(ENGINES)),
            dimension=fields.whole("dimension", at_least=1),
            image_size=fields.whole("image_size", at_least=1),
            resize_mode=fields.one_of("resize_mode", ("shortest", "squash")),
            interpolation=fields.one_of("interpolation", ("bicubic", "bilinear")),
            mean=fields.triple("mean"),
            std=fields.triple("std", above=0.0),
            logit_scale=fields.number("logit_scale", at_least=0.0),
            precision=fields.text("precision"),
            source=fields.text("source"),
            licence=fields.text("licence"),
            agreement=_agreement(fields.nested("agreement")) if "agreement" in fields else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of encoder.json."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}


def _agreement(fields: Fields) -> Agreement:
    return Agreement(fields.number("min_cosine"), fields.unit("top10_overlap"), fields.whole("pictures", at_least=1))


class Encoder(Protocol):
    """The part of an encoder that the recommender and packaging use."""

    @property
    def spec(self) -> EncoderSpec: ...

    @property
    def device(self) -> str: ...

    @property
    def threads(self) -> int: ...

    def encode(self, batch: NDArray[np.float32]) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class EngineEncoder:
    """An encoder that checks and normalises its engine's output; safe to share between threads."""

    spec: EncoderSpec
    engine: Engine
    device: str = "cpu"
    threads: int = 1

    def encode(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit embeddings [N, dimension] of preprocessed pictures [N, 3, S, S]; EncoderError if they aren't usable."""
        self._check_input(batch)
        try:
            raw = np.asarray(self.engine(batch), dtype=np.float32)
        except Exception as error:
            raise EncoderError(f"Encoder {self.spec.name} failed on a batch of {len(batch)}: {error}") from error
        if raw.shape != (len(batch), self.spec.dimension):
            message = f"Encoder {self.spec.name} gave shape {raw.shape} for {len(batch)} pictures"
            raise EncoderError(f"{message}; encoder.json says dimension {self.spec.dimension}.")
        return _unit_rows(raw, self.spec.name)

    def _check_input(self, batch: NDArray[np.float32]) -> None:
        size = self.spec.image_size
        if batch.ndim != 4 or batch.shape[1:] != (3, size, size) or batch.dtype != np.float32:
            wanted = f"float32 [N, 3, {size}, {size}]"
            raise EncoderError(f"Encoder {self.spec.name} takes {wanted}; found {batch.dtype} {batch.shape}.")


def _unit_rows(raw: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    norms = np.linalg.norm(raw.astype(np.float64), axis=1, keepdims=True)
    usable = np.isfinite(norms[:, 0]) & (norms[:, 0] > SMALLEST_NORM)
    if not usable.all():
        bad = int(np.flatnonzero(~usable)[0])
        raise EncoderError(f"Encoder {name} gave an embedding of norm {norms[bad, 0]} for picture {bad} of the batch.")
    return np.asarray(raw / norms, dtype=np.float32)


def load_encoder(folder: Path, hardware: Hardware = ONE_THREAD, watch: Stopwatch | None = None) -> EngineEncoder:
    """Load the encoder in `folder` with the engine that its encoder.json names."""
    path = folder / "encoder.json"
    if not path.is_file():
        raise ArtifactError(f"No encoder.json in {folder}; the folder must hold an encoder's files.")
    try:
        spec = EncoderSpec.from_dict(json.loads(path.read_text("utf-8")))
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} isn't JSON: {error}") from error
    return EngineEncoder(spec, *ENGINES[spec.engine](folder, spec.image_size, hardware, watch or Stopwatch()))
