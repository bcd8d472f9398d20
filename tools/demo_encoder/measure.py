"""Scores of an embedding: neighbours with the same label, and categories named without a classifier."""

from collections.abc import Sequence

import numpy as np

from tasks.encoder.prompts import category_prompts
from tools.demo_encoder.towers import Floats, Towers

Measured = dict[str, float | int | str]


def unit(rows: Floats) -> Floats:
    """Return the rows at length one."""
    scaled: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def precision_at_5(embeddings: Floats, labels: Sequence[str]) -> float:
    """Return the share of each picture's five nearest others that have its label."""
    rows, names = unit(embeddings), np.array(labels)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -2)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :5]
    return float((names[nearest] == names[:, None]).mean())


def zero_shot_accuracy(embeddings: Floats, labels: Sequence[str], prompts: Floats, names: Sequence[str]) -> float:
    """Return the share of pictures whose nearest prompt row is their own label's."""
    best = (unit(embeddings) @ prompts.T).argmax(axis=1)
    return float(np.mean([names[row] == label for row, label in zip(best, labels, strict=True)]))


def scores(on: str, towers: Towers, embeddings: Floats, labels: Sequence[str], names: Sequence[str]) -> Measured:
    """Return both scores and the number of pictures; each key begins with `on`, the name of what was measured on."""
    prompts = np.stack([towers.embed_captions(category_prompts(name)) for name in names])
    return {
        f"{on}_pictures": len(labels),
        f"{on}_precision_at_5": round(precision_at_5(embeddings, labels), 3),
        f"{on}_zero_shot_accuracy": round(zero_shot_accuracy(embeddings, labels, prompts, names), 3),
    }
