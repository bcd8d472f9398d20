"""The drawing board: outlines in percent of the board's width, cut from cloth, seamed and shaded."""

from collections.abc import Sequence
from functools import lru_cache
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from tasks.demo.patterns import RGB, Point, cloth, contrasting, darker

BOARD = (400, 520)  # twice the finished picture: reducing by two smooths every edge
_UNIT = BOARD[0] / 100


class Sketch:
    """One garment on a transparent board; x runs from -50 to 50 around the middle, y from 0 (top) to 130."""

    def __init__(self, colour: RGB, pattern: str, gender: str, rng: Random) -> None:
        self.colour = colour
        self.gender = gender
        self.rng = rng
        self.ink = darker(colour)
        self.accent = contrasting(colour, rng)
        self.picture = Image.new("RGBA", BOARD, (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.picture)
        self._cloth = cloth(pattern, colour, BOARD, rng)

    def cut(self, outline: Sequence[Point], *, fill: RGB | None = None, turn: float = 0, edge: bool = True) -> None:
        """Cut a closed outline from the cloth (or from plain `fill`), the cloth turned by `turn` degrees."""
        points = _on_board(outline)
        mask = Image.new("L", BOARD, 0)
        ImageDraw.Draw(mask).polygon(points, fill=255)
        box = mask.getbbox() or (0, 0, 1, 1)
        surface = self._turned(turn).crop(box) if fill is None else Image.new("RGB", _size(box), fill)
        lit = ImageChops.multiply(surface, _folds().crop(box)) if edge else surface
        self.picture.paste(lit, box[:2], mask.crop(box))
        if edge:
            ink = self.ink if fill is None else darker(fill, 0.25)
            self._draw.line([*points, points[0], points[1]], fill=ink, width=3, joint="curve")

    def both(self, outline: Sequence[Point], *, fill: RGB | None = None, turn: float = 0, edge: bool = True) -> None:
        """Cut an outline and its mirror image: two sleeves, two lapels, two legs."""
        self.cut(outline, fill=fill, turn=turn, edge=edge)
        self.cut([(-x, y) for x, y in outline], fill=fill, turn=-turn, edge=edge)

    def seam(self, line: Sequence[Point], *, ink: RGB | None = None, width: float = 0.7) -> None:
        """Draw an open line: a seam, a crease, a lace or a strap."""
        stroke = max(1, round(width * _UNIT))
        self._draw.line(_on_board(line), fill=ink or self.ink, width=stroke, joint="curve")

    def seams(self, line: Sequence[Point], *, ink: RGB | None = None, width: float = 0.7) -> None:
        """Draw a line and its mirror image."""
        self.seam(line, ink=ink, width=width)
        self.seam([(-x, y) for x, y in line], ink=ink, width=width)

    def dot(self, centre: Point, radius: float, ink: RGB | None = None) -> None:
        """Draw a filled disc: a button, an eyelet, a buckle."""
        (x, y), r = _on_board([centre])[0], radius * _UNIT
        self._draw.ellipse((x - r, y - r, x + r, y + r), fill=ink or self.ink)

    def _turned(self, degrees: float) -> Image.Image:
        if not degrees:
            return self._cloth
        grown = self._cloth.resize((BOARD[0] * 3 // 2, BOARD[1] * 3 // 2)).rotate(degrees)
        return grown.crop((BOARD[0] // 4, BOARD[1] // 4, BOARD[0] // 4 + BOARD[0], BOARD[1] // 4 + BOARD[1]))


def mirrored(right: Sequence[Point]) -> list[Point]:
    """Return the closed outline whose right half is `right`, from top to bottom."""
    return [*right, *((-x, y) for x, y in reversed(right))]


def curve(points: Sequence[Point], *, closed: bool = True, steps: int = 6) -> list[Point]:
    """Return a smooth (Catmull-Rom) line through the points."""
    ring = [points[-1], *points, points[0], points[1]] if closed else [points[0], *points, points[-1]]
    line = [_between(ring[at : at + 4], step / steps) for at in range(len(ring) - 3) for step in range(steps)]
    return line if closed else [*line, points[-1]]


def _between(four: Sequence[Point], t: float) -> Point:
    weights = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3)
    x = sum(weight * point[0] for weight, point in zip(weights, four, strict=True)) / 2
    y = sum(weight * point[1] for weight, point in zip(weights, four, strict=True)) / 2
    return x, y


def _on_board(points: Sequence[Point]) -> list[Point]:
    return [(BOARD[0] / 2 + x * _UNIT, y * _UNIT) for x, y in points]


def _size(box: tuple[int, int, int, int]) -> tuple[int, int]:
    return box[2] - box[0], box[3] - box[1]


@lru_cache(maxsize=1)
def _folds() -> Image.Image:
    """Return the light on the cloth: soft vertical folds, darker towards the sides."""
    x = np.linspace(-1, 1, BOARD[0])[None, :]
    y = np.linspace(0, 1, BOARD[1])[:, None]
    light = 1 - 0.10 * x**2 - 0.045 * np.sin(9 * x + 2.5 * y) ** 2 - 0.03 * np.sin(23 * x - 4 * y) ** 2
    grey = np.round(light * 255).astype(np.uint8)[:, :, None]
    return Image.fromarray(np.repeat(grey, 3, axis=2))
