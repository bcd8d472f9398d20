"""Names for the colours of clothes: a palette, and the name of the colour in it that looks nearest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.colours.cielab import ciede2000, lab_of_rgb

RGB = tuple[int, int, int]

# A name has several examples where one colour can't stand for it: navy may be deep or nearly grey.
# They were chosen on photographs, where white cloth is seldom above 230 and black cloth seldom below 20.
ACHROMATIC: dict[str, tuple[RGB, ...]] = {
    "black": ((14, 14, 15), (36, 36, 38), (24, 26, 34)),
    "charcoal": ((62, 64, 66), (50, 52, 58)),
    "grey": ((128, 128, 128), (96, 97, 98)),
    "light grey": ((188, 188, 190),),
    "white": ((250, 250, 250), (230, 230, 231)),
}
CHROMATIC: dict[str, tuple[RGB, ...]] = {
    "off-white": ((240, 236, 226),),
    "ivory": ((255, 251, 232),),
    "cream": ((248, 238, 210),),
    "beige": ((219, 198, 162), (196, 180, 148), (206, 186, 128)),
    "stone": ((190, 180, 162),),
    "taupe": ((140, 124, 110),),
    "tan": ((205, 165, 118),),
    "camel": ((186, 140, 86), (155, 118, 70)),
    "brown": ((105, 65, 35), (125, 88, 62), (139, 69, 19)),
    "dark brown": ((60, 40, 28),),
    "rust": ((180, 70, 20),),
    "terracotta": ((190, 98, 72),),
    "maroon": ((70, 20, 28), (120, 0, 2)),
    "burgundy": ((115, 18, 42),),
    "red": ((220, 25, 30), (165, 25, 32), (208, 58, 62), (255, 0, 0), (150, 8, 6)),
    "raspberry": ((198, 30, 85),),
    "coral": ((250, 120, 100), (215, 95, 92)),
    "peach": ((252, 200, 165),),
    "orange": ((246, 130, 25), (255, 165, 0), (255, 75, 0)),
    "yellow": ((245, 210, 60), (228, 216, 85), (205, 180, 25), (194, 182, 80)),
    "light yellow": ((250, 238, 150),),
    "mustard": ((198, 148, 40), (165, 130, 45), (172, 155, 30)),
    "khaki": ((162, 148, 108), (183, 181, 106)),
    "olive": ((112, 112, 45), (72, 74, 44), (140, 142, 10)),
    "sage": ((150, 165, 130),),
    "green": ((40, 150, 60), (50, 205, 50), (85, 170, 45), (60, 125, 15), (104, 146, 45), (0, 255, 0)),
    "dark green": ((18, 72, 42), (5, 92, 10)),
    "light green": ((165, 215, 150), (120, 250, 135), (0, 250, 154), (170, 194, 118), (150, 166, 92)),
    "lime": ((160, 220, 50), (158, 184, 48), (127, 255, 0), (190, 255, 60)),
    "mint": ((165, 225, 195),),
    "teal": ((20, 125, 125),),
    "turquoise": ((60, 205, 205),),
    "petrol": ((18, 66, 88),),
    "light blue": ((150, 195, 235), (208, 226, 242), (136, 174, 208)),
    "blue": (
        (25, 80, 215),
        (50, 110, 190),
        (40, 88, 172),
        (38, 58, 140),
        (10, 25, 175),
        (0, 0, 225),
        (30, 144, 255),
        (78, 136, 210),
    ),
    "dusty blue": ((130, 148, 170), (112, 144, 190)),
    "denim blue": ((85, 110, 155), (68, 94, 130)),
    "dark denim": ((45, 55, 80),),
    "slate blue": ((88, 104, 122),),
    "navy": ((20, 28, 80), (22, 34, 58), (36, 42, 78), (34, 42, 64), (0, 0, 128)),
    "lavender": ((190, 170, 225), (228, 226, 248)),
    "lilac": ((200, 162, 200),),
    "violet": ((135, 70, 205), (176, 82, 215), (185, 110, 250), (128, 0, 255)),
    "purple": ((110, 45, 145), (130, 90, 160), (75, 0, 130), (60, 20, 125), (100, 0, 190)),
    "plum": ((85, 32, 80), (128, 60, 120)),
    "aubergine": ((52, 26, 48), (60, 42, 76)),
    "mauve": ((150, 105, 135),),
    "magenta": ((205, 30, 150), (255, 0, 255), (205, 80, 195)),
    "hot pink": ((255, 95, 170), (228, 45, 130)),
    "rose": ((220, 90, 125),),
    "pink": ((244, 160, 188), (222, 125, 142)),
    "light pink": ((248, 200, 210),),
    "blush": ((250, 220, 222),),
    "dusty rose": ((172, 108, 112), (150, 94, 92), (195, 160, 168)),
}
NAMED_COLOURS = {**ACHROMATIC, **CHROMATIC}
GREYEST_CHROMA = 10.0  # above this anyone sees a hue, and nobody says grey
DARKEST_HUE = 10.0  # the lightness below which even strong chroma looks black

_EXAMPLES = [(name, rgb) for name, examples in NAMED_COLOURS.items() for rgb in examples]
_NAMES = [name for name, _ in _EXAMPLES]
_LAB = lab_of_rgb([rgb for _, rgb in _EXAMPLES])
_IS_ACHROMATIC = np.array([name in ACHROMATIC for name in _NAMES])


def colour_names(lab: NDArray[np.float64]) -> list[str]:
    """The name of the example that looks nearest to each colour [n, 3]; a grey's only if hardly any hue shows."""
    difference = ciede2000(lab[:, None], _LAB)
    has_hue = (np.hypot(lab[:, 1], lab[:, 2]) > GREYEST_CHROMA) & (lab[:, 0] > DARKEST_HUE)
    difference[has_hue[:, None] & _IS_ACHROMATIC] = np.inf
    return [_NAMES[at] for at in np.argmin(difference, axis=1)]
