"""The pixels taken for the garment, judged by the colours found: its rim, small garments, pale ones."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from recommender.colours.cielab import lab_of_rgb
from recommender.colours.dominant import dominant_colours
from recommender.colours.garment import garment_mask

RGB = tuple[int, int, int]

WHITE: RGB = (255, 255, 255)
STUDIO: RGB = (240, 240, 245)
COLOURS: dict[str, RGB] = {
    "red": (215, 25, 30),
    "navy": (20, 28, 80),
    "black": (15, 15, 15),
    "grey": (130, 130, 132),
    "blush": (255, 225, 230),
    "cream": (248, 238, 210),
    "ivory": (255, 251, 232),
    "light blue": (208, 226, 242),
    "mint": (165, 225, 195),
}
SIDES = (97, 211, 300, 333, 500, 1000)  # pixels; hardly any is a multiple of the thumbnail's side


def square(colour: RGB, side: int, share: float, background: RGB = WHITE) -> Image.Image:
    """A square garment, `share` of the picture's side long."""
    image = Image.new("RGB", (side, side), background)
    left, top, length = side * 0.31, side * 0.23, side * share
    ImageDraw.Draw(image).rectangle((left, top, left + length, top + length), fill=colour)
    return image


def mask_of(image: Image.Image) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    pixels = np.asarray(image)
    return garment_mask(pixels, lab_of_rgb(pixels))


@pytest.mark.parametrize("background", [WHITE, STUDIO])
@pytest.mark.parametrize("share", [0.07, 0.12, 0.2, 0.4, 0.66])
@pytest.mark.parametrize("name", COLOURS)
def test_a_plain_garment_has_one_colour_at_any_size(name: str, share: float, background: RGB) -> None:
    for side in SIDES:
        (colour,) = dominant_colours(square(COLOURS[name], side, share, background))
        assert (colour.name, colour.share) == (name, 1.0)
        assert np.abs(np.array(colour.rgb) - COLOURS[name]).max() <= 2


@pytest.mark.parametrize("name", COLOURS)
def test_a_photographs_noise_and_jpeg_change_nothing(name: str) -> None:
    noise = np.random.default_rng(5).normal(0, 1.5, (300, 300, 3))
    noisy = np.clip(np.asarray(square(COLOURS[name], 300, 0.4).filter(ImageFilter.GaussianBlur(0.7))) + noise, 0, 255)
    first = dominant_colours(Image.fromarray(noisy.astype(np.uint8)))[0]
    assert first.name == name
    assert first.share > 0.9


@pytest.mark.parametrize("thickness", [1, 2, 3])
def test_what_is_too_thin_to_have_an_inside_is_kept(thickness: int) -> None:
    image = Image.new("RGB", (96, 96), WHITE)
    ImageDraw.Draw(image).line((20, 20, 76, 60), fill=COLOURS["red"], width=thickness)
    assert dominant_colours(image)[0].name == "red"


def test_the_rim_goes_and_the_picture_s_edge_is_no_rim() -> None:
    image = Image.new("RGB", (96, 96), WHITE)
    ImageDraw.Draw(image).rectangle((30, 40, 59, 95), fill=COLOURS["navy"])
    expected = np.zeros((96, 96), dtype=bool)
    expected[41:, 31:59] = True
    assert np.array_equal(mask_of(image), expected)


def test_dust_is_no_garment() -> None:
    image = Image.new("RGB", (96, 96), WHITE)
    ImageDraw.Draw(image).rectangle((40, 40, 42, 42), fill=COLOURS["black"])
    assert mask_of(image).all()


def test_a_small_print_on_a_pale_garment_is_not_the_garment() -> None:
    image = square((246, 246, 246), 300, 0.55)
    ImageDraw.Draw(image).rectangle((150, 120, 175, 145), fill=COLOURS["red"])
    assert dominant_colours(image)[0].name == "white"


def test_shading_on_white_is_not_a_garment() -> None:
    image = Image.new("RGB", (300, 300), WHITE)
    ImageDraw.Draw(image).rectangle((100, 60, 130, 240), fill=(228, 228, 230))
    assert mask_of(image.filter(ImageFilter.GaussianBlur(8)).resize((96, 96))).all()


def test_a_gradient_without_a_garment_is_looked_at_as_a_whole() -> None:
    image = Image.linear_gradient("L").resize((96, 96)).point([200 + level // 5 for level in range(256)])
    assert mask_of(image.convert("RGB")).all()
