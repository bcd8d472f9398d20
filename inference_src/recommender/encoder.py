"""From preprocessed pictures to unit embeddings, with ONNX Runtime or, for open_clip folders, with torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.errors import ArtifactError, EncoderError, SchemaError
from recommender.fields import Fields

ENGINES = ("onnxruntime", "torch")
SMALLEST_NORM = 1e-6


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """What encoder.json says: the engine, its input, its output, and where the weights come from."""

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

    @classmethod
    def from_dict(cls, payload: object) -> EncoderSpec:
        """The spec in a decoded encoder.json, or ArtifactError that names the field."""
        try:
            return cls._from_fields(Fields.of(payload, "encoder.json"))
        except SchemaError as error:
            raise ArtifactError(str(error)) from error

    @classmethod
    def _from_fields(cls, fields: Fields) -> EncoderSpec:
        fields.at_least(*cls.__slots__)  # the folder may say more: a text tower, what was measured
        return cls(
            name=fields.text("name"),
            engine=fields.one_of("engine", ENGINES),
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
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of encoder.json."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


class Engine(Protocol):
    """Runs the image tower: [N, 3, S, S] in, [N, dimension] out, of any length."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]: ...


class Encoder(Protocol):
    """What the recommender and packaging need of an encoder."""

    @property
    def spec(self) -> EncoderSpec: ...

    def encode(self, batch: NDArray[np.float32]) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class EngineEncoder:
    """An encoder which checks and normalises what its engine computes; safe to share between threads."""

    spec: EncoderSpec
    engine: Engine

    def encode(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit embeddings [N, dimension] of preprocessed pictures [N, 3, S, S]; EncoderError rather than nonsense."""
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


def load_encoder(folder: Path, threads: int = 1) -> EngineEncoder:
    """The encoder in `folder`, its graph optimised and its weights mapped, using `threads` threads per call."""
    path = folder / "encoder.json"
    if not path.is_file():
        raise ArtifactError(f"No encoder.json in {folder}; the folder must hold an encoder's files.")
    try:
        spec = EncoderSpec.from_dict(json.loads(path.read_text("utf-8")))
    except ValueError as error:
        raise ArtifactError(f"{path} isn't JSON: {error}") from error
    engine = _onnx_engine(folder, threads) if spec.engine == "onnxruntime" else _torch_engine(folder, threads)
    return EngineEncoder(spec, engine)


def _onnx_engine(folder: Path, threads: int) -> Engine:
    import onnxruntime

    graph = folder / "image.onnx"
    if not graph.is_file():
        raise ArtifactError(f"No image.onnx in {folder}; encoder.json asks for engine onnxruntime.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base of their own
        raise ArtifactError(f"ONNX Runtime can't open {graph}: {error}") from error

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        embedding: NDArray[np.float32] = session.run(["embedding"], {"image": batch})[0]
        return embedding

    return run


def _torch_engine(folder: Path, threads: int) -> Engine:
    import open_clip
    import torch

    for name in ("open_clip_config.json", "open_clip_model.safetensors"):
        if not (folder / name).is_file():
            raise ArtifactError(f"No {name} in {folder}; encoder.json asks for engine torch.")
    torch.set_num_threads(threads)
    model = open_clip.create_model(f"local-dir:{folder}", device="cpu", precision="fp32").eval()

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():  # torch's grad mode belongs to the thread
            embedding: NDArray[np.float32] = model.encode_image(torch.from_numpy(batch)).numpy()
            return embedding

    return run
