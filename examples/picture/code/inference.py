"""A small torch classifier of shapes: a picture in, JSON with a label and the scores of all labels out."""

import io
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

LABELS = ("circle", "square", "triangle")


def model_fn(model_dir, context=None):
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 5, 2),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 16, 5, 2),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(4),
        torch.nn.Flatten(),
        torch.nn.Linear(256, len(LABELS)),
    )
    network.load_state_dict(load_file(Path(model_dir) / "weights.safetensors"))
    return network.eval()


def input_fn(body, content_type, context=None):
    if not content_type.startswith("image/"):
        raise ValueError(f"send image/png or image/jpeg, not {content_type}")
    picture = Image.open(io.BytesIO(body)).convert("RGB").resize((64, 64))
    return torch.from_numpy(np.asarray(picture, dtype=np.float32).transpose(2, 0, 1).copy() / 255)


def predict_fn(pixels, network, context=None):
    with torch.inference_mode():
        return network(pixels[None])[0].softmax(0).tolist()


def output_fn(scores, accept, context=None):
    best = max(range(len(LABELS)), key=scores.__getitem__)
    return json.dumps({"label": LABELS[best], "scores": dict(zip(LABELS, scores, strict=True))}), "application/json"
