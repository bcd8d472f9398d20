"""A stylist's names for the colours of clothes; where two names are equally good, either passes."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.colours.cielab import lab_of_rgb
from recommender.colours.names import ACHROMATIC, NAMED_COLOURS, colour_names

EVERYDAY: dict[tuple[int, int, int], tuple[str, ...]] = {
    (0, 0, 0): ("black",),
    (28, 28, 30): ("black",),
    (64, 64, 66): ("charcoal",),
    (128, 128, 128): ("grey",),
    (136, 138, 142): ("grey",),
    (200, 200, 202): ("light grey",),
    (255, 255, 255): ("white",),
    (244, 244, 242): ("white",),
    (250, 249, 246): ("off-white", "white"),
    (255, 255, 240): ("ivory", "cream"),
    (245, 240, 228): ("ivory", "off-white", "cream"),
    (248, 238, 210): ("cream",),
    (216, 196, 160): ("beige",),
    (195, 176, 145): ("khaki", "beige", "stone"),
    (193, 154, 107): ("camel", "tan"),
    (135, 120, 105): ("taupe",),
    (112, 70, 42): ("brown",),
    (62, 39, 35): ("dark brown",),
    (183, 65, 14): ("rust",),
    (190, 95, 70): ("terracotta",),
    (128, 0, 32): ("burgundy",),
    (112, 22, 44): ("burgundy",),
    (80, 0, 10): ("maroon", "burgundy"),
    (205, 32, 38): ("red",),
    (255, 0, 0): ("red",),
    (255, 127, 80): ("coral",),
    (255, 203, 164): ("peach",),
    (238, 122, 32): ("orange",),
    (246, 208, 56): ("yellow",),
    (255, 255, 0): ("yellow",),
    (253, 246, 160): ("light yellow",),
    (205, 155, 40): ("mustard",),
    (110, 112, 52): ("olive",),
    (75, 83, 32): ("olive",),
    (160, 145, 105): ("khaki",),
    (156, 170, 140): ("sage",),
    (150, 170, 50): ("lime",),
    (191, 255, 0): ("lime",),
    (44, 138, 66): ("green",),
    (0, 128, 0): ("green",),
    (34, 70, 42): ("dark green",),
    (152, 230, 190): ("mint",),
    (22, 132, 136): ("teal",),
    (64, 224, 208): ("turquoise",),
    (19, 63, 90): ("petrol",),
    (146, 194, 232): ("light blue",),
    (135, 206, 235): ("light blue",),
    (38, 88, 196): ("blue",),
    (65, 105, 225): ("blue",),
    (0, 0, 255): ("blue",),
    (80, 110, 155): ("denim blue",),
    (45, 55, 80): ("dark denim", "navy"),
    (90, 105, 130): ("slate blue",),
    (28, 38, 84): ("navy",),
    (21, 36, 57): ("navy",),
    (0, 0, 128): ("navy",),
    (190, 170, 225): ("lavender",),
    (230, 230, 250): ("lavender",),
    (200, 162, 200): ("lilac",),
    (143, 0, 255): ("violet",),
    (138, 43, 226): ("violet", "purple"),
    (130, 90, 160): ("purple",),
    (112, 58, 152): ("purple",),
    (128, 0, 128): ("purple",),
    (80, 30, 80): ("plum",),
    (55, 25, 50): ("aubergine", "plum"),
    (150, 110, 140): ("mauve",),
    (200, 30, 140): ("magenta",),
    (255, 105, 180): ("hot pink",),
    (255, 20, 147): ("hot pink", "magenta"),
    (224, 95, 131): ("rose", "hot pink", "pink"),
    (242, 154, 182): ("pink",),
    (255, 192, 203): ("light pink", "pink"),
    (255, 182, 193): ("light pink", "pink"),
    (255, 225, 230): ("blush",),
    (180, 110, 115): ("dusty rose",),
    (95, 125, 170): ("denim blue",),
    (70, 95, 130): ("denim blue",),
    (36, 89, 172): ("blue",),
    (225, 215, 80): ("yellow",),
    (50, 40, 30): ("dark brown",),
    (20, 15, 12): ("black",),
    (101, 67, 33): ("brown",),
    (85, 80, 70): ("charcoal", "grey", "taupe"),
    # caps, jumpers and dresses in photographs
    (184, 168, 23): ("mustard", "yellow"),
    (175, 164, 33): ("mustard",),
    (200, 175, 20): ("yellow",),
    (225, 175, 25): ("yellow", "mustard"),
    (8, 27, 174): ("blue",),
    (57, 17, 119): ("purple",),
    (105, 146, 50): ("green",),
    (95, 150, 225): ("blue", "light blue"),
    (212, 95, 40): ("orange", "rust"),
    # plain colours of CSS, vivid ones too
    (255, 165, 0): ("orange",),
    (255, 140, 0): ("orange",),
    (255, 69, 0): ("orange",),
    (255, 180, 0): ("orange", "yellow"),
    (255, 215, 0): ("yellow",),
    (218, 165, 32): ("mustard",),
    (184, 134, 11): ("mustard",),
    (128, 0, 0): ("maroon",),
    (139, 0, 0): ("red", "maroon", "burgundy"),
    (178, 34, 34): ("red",),
    (220, 20, 60): ("red",),
    (139, 69, 19): ("brown",),
    (189, 183, 107): ("khaki",),
    (153, 153, 0): ("olive", "mustard"),
    (128, 128, 0): ("olive",),
    (107, 142, 35): ("olive", "green"),
    (85, 107, 47): ("olive",),
    (154, 205, 50): ("lime",),
    (173, 255, 47): ("lime",),
    (127, 255, 0): ("lime",),
    (0, 255, 0): ("green",),
    (50, 205, 50): ("green",),
    (34, 139, 34): ("green",),
    (0, 100, 0): ("dark green",),
    (144, 238, 144): ("light green",),
    (143, 188, 143): ("light green", "sage"),
    (127, 255, 212): ("mint",),
    (0, 139, 139): ("teal",),
    (70, 130, 180): ("blue",),
    (30, 144, 255): ("blue",),
    (0, 0, 205): ("blue",),
    (0, 0, 139): ("navy",),
    (25, 25, 112): ("navy",),
    (75, 0, 130): ("purple",),
    (102, 51, 153): ("purple",),
    (148, 0, 211): ("violet", "purple"),
    (186, 85, 211): ("violet",),
    (221, 160, 221): ("lilac",),
    (255, 0, 255): ("magenta",),
    (199, 21, 133): ("magenta",),
    (188, 143, 143): ("dusty rose",),
    (250, 128, 114): ("coral",),
}
GREYS = tuple(ACHROMATIC)


@pytest.mark.parametrize("rgb", EVERYDAY)
def test_an_everyday_colour_is_called_what_people_call_it(rgb: tuple[int, int, int]) -> None:
    (name,) = colour_names(lab_of_rgb([rgb]))
    assert name in EVERYDAY[rgb]


def test_every_example_has_its_own_name() -> None:
    for name, examples in NAMED_COLOURS.items():
        assert colour_names(lab_of_rgb(examples)) == [name] * len(examples)


def test_what_shows_a_hue_is_no_grey() -> None:
    around = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    for lightness in range(15, 100, 5):
        hues = np.stack([np.full(72, lightness), 12 * np.cos(around), 12 * np.sin(around)], axis=1)
        assert not set(colour_names(hues)) & set(GREYS)


def test_greys_of_every_lightness_have_a_greys_name() -> None:
    names = colour_names(np.array([[lightness, 0.0, 0.0] for lightness in range(101)]))
    assert list(dict.fromkeys(names)) == list(GREYS)


def test_what_is_nearly_black_is_black_whatever_its_hue() -> None:
    assert colour_names(lab_of_rgb([(0, 0, 12), (25, 0, 0), (0, 15, 0), (20, 10, 20)])) == ["black"] * 4
