"""A scikit-learn classifier: rows of CSV in, a label and its probability per row out."""

import csv
import io
import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression


def model_fn(model_dir, context=None):
    """Rebuild the classifier from its numbers: a pickle would run code when it is read."""
    weights = json.loads((Path(model_dir) / "weights.json").read_text())
    model = LogisticRegression()
    model.classes_ = np.array(weights["classes"])
    model.coef_, model.intercept_ = np.array(weights["coefficients"]), np.array(weights["intercepts"])
    return model


def input_fn(body, content_type, context=None):
    if not content_type.startswith("text/csv"):
        raise ValueError(f"send text/csv, not {content_type}")
    text = body.decode() if isinstance(body, bytes | bytearray) else body
    return np.array([[float(cell) for cell in row] for row in csv.reader(io.StringIO(text)) if row])


def predict_fn(rows, model, context=None):
    probabilities = model.predict_proba(rows)
    return [(model.classes_[each.argmax()], each.max()) for each in probabilities]


def output_fn(predictions, accept, context=None):
    return "".join(f"{label},{probability:.6f}\n" for label, probability in predictions), "text/csv"
