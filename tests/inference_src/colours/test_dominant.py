from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from recommender.colours.cielab import ciede2000, lab_of_rgb, rgb_of_lab
from recommender.colours.dominant import dominant_colours

WHITE, RED, NAVY = (255, 255, 255), (215, 25, 30), (20, 28, 80)


def shirt(colour: Any, background: Any = WHITE, size: int = 200) -> Image.Image:
    """A t-shirt's silhouette in the middle."""
    image = Image.new("RGB", (size, size), background)
    outline = [(0.2, 0.2), (0.4, 0.15), (0.6, 0.15), (0.8, 0.2), (0.9, 0.4), (0.75, 0.45)]
    outline += [(0.72, 0.9), (0.28, 0.9), (0.25, 0.45), (0.1, 0.4)]
    ImageDraw.Draw(image).polygon([(x * size, y * size) for x, y in outline], fill=colour)
    return image


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.74, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((128, 128, 128), (53.59, 0.0, 0.0)),
    ],
)
def test_cielab_has_the_textbook_values(rgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert np.allclose(lab_of_rgb(rgb), lab, atol=0.02)


@settings(deadline=None, max_examples=50)
@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_cielab_and_back_is_the_same_colour(rgb: tuple[int, int, int]) -> None:
    assert tuple(rgb_of_lab(lab_of_rgb(rgb)).tolist()) == rgb


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        # from table 1 of Sharma, Wu, Dalal: The CIEDE2000 color-difference formula (2005)
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
        ((50, 2.5, 0), (58, 24, 15), 19.4535),
        ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
        ((36.4612, 47.858, 18.3852), (36.2715, 50.5065, 21.2231), 1.4146),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_ciede2000_has_the_published_values(one: Any, other: Any, difference: float) -> None:
    assert float(ciede2000(one, other)) == pytest.approx(difference, abs=1e-4)
    assert float(ciede2000(other, one)) == pytest.approx(difference, abs=1e-4)


@pytest.mark.parametrize("background", [WHITE, (240, 240, 245), (30, 30, 30), (120, 160, 110)])
def test_a_red_shirt_is_red_on_any_background(background: tuple[int, int, int]) -> None:
    (colour,) = dominant_colours(shirt(RED, background))
    assert (colour.name, colour.share) == ("red", 1.0)
    assert np.abs(np.array(colour.rgb) - RED).max() <= 2


def test_a_white_shirt_on_white_is_white() -> None:
    assert dominant_colours(shirt(WHITE))[0].name == "white"
    assert dominant_colours(shirt((244, 244, 244)))[0].name == "white"


def test_a_white_shirt_on_white_with_an_outline_is_white() -> None:
    image = shirt(WHITE)
    edges = image.copy()
    ImageDraw.Draw(edges).line([(40, 40), (80, 30), (120, 30), (160, 40)], fill=(150, 150, 150), width=2)
    assert dominant_colours(edges.filter(ImageFilter.GaussianBlur(1)))[0].name == "white"


def test_a_small_red_shoe_on_white_is_red() -> None:
    image = Image.new("RGB", (300, 300), WHITE)
    ImageDraw.Draw(image).ellipse((110, 130, 190, 175), fill=RED)
    assert dominant_colours(image)[0].name == "red"


def test_white_inside_the_garment_is_not_background() -> None:
    image = shirt(NAVY)
    ImageDraw.Draw(image).rectangle((80, 70, 120, 130), fill=WHITE)
    assert {colour.name for colour in dominant_colours(image)} == {"navy", "white"}


def test_stripes_give_both_colours_with_their_shares() -> None:
    image = shirt(NAVY, background=(120, 200, 110))
    canvas = ImageDraw.Draw(image)
    garment = np.asarray(image)[:, :, 1] == NAVY[1]
    for y in range(0, 200, 20):
        canvas.rectangle((0, y, 200, y + 9), fill=(255, 200, 20))
    striped = np.where(garment[:, :, None], np.asarray(image), (120, 200, 110)).astype(np.uint8)
    colours = dominant_colours(Image.fromarray(striped))
    assert {"navy", "yellow"} <= {colour.name for colour in colours}
    assert all(abs(colour.share - 0.5) < 0.12 for colour in colours[:2])


def test_two_shades_of_one_name_are_one_colour() -> None:
    image = shirt((222, 25, 30))
    ImageDraw.Draw(image).rectangle((60, 60, 140, 120), fill=(165, 25, 32))
    (colour,) = dominant_colours(image)
    assert (colour.name, colour.share) == ("red", 1.0)
    assert 165 < colour.rgb[0] < 222


def test_a_garment_that_fills_the_frame_keeps_its_colour() -> None:
    assert [colour.name for colour in dominant_colours(Image.new("RGB", (80, 120), RED))] == ["red"]


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (2, 2), (5, 200), (3000, 80)])
def test_any_size_has_colours(size: tuple[int, int]) -> None:
    assert dominant_colours(Image.new("RGB", size, RED))[0].name == "red"


def test_the_same_picture_gives_the_same_colours() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    assert dominant_colours(Image.fromarray(noise)) == dominant_colours(Image.fromarray(noise))


@settings(deadline=None, max_examples=40)
@example(1716, 1, 38, 4)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 60), st.integers(1, 6))
def test_shares_sum_to_one_and_fall_and_names_are_unique(seed: int, width: int, height: int, colours: int) -> None:
    random = np.random.default_rng(seed)
    palette = random.integers(0, 256, (colours, 3), dtype=np.uint8)
    found = dominant_colours(Image.fromarray(palette[random.integers(0, colours, (height, width))]))
    shares = [colour.share for colour in found]
    assert 1 <= len(found) <= 3
    assert len({colour.name for colour in found}) == len(found)
    assert sum(shares) == pytest.approx(1, abs=1e-9)
    assert shares == sorted(shares, reverse=True)
    assert min(shares) > 0
