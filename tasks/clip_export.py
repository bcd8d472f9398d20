"""From an open_clip model to the encoder folder: the image tower as ONNX, the attributes' text embeddings.

Needs torch and open_clip (`make setup-clip`). Nothing of them is left at serving time.
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
from recommender.encoder import EncoderSpec, load_encoder
from tasks.clip_agreement import checked_agreement
from tasks.clip_graph import is_plain_vit, vit_graph
from tasks.demo.captions import category_prompts, gender_prompts
from tasks.encoder import Precision
from tasks.errors import InputError
from tasks.onnx_tower import Tower, store, traced

THREADS = 2
CONFIG = "open_clip_config.json"


def export_clip(wanted: str, folder: Path, precision: Precision) -> None:
    """Writes the encoder folder for an open_clip NAME:TAG, NAME:FILE, or a FILE with its config beside it."""
    name, weights = _name_and_weights(wanted)
    tokenize = _tokenizer(name)
    model, transform = _load(wanted, name, weights)
    size = _size(model, name)
    spec = _spec(wanted, model, size, precision)
    store(_image_tower(model, size), precision, folder)
    _write_spec(spec, folder)
    agreement = checked_agreement(model, transform, load_encoder(folder, THREADS), precision)
    _write_spec(replace(spec, agreement=agreement), folder)
    _write_attributes(model, tokenize, folder)


def _write_spec(spec: EncoderSpec, folder: Path) -> None:
    (folder / "encoder.json").write_text(json.dumps(spec.to_dict(), indent=2) + "\n")


def _name_and_weights(wanted: str) -> tuple[str, str]:
    if ":" in wanted:
        name, _, weights = wanted.partition(":")
    else:
        name, weights = _name_beside(Path(wanted)), wanted
    if name not in open_clip.list_models():
        raise InputError(f"open_clip has no model {name!r}. `open_clip.list_models()` lists what it has.")
    tags = open_clip.list_pretrained_tags_by_model(name)
    _refuse_other_activation(name, weights)
    if not Path(weights).is_file() and weights not in tags:
        raise InputError(
            f"{weights!r} is neither a checkpoint file nor a pretrained tag of {name}, which has: "
            f"{', '.join(tags) or 'none'}."
        )
    return name, weights


def _refuse_other_activation(name: str, tag: str) -> None:
    """open_clip only warns where a tag's weights were trained with the other GELU, and gives other embeddings."""
    trained_quick = bool((open_clip.get_pretrained_cfg(name, tag) or {}).get("quick_gelu", False))
    built_quick = bool((open_clip.get_model_config(name) or {}).get("quick_gelu", False))
    quick = f"{name}-quickgelu"
    if trained_quick and not built_quick and quick in open_clip.list_models():
        raise InputError(f"The weights {tag} of {name} were trained with QuickGELU. Give {quick}:{tag}.")


def _name_beside(checkpoint: Path) -> str:
    """A bare checkpoint doesn't say which architecture it is of; a config beside it does."""
    config = checkpoint.with_name(CONFIG)
    if not config.is_file():
        raise InputError(
            f"{checkpoint} doesn't say which model it is of. Give NAME:{checkpoint}, as in ViT-B-32:{checkpoint.name}, "
            f"or put a {CONFIG} with a model_name beside it."
        )
    try:
        said = json.loads(config.read_text("utf-8"))
    except ValueError as exc:
        raise InputError(f"{config} isn't JSON: {exc}. Repair it, or give NAME:{checkpoint}.") from exc
    name = said.get("model_name") if isinstance(said, dict) else None
    if not isinstance(name, str):
        raise InputError(f"{config} has no model_name. Add one, or give NAME:{checkpoint}.")
    return name


def _load(wanted: str, name: str, weights: str) -> tuple[Any, Any]:
    try:
        model, _, preprocess = open_clip.create_model_and_transforms(name, pretrained=weights)
    except Exception as exc:  # of a damaged or foreign checkpoint, torch and open_clip raise all sorts
        raise InputError(
            f"The weights of {wanted} could not be loaded: {exc}. A pretrained tag is downloaded from its hub; where "
            "there is no network, fetch the checkpoint elsewhere and give NAME:FILE."
        ) from exc
    return model.eval(), preprocess


def _tokenizer(name: str) -> Any:
    """Asked for first: many models of open_clip have a tokenizer which needs transformers and files from a hub."""
    try:
        return open_clip.get_tokenizer(name)
    except Exception as exc:  # of what is missing, transformers and its hub raise all sorts
        raise InputError(
            f"The tokenizer of {name} could not be loaded: {exc}. Unlike CLIP's own, it may need transformers "
            "installed, and its files from a network or in Hugging Face's cache."
        ) from exc


def _size(model: Any, name: str) -> int:
    size = model.visual.image_size
    height, width = size if isinstance(size, tuple | list) else (size, size)
    if height != width:
        raise InputError(f"{name} takes pictures of {width} × {height} pixels; only square ones are supported.")
    return int(height)


def _spec(wanted: str, model: Any, size: int, precision: Precision) -> EncoderSpec:
    chosen = open_clip.get_model_preprocess_cfg(model)
    with torch.no_grad():
        dimension = int(model.encode_image(torch.zeros(1, 3, size, size)).shape[1])
    name = wanted if Path(wanted.partition(":")[2] or wanted).name == wanted else _shown(wanted)
    return EncoderSpec(
        name=name,
        engine="onnxruntime",
        dimension=dimension,
        image_size=size,
        resize_mode=chosen.get("resize_mode", "shortest"),
        interpolation=chosen.get("interpolation", "bicubic"),
        mean=tuple(chosen["mean"]),
        std=tuple(chosen["std"]),
        logit_scale=float(model.logit_scale.detach().exp()),
        precision=precision,
        source=f"open_clip {open_clip.__version__}: {name}",
        licence="that of the weights",
    )


def _shown(wanted: str) -> str:
    """The model and the checkpoint's file name; the folders above it are nobody's business."""
    name, colon, weights = wanted.partition(":")
    return f"{name}{colon}{Path(weights).name}" if colon else Path(name).name


def _image_tower(model: Any, size: int) -> onnx.ModelProto:
    if is_plain_vit(model.visual):
        return vit_graph(model.visual)
    return traced(Tower(model, model.encode_image), torch.zeros(2, 3, size, size), ("image", "embedding"))


def _write_attributes(model: Any, tokenize: Any, folder: Path) -> None:
    prompts = [("category", name, category_prompts(name)) for name in CATEGORIES]
    prompts += [("gender", name, gender_prompts(name)) for name in GENDERS]
    with torch.no_grad():
        rows = [_unit(model.encode_text(tokenize(list(texts))).numpy()).mean(axis=0) for _, _, texts in prompts]
    np.save(folder / "attributes.npy", _unit(np.stack(rows).astype(np.float32)))
    said = [{"kind": kind, "value": value, "prompt": texts[0]} for kind, value, texts in prompts]
    (folder / "attributes.json").write_text(json.dumps(said, indent=1) + "\n")


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    normed: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return normed
