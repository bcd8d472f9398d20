"""A model of numpy alone: an array of rows in, an array of rows out."""

import io
from pathlib import Path

import numpy as np


def model_fn(model_dir, context=None):
    return np.load(Path(model_dir) / "weights.npy", allow_pickle=False)


def input_fn(body, content_type, context=None):
    if content_type != "application/x-npy":
        raise ValueError(f"send application/x-npy, not {content_type}")
    rows = np.load(io.BytesIO(body), allow_pickle=False)
    if rows.ndim != 2 or rows.shape[1] != 16:
        raise ValueError(f"send rows of 16 numbers, not an array of shape {rows.shape}")
    return rows


def predict_fn(rows, weights, context=None):
    return np.tanh(rows @ weights)


def output_fn(rows, accept, context=None):
    packed = io.BytesIO()
    np.save(packed, rows)
    return packed.getvalue(), "application/x-npy"
