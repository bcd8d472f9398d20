"""The export of an open_clip model to the encoder folder: the image tower, the attributes' text embeddings.

Needs torch and open_clip (`make setup-clip`). Serving needs both with engine torch, and neither with ONNX Runtime.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import open_clip
import torch
from numpy.typing import NDArray

from recommender.attributes import CATEGORIES, GENDERS
from recommender.encoding.encoder import SMALLEST_NORM, EncoderSpec, load_encoder
from recommender.encoding.engines import Hardware
from recommender.errors import RecommenderError
from tasks.encoder.agreement import checked_agreement
from tasks.encoder.onnx_tower import Tower, store, traced
from tasks.encoder.open_clip_model import ClipModel, load_clip
from tasks.encoder.options import EngineName, Precision
from tasks.encoder.prompts import category_prompts, gender_prompts
from tasks.encoder.torch_tower import store_tower
from tasks.encoder.vit_graph import is_plain_vit, vit_graph
from tasks.errors import InputError

THREADS = 2


def export_clip(wanted: str, folder: Path, precision: Precision, engine: EngineName) -> None:
    """Write the encoder folder of a model named as for `load_clip`."""
    torch.set_num_threads(THREADS)  # sums depend on it a little; so the files are the same whatever ran here before
    clip = load_clip(wanted)
    size = _size(clip)
    spec = _checked_spec(clip, size, precision, engine)
    _write_attributes(clip, folder)
    if engine == "torch":
        store_tower(clip, precision, folder)
    else:
        store(_image_tower(clip.model, size), precision, folder)
    _write_spec(spec, folder)
    agreement = checked_agreement(clip.model, clip.transform, load_encoder(folder, Hardware(THREADS)), precision)
    _write_spec(replace(spec, agreement=agreement), folder)


def _write_spec(spec: EncoderSpec, folder: Path) -> None:
    (folder / "encoder.json").write_text(json.dumps(spec.to_dict(), indent=2) + "\n")


def _size(clip: ClipModel) -> int:
    size = clip.model.visual.image_size
    height, width = size if isinstance(size, tuple | list) else (size, size)
    if height != width:
        raise InputError(f"{clip.name} takes pictures of {width} × {height} pixels; only square ones are supported.")
    return int(height)


def _checked_spec(clip: ClipModel, size: int, precision: Precision, engine: EngineName) -> EncoderSpec:
    """The specification that the container gets; raise InputError if the container would refuse it."""
    try:
        spec = EncoderSpec.from_dict(_spec(clip, size, precision, engine).to_dict())
    except (RecommenderError, TypeError, ValueError, RuntimeError) as exc:
        raise InputError(f"{clip.name} can't be used as its config and weights say: {exc}") from exc
    if spec.logit_scale <= 0:
        raise InputError(f"{clip.name} has a logit_scale of {spec.logit_scale}, with which all prompts are alike.")
    return spec


def _spec(clip: ClipModel, size: int, precision: Precision, engine: EngineName) -> EncoderSpec:
    model = clip.model
    chosen = open_clip.get_model_preprocess_cfg(model)
    with torch.no_grad():
        dimension = int(model.encode_image(torch.zeros(1, 3, size, size)).shape[1])
    return EncoderSpec(
        name=clip.name,
        engine=engine,
        dimension=dimension,
        image_size=size,
        resize_mode=chosen.get("resize_mode", "shortest"),
        interpolation=chosen.get("interpolation", "bicubic"),
        mean=tuple(chosen["mean"]),
        std=tuple(chosen["std"]),
        logit_scale=float(model.logit_scale.detach().exp()),
        precision=precision,
        source=f"open_clip {open_clip.__version__}: {clip.name}",
        licence="that of the weights",
    )


def _image_tower(model: Any, size: int) -> onnx.ModelProto:
    if is_plain_vit(model.visual):
        return vit_graph(model.visual)
    # two pictures, since torch.export takes a batch of one for a constant
    return traced(Tower(model, model.encode_image), torch.zeros(2, 3, size, size), ("image", "embedding"))


def _write_attributes(clip: ClipModel, folder: Path) -> None:
    prompts = [("category", name, category_prompts(name)) for name in CATEGORIES]
    prompts += [("gender", name, gender_prompts(name)) for name in GENDERS]
    with torch.no_grad():
        texts = [clip.model.encode_text(clip.tokenize(list(said))).numpy() for _, _, said in prompts]
    rows = [_unit(each).mean(axis=0) for each in texts]
    np.save(folder / "attributes.npy", _unit(np.stack(rows).astype(np.float32)))
    said = [{"kind": kind, "value": value, "prompt": texts[0]} for kind, value, texts in prompts]
    (folder / "attributes.json").write_text(json.dumps(said, indent=1) + "\n")


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (norms > SMALLEST_NORM).all():  # False for NaN, too
        raise InputError(f"The text tower gave an embedding of norm {norms.min()} for a prompt: it can't be used.")
    normed: NDArray[np.float32] = rows / norms
    return normed
