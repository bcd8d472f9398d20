"""Text embeddings of labels: a category's from the artifact, any other label's by the encoder's text tower."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality_pictures import label_key
from recommender.catalogue.catalogue import Attributes
from tasks.encoder.choice import DEMO_FOLDER
from tasks.encoder.options import DEMO
from tasks.encoder.prompts import NOUNS, TEMPLATES, category_prompts, with_article
from tasks.errors import InputError
from tools.demo_encoder.captions import CATEGORIES, PHOTOGRAPH_LABELS

Floats = NDArray[np.float32]
TextTower = Callable[[Sequence[str]], Floats]

# `upperwear_shirt` is known by that name and as shirt, `longsleeve` as itself, outwear as `upperwear_jacket`.
KNOWN_AS = {label_key(name): name for name in NOUNS}
KNOWN_AS |= {label_key(name.partition("_")[2]): name for name in CATEGORIES}
KNOWN_AS |= {label_key(label): name for label, name in PHOTOGRAPH_LABELS.items()}


def label_embeddings(labels: Sequence[str], categories: Attributes, encoder: str) -> Floats:
    """A unit row per label; PyTorch is needed only for labels that name none of the catalogue's categories."""
    ready = dict(zip(categories.values, categories.embeddings, strict=True))
    known = {label: KNOWN_AS.get(label_key(label), "") for label in labels}
    others = {label: prompts_for(label) for label, name in known.items() if name not in ready}
    made = _embedded(others, text_tower(encoder)) if others else {}
    return np.stack([made[label] if label in made else ready[known[label]] for label in labels])


def prompts_for(label: str) -> tuple[str, ...]:
    """The captions of a label."""
    name = KNOWN_AS.get(label_key(label))
    return category_prompts(name) if name else tuple(each.format(with_article(label.lower())) for each in TEMPLATES)


def _embedded(prompts: Mapping[str, Sequence[str]], tower: TextTower) -> dict[str, Floats]:
    means = {label: _unit(tower(captions)).mean(axis=0) for label, captions in prompts.items()}
    return {label: _unit(row) for label, row in means.items()}


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype=np.float32)


def text_tower(encoder: str) -> TextTower:
    """The function that embeds captions with this encoder."""
    try:
        return _demo_tower(DEMO_FOLDER) if encoder == DEMO else _clip_tower(encoder)
    except ModuleNotFoundError as exc:
        raise InputError(f"Embedding the text of labels needs {exc.name}: install it with `make setup-clip`.") from exc


def _demo_tower(folder: Path) -> TextTower:
    import onnxruntime
    from open_clip.tokenizer import SimpleTokenizer

    said = json.loads((folder / "encoder.json").read_text())["text"]
    session = onnxruntime.InferenceSession(str(folder / said["file"]), providers=["CPUExecutionProvider"])
    tokenize = SimpleTokenizer(bpe_path=str(folder / said["merges"]), context_length=said["context_length"])

    def embed(captions: Sequence[str]) -> Floats:
        rows: Floats = session.run(["text_embedding"], {"tokens": tokenize(list(captions)).numpy()})[0]
        return rows

    return embed


def _clip_tower(encoder: str) -> TextTower:
    import open_clip
    import torch

    name, _, weights = encoder.partition(":")
    if not weights:
        raise InputError(f"Give the encoder as NAME:TAG or NAME:FILE, as in ViT-B-32:{Path(encoder).name}.")
    model = open_clip.create_model(name, pretrained=weights).eval()
    tokenize = open_clip.get_tokenizer(name)

    def embed(captions: Sequence[str]) -> Floats:
        with torch.inference_mode():
            rows: Floats = model.encode_text(tokenize(list(captions))).numpy()
        return rows

    return embed
