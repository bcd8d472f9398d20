from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.colours.cielab import lab_of_rgb
from recommender.colours.harmony import NEUTRAL, Palettes, colour_harmony, harmony
from recommender.schema import Colour

Rgb = tuple[int, int, int]
RGB = st.tuples(*[st.integers(0, 255)] * 3)
RED, BLUE, BLACK, GREY, WHITE = (255, 0, 0), (0, 0, 255), (0, 0, 0), (128, 128, 128), (255, 255, 255)


def colour(rgb: Rgb, share: float = 1.0) -> Colour:
    lightness, a, b = (float(value) for value in lab_of_rgb(rgb))
    return Colour(rgb, (lightness, a, b), share, "named")


def score(a: Rgb, b: Rgb) -> float:
    return colour_harmony(colour(a), colour(b))


# the predecessor's golden values that still hold; harmony.py says which don't, and why
@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (RED, (255, 128, 0), 0.9),  # analogous, 30°
        (RED, (255, 0, 128), 0.9),  # analogous across 0°
        (RED, (128, 255, 0), 0.2),  # a clash, 90°
        (RED, (0, 255, 0), 0.7),  # triadic, 120°
        (RED, (0, 255, 191), 0.8),  # complementary, 165°
        (RED, (0, 255, 255), 0.8),  # complementary, 180°
        ((30, 60, 200), (200, 150, 30), 0.8),  # 173°
    ],
)
def test_keeps_the_golden_values(a: Rgb, b: Rgb, expected: float) -> None:
    assert score(a, b) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("rgb", [RED, BLUE, BLACK, GREY, WHITE, (153, 102, 102), (25, 25, 112)])
def test_a_colour_goes_with_itself_at_least_as_well_as_with_any_neutral(rgb: Rgb) -> None:
    assert score(rgb, rgb) == 1.0
    assert all(score(rgb, neutral) <= 1.0 for neutral in (BLACK, GREY, WHITE))


@pytest.mark.parametrize("neutral", [BLACK, GREY, WHITE, (0, 0, 20), (250, 235, 235)])
@pytest.mark.parametrize("rgb", [RED, BLUE, (0, 160, 60)])
def test_neutrals_go_with_everything(rgb: Rgb, neutral: Rgb) -> None:
    assert score(rgb, neutral) == pytest.approx(NEUTRAL, abs=0.01)


def test_blue_and_orange_are_complementary() -> None:
    assert score(BLUE, (255, 165, 0)) > 0.75


def test_a_clash_softens_gradually_as_a_colour_fades_to_grey() -> None:
    fading = [score(RED, (128, 255 - fade, fade)) for fade in range(0, 129, 4)]
    assert fading[0] < 0.25
    assert fading[-1] == NEUTRAL
    assert fading == sorted(fading)


@settings(deadline=None, max_examples=200)
@given(RGB, RGB)
def test_harmony_is_symmetric_and_within_bounds(a: Rgb, b: Rgb) -> None:
    assert score(a, b) == pytest.approx(score(b, a))
    assert 0.0 <= score(a, b) <= 1.0


@settings(deadline=None, max_examples=200)
@given(st.floats(0, 360), st.floats(0, 360))
def test_turning_a_hue_by_one_degree_changes_little(first: float, second: float) -> None:
    import colorsys

    def of_hue(degrees: float) -> Rgb:
        red, green, blue = (round(255 * channel) for channel in colorsys.hls_to_rgb(degrees / 360 % 1, 0.5, 1.0))
        return red, green, blue

    assert abs(score(of_hue(first), of_hue(second)) - score(of_hue(first), of_hue(second + 1))) < 0.08


def test_garments_are_compared_by_the_shares_of_their_colours() -> None:
    query = Palettes.of([[colour(RED)]])
    mostly_clashing = [colour((128, 255, 0), 0.9), colour(WHITE, 0.1)]
    hardly_clashing = [colour(WHITE, 0.9), colour((128, 255, 0), 0.1)]
    scores = harmony(query, Palettes.of([mostly_clashing, hardly_clashing, [colour(WHITE)]]))
    assert scores[0] < 0.35 < 0.8 < scores[1] < scores[2]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(RGB, min_size=1, max_size=3), min_size=1, max_size=5), st.lists(RGB, min_size=1, max_size=3))
def test_garment_harmony_is_within_bounds(items: list[list[Rgb]], query: list[Rgb]) -> None:
    others = Palettes.of([[colour(rgb, 1 / len(row)) for rgb in row] for row in items])
    scores = harmony(Palettes.of([[colour(rgb, 1 / len(query)) for rgb in query]]), others)
    assert scores.shape == (len(items),)
    assert bool(np.all((scores >= 0) & (scores <= 1)))
