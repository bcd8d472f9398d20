from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from recommender.encoding.encoder import EncoderSpec
from recommender.pictures.image import preprocess

pytestmark = pytest.mark.clip
SIZES = [(64, 64), (32, 32), (33, 57), (301, 200), (31, 20), (1, 1), (7, 90), (401, 533)]


@pytest.fixture(scope="module")
def image_transform() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from open_clip import image_transform
    return image_transform


@pytest.fixture
def spec(write_encoder: Any, tmp_path: Any) -> EncoderSpec:
    written: EncoderSpec = write_encoder(tmp_path)
    return replace(written, mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711))


@pytest.mark.parametrize("resize_mode", ["shortest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("side", [32, 45])
def test_preprocess_equals_open_clip_bit_for_bit(
    image_transform: Any, spec: EncoderSpec, resize_mode: str, interpolation: str, side: int
) -> None:
    spec = replace(spec, resize_mode=resize_mode, interpolation=interpolation, image_size=side)
    transform = image_transform(
        side, is_train=False, mean=spec.mean, std=spec.std, resize_mode=resize_mode, interpolation=interpolation
    )
    noise = np.random.default_rng(0)
    for width, height in SIZES:
        image = Image.fromarray(noise.integers(0, 256, (height, width, 3), dtype=np.uint8))
        assert np.array_equal(preprocess(image, spec), transform(image).numpy()), (width, height)
