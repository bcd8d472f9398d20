"""The gate of packaging: how far an image tower may be from open_clip's."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")

from recommender.encoding.encoder import EncoderSpec, EngineEncoder  # noqa: E402 - only where torch is
from recommender.pictures.image import preprocess  # noqa: E402
from tasks.encoder.agreement import checked_agreement, fixed_pictures, overlap  # noqa: E402
from tasks.encoder.choice import DEMO_FOLDER  # noqa: E402
from tasks.errors import ArtifactError  # noqa: E402

pytestmark = pytest.mark.clip
SPEC = replace(
    EncoderSpec.from_dict(json.loads((DEMO_FOLDER / "encoder.json").read_text())), image_size=16, dimension=24
)
MATRIX = np.random.default_rng(0).normal(size=(3 * 16 * 16, 24)).astype(np.float32)


def embed(batch: Any) -> Any:
    return batch.reshape(len(batch), -1) @ MATRIX


def noisy(amount: float) -> EngineEncoder:
    rng = np.random.default_rng(1)

    def engine(batch: Any) -> Any:
        rows = embed(batch)
        size = np.linalg.norm(rows, axis=1, keepdims=True) / np.sqrt(rows.shape[1])
        return (rows + amount * size * rng.normal(size=rows.shape)).astype(np.float32)

    return EngineEncoder(SPEC, engine)


def measured(encoder: EngineEncoder, precision: Any) -> Any:
    model = SimpleNamespace(encode_image=lambda batch: torch.from_numpy(embed(batch.numpy())))
    return checked_agreement(model, lambda picture: torch.from_numpy(preprocess(picture, SPEC)), encoder, precision)


def test_the_same_tower_agrees_wholly() -> None:
    agreement = measured(noisy(0), "fp16")
    assert (agreement.min_cosine, agreement.top10_overlap, agreement.pictures) == (pytest.approx(1), 1, 64)


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_a_little_noise_is_too_much_for_floats_and_not_for_int8(precision: str) -> None:
    assert 0.999 < measured(noisy(0.01), "int8").min_cosine < 0.99999
    with pytest.raises(
        ArtifactError, match=rf"demo stored as {precision}.*lowest cosine is 0\.999.*0\.99999 and 99\.5%"
    ):
        measured(noisy(0.01), precision)


def test_much_noise_is_too_much_for_int8_and_another_precision_is_named() -> None:
    with pytest.raises(ArtifactError, match=r"Needed are cosine 0\.999 and 97\.0%; package it with precision fp16"):
        measured(noisy(0.1), "int8")


def test_a_tower_that_gives_no_numbers_is_refused() -> None:
    broken = EngineEncoder(SPEC, lambda batch: np.full((len(batch), 24), np.nan, np.float32))
    with pytest.raises(ArtifactError, match=r"norm nan for picture 0.*package it with precision fp32"):
        measured(broken, "fp16")


def test_overlap_leaves_the_picture_itself_out() -> None:
    """With eleven pictures, the ten nearest are always the ten others, whatever the encoder."""
    ours, theirs = np.random.default_rng(0).normal(size=(2, 11, 4)).astype(np.float32)
    assert overlap(ours, theirs, theirs) == 1


def test_overlap_counts_the_neighbours_that_both_name() -> None:
    gallery = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    assert overlap(gallery, gallery, gallery) == 1
    assert overlap(-gallery, gallery, gallery) == 0


def test_the_pictures_are_the_same_each_time() -> None:
    first = [np.asarray(picture) for picture in fixed_pictures()]
    fixed_pictures.cache_clear()
    assert all(np.array_equal(one, other) for one, other in zip(first, fixed_pictures(), strict=True))
