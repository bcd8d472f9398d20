"""The export of the fitted towers as ONNX: small weights on disk, float32 arithmetic at run time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tasks.encoder.onnx_tower import Initializers, Nodes, Tower, float16_weights, shrink, traced
from tools.demo_encoder.towers import CONTEXT_LENGTH, IMAGE_SIZE, Floats

_MEDIUM = 60_000  # weights with fewer values become float16: the first layers are small, and int8 hurts them most


class ExportError(RuntimeError):
    """The written ONNX model does not compute what torch computes."""


def export_image_tower(model: torch.nn.Module, path: Path) -> None:
    """Write the image tower with int8 weights: "image" [N, 3, S, S] in, "embedding" [N, D] out."""
    example = torch.zeros(2, 3, IMAGE_SIZE, IMAGE_SIZE)  # two, since torch.export takes a batch of one for a constant
    _export(Tower(model, model.encode_image), example, ("image", "embedding"), path, int8_weights)


def export_text_tower(model: torch.nn.Module, path: Path) -> None:
    """Write the text tower with float16 weights: "tokens" int64 [N, context] in, "text_embedding" [N, D] out."""
    example = torch.zeros(2, CONTEXT_LENGTH, dtype=torch.int64)
    _export(Tower(model, model.encode_text), example, ("tokens", "text_embedding"), path, float16_weights)


def frozen_trunk(model: torch.nn.Module) -> Callable[[Floats], Floats]:
    """Return the trunk, unrounded, as a function on onnxruntime: five times as fast as torch on one thread."""
    example = torch.zeros(2, 3, IMAGE_SIZE, IMAGE_SIZE)
    session = _session(traced(Tower(model.visual.trunk, model.visual.trunk), example, ("image", "features")))

    def features(batch: Floats) -> Floats:
        rows: Floats = session.run(["features"], {"image": batch})[0]
        return rows

    return features


def check_same(path: Path, given: NDArray[np.generic], expected: Floats, *, least_cosine: float = 0.999) -> float:
    """Return the lowest cosine between the ONNX model's rows and torch's; raise ExportError if it is too low."""
    session = _session(onnx.load(path))
    found = session.run(None, {session.get_inputs()[0].name: given})[0]
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    lowest = float(((found * expected).sum(axis=1) / lengths).min())
    if lowest < least_cosine:
        raise ExportError(
            f"{path.name} agrees with torch to cosine {lowest:.5f} at worst, {least_cosine} was asked for"
        )
    return lowest


def int8_weights(tensor: onnx.TensorProto) -> tuple[Initializers, Nodes]:
    """Return a large weight as int8 with a scale per output channel, and the nodes that make it float32 again."""
    if np.prod(tensor.dims) < _MEDIUM:
        return float16_weights(tensor)
    values = numpy_helper.to_array(tensor)
    scales = _best_scales(values)
    steps = np.clip(np.round(values / scales), -127, 127).astype(np.int8)
    small, scale = f"{tensor.name}.int8", f"{tensor.name}.scale"
    nodes = [
        helper.make_node("Cast", [small], [f"{tensor.name}.steps"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{tensor.name}.steps", scale], [tensor.name]),
    ]
    return [numpy_helper.from_array(steps, small), numpy_helper.from_array(scales, scale)], nodes


def _best_scales(values: Floats) -> Floats:
    """Return a scale per output channel that clips the largest values a little where the rest is rounded better."""
    axes = tuple(range(1, values.ndim))
    full = np.maximum(np.abs(values).max(axis=axes, keepdims=True), 1e-12).astype(np.float32) / 127
    best: Floats = full
    least = np.full_like(full, np.inf)
    for share in np.linspace(0.7, 1.0, 16, dtype=np.float32):
        scales = full * share
        rounded = np.clip(np.round(values / scales), -127, 127) * scales
        error = ((rounded - values) ** 2).sum(axis=axes, keepdims=True)
        best = np.where(error < least, scales, best)
        least = np.minimum(error, least)
    return best


def _export(
    tower: Tower,
    example: torch.Tensor,
    names: tuple[str, str],
    path: Path,
    smaller: Callable[[onnx.TensorProto], tuple[Initializers, Nodes]],
) -> None:
    model = traced(tower, example, names)
    shrink(model, smaller)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
