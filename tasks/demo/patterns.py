"""Cloth: the named colours and the patterns that drawn garments are cut from."""

from collections.abc import Callable
from functools import lru_cache
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageDraw

RGB = tuple[int, int, int]
Point = tuple[float, float]

COLOURS: dict[str, RGB] = {
    "black": (28, 28, 30),
    "white": (244, 244, 242),
    "grey": (136, 138, 142),
    "red": (205, 32, 38),
    "burgundy": (112, 22, 44),
    "orange": (238, 122, 32),
    "yellow": (246, 208, 56),
    "green": (44, 138, 66),
    "olive": (110, 112, 52),
    "teal": (22, 132, 136),
    "light blue": (146, 194, 232),
    "blue": (38, 88, 196),
    "navy": (28, 38, 84),
    "purple": (112, 58, 152),
    "pink": (242, 154, 182),
    "brown": (112, 70, 42),
    "beige": (216, 196, 160),
}

PATTERNS = ("plain", "striped", "checked", "polka", "floral", "graphic", "knitted")


def mixed(colour: RGB, other: RGB, share: float) -> RGB:
    """Return `colour` with `share` (0 to 1) of `other` mixed in."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def darker(colour: RGB, share: float = 0.35) -> RGB:
    """Return `colour` nearer to black, or nearer to white where it is almost black already."""
    return mixed(colour, (255, 255, 255), share * 0.6) if sum(colour) < 150 else mixed(colour, (0, 0, 0), share)


def jittered(colour: RGB, rng: Random, reach: int = 10) -> RGB:
    """Return a shade of `colour`, as two dye lots of one name differ."""
    red, green, blue = (min(250, max(8, part + rng.randint(-reach, reach))) for part in colour)
    return red, green, blue


def contrasting(colour: RGB, rng: Random) -> RGB:
    """Return a colour that shows on `colour`: white or black most often, as on real cloth."""
    if rng.random() < 0.7:
        return COLOURS["white"] if sum(colour) < 430 else rng.choice((COLOURS["navy"], COLOURS["black"]))
    far = [c for c in COLOURS.values() if sum(abs(a - b) for a, b in zip(c, colour, strict=True)) > 200]
    return rng.choice(far)


def cloth(pattern: str, colour: RGB, size: tuple[int, int], rng: Random) -> Image.Image:
    """Return an RGB picture of `size` pixels, filled with the pattern in the colour, with a little weave."""
    base = Image.new("RGB", size, colour)
    _PAINTERS.get(pattern, _plain)(base, colour, rng)
    return ImageChops.add(base, _weave(size), 1.0, -8)


@lru_cache(maxsize=4)
def _weave(size: tuple[int, int]) -> Image.Image:
    grain = np.random.default_rng(20).integers(0, 17, (size[1], size[0], 1), dtype=np.uint8)
    return Image.fromarray(np.repeat(grain, 3, axis=2))


def _plain(base: Image.Image, colour: RGB, rng: Random) -> None:
    """Leave the cloth as it is."""


def _striped(base: Image.Image, colour: RGB, rng: Random) -> None:
    draw, other = ImageDraw.Draw(base), contrasting(colour, rng)
    step = rng.randint(18, 46)
    width = round(step * rng.uniform(0.25, 0.5))
    vertical = rng.random() < 0.4
    for start in range(0, max(base.size), step):
        box = (start, 0, start + width, base.height) if vertical else (0, start, base.width, start + width)
        draw.rectangle(box, fill=other)


def _checked(base: Image.Image, colour: RGB, rng: Random) -> None:
    other, step = contrasting(colour, rng), rng.randint(30, 62)
    width = round(step * rng.uniform(0.3, 0.5))
    for vertical in (False, True):
        lines = Image.new("L", base.size, 0)
        draw = ImageDraw.Draw(lines)
        for start in range(0, max(base.size), step):
            box = (start, 0, start + width, base.height) if vertical else (0, start, base.width, start + width)
            draw.rectangle(box, fill=115)
        base.paste(other, (0, 0), lines)


def _polka(base: Image.Image, colour: RGB, rng: Random) -> None:
    draw, other = ImageDraw.Draw(base), contrasting(colour, rng)
    step = rng.randint(24, 46)
    radius = step * rng.uniform(0.16, 0.3)
    for row, y in enumerate(range(0, base.height, step)):
        for x in range(-(row % 2) * step // 2, base.width + step, step):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=other)


def _floral(base: Image.Image, colour: RGB, rng: Random) -> None:
    draw = ImageDraw.Draw(base)
    petals = [contrasting(colour, rng) for _ in range(2)]
    leaf = mixed(COLOURS["green"], colour, 0.25)
    cell = rng.randint(38, 54)
    for y in range(0, base.height, cell):
        for x in range(0, base.width, cell):
            _flower(
                draw, (x + rng.uniform(0, cell), y + rng.uniform(0, cell)), rng.uniform(7, 12), rng.choice(petals), leaf
            )


def _flower(draw: ImageDraw.ImageDraw, centre: Point, radius: float, petal: RGB, leaf: RGB) -> None:
    x, y = centre
    draw.ellipse((x + radius, y, x + 2.4 * radius, y + 0.8 * radius), fill=leaf)
    for dx, dy in ((0, -1), (0.95, -0.3), (0.6, 0.8), (-0.6, 0.8), (-0.95, -0.3)):
        cx, cy, r = x + dx * radius * 0.8, y + dy * radius * 0.8, radius * 0.62
        draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=petal)
    r = radius * 0.4
    draw.ellipse((x - r, y - r, x + r, y + r), fill=COLOURS["yellow"])


def _graphic(base: Image.Image, colour: RGB, rng: Random) -> None:
    """Print one emblem on the chest: a disc, a star, blocks or a mountain."""
    draw, other = ImageDraw.Draw(base), contrasting(colour, rng)
    x, y, r = base.width / 2, base.height * 0.43, base.width * rng.uniform(0.09, 0.14)
    emblem = rng.randrange(4)
    if emblem == 0:
        draw.ellipse((x - r, y - r, x + r, y + r), fill=other)
        draw.rectangle((x - r, y - r * 0.15, x + r, y + r * 0.15), fill=colour)
    elif emblem == 1:
        draw.regular_polygon((x, y, r), 3, rotation=rng.choice((0, 180)), fill=other)
        draw.rectangle((x - r, y + r * 0.8, x + r, y + r), fill=other)
    elif emblem == 2:
        for row in range(3):
            draw.rectangle(
                (x - r, y - r + row * r * 0.7, x + r * rng.uniform(0.2, 1), y - r * 0.55 + row * r * 0.7), fill=other
            )
    else:
        draw.polygon(
            [(x - r, y + r), (x - r * 0.3, y - r), (x + r * 0.1, y), (x + r * 0.5, y - r * 0.5), (x + r, y + r)],
            fill=other,
        )


def _knitted(base: Image.Image, colour: RGB, rng: Random) -> None:
    draw, ink = ImageDraw.Draw(base), mixed(colour, darker(colour), 0.55)
    step = rng.randint(12, 18)
    for x in range(0, base.width, step):
        zigzag: list[Point] = []
        for row, y in enumerate(range(0, base.height + step, step // 2)):
            zigzag.append((x + (row % 2) * step * 0.5, y))
        draw.line(zigzag, fill=ink, width=2)


_PAINTERS: dict[str, Callable[[Image.Image, RGB, Random], None]] = {
    "striped": _striped,
    "checked": _checked,
    "polka": _polka,
    "floral": _floral,
    "graphic": _graphic,
    "knitted": _knitted,
}
