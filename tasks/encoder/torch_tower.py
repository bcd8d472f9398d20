"""The image tower for torch: its weights, and the config that open_clip builds it from."""

import json
from pathlib import Path

import open_clip
from safetensors.torch import save_file

from recommender.encoding.engines import TOWER, TOWER_WEIGHTS
from tasks.encoder.open_clip_model import ClipModel
from tasks.encoder.options import Precision


def store_tower(clip: ClipModel, precision: Precision, folder: Path) -> None:
    """Write image.json and image.safetensors, which holds matrices as float16 where `precision` is fp16.

    As with ONNX, biases, norms and scales stay float32: they cost nothing.
    """
    visual = clip.model.visual
    weights = {name: weight.contiguous() for name, weight in visual.state_dict().items()}  # safetensors refuses others
    if precision == "fp16":
        weights |= {name: weights[name].half() for name, weight in visual.named_parameters() if weight.ndim > 1}
    save_file(weights, folder / TOWER_WEIGHTS)
    (folder / TOWER).write_text(json.dumps(_described(clip), indent=1) + "\n")


def _described(clip: ClipModel) -> dict[str, object]:
    """The config that open_clip builds the tower from.

    CoCa's tower would also give tokens for its text decoder, which isn't shipped; here it gives the embedding alone.
    """
    config = open_clip.get_model_config(clip.config)
    return {
        "embed_dim": config["embed_dim"],
        "quick_gelu": config.get("quick_gelu", False),
        "vision_cfg": config["vision_cfg"] | {"output_tokens": False},
    }
