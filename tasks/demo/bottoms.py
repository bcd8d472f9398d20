"""Silhouettes of clothes worn below the waist."""

from tasks.demo.patterns import COLOURS, Point
from tasks.demo.sketch import Sketch, mirrored


def pants(sketch: Sketch) -> None:
    """Draw long trousers: slim, straight or wide; as jeans, chinos with a crease, or joggers with a cord."""
    rng = sketch.rng
    waist, hip = (14.0, 20.5) if sketch.gender == "female" else (17.0, 20.0)
    ankle = rng.choice((7.0, 9.0, 13.5))
    gap = rng.uniform(1.0, 4.0)
    leg: list[Point] = [
        (0, 8),
        (waist, 8),
        (hip, 32),
        (hip - 1, 70),
        (gap + 2 * ankle, 124),
        (gap, 125),
        (1, 44),
        (0, 42),
    ]
    sketch.cut(mirrored(leg))
    _waistband(sketch, waist)
    make = rng.choice(("jeans", "chinos", "joggers"))
    if make == "jeans":
        stitch = COLOURS["orange"] if sketch.colour[2] > sketch.colour[0] else sketch.ink
        sketch.seams([(waist - 8, 14), (waist - 6, 21), (waist + 2.3, 23)], ink=stitch, width=0.7)
    elif make == "chinos":
        sketch.seams([(waist * 0.55, 18), (gap + ankle, 122)], width=0.6)
        sketch.seams([(waist - 4, 14), (waist + 1.6, 26)], width=0.7)
    else:
        sketch.seams([(1, 13), (2.5, 24)], ink=sketch.accent, width=1.0)
        sketch.seams([(gap + 0.5, 119), (gap + 2 * ankle, 118)], width=1.6)


def shorts(sketch: Sketch) -> None:
    """Draw shorts: two short wide legs below a waistband."""
    rng = sketch.rng
    waist, wide = (18.0, 27.0) if sketch.gender == "female" else (21.0, 29.0)
    hem = rng.uniform(68, 78) if sketch.gender == "female" else rng.uniform(80, 94)
    leg: list[Point] = [(0, 26), (waist, 26), (wide - 2, 48), (wide + 3, hem), (3, hem + 3), (0.5, 58), (0, 57)]
    sketch.cut(mirrored(leg))
    _waistband(sketch, waist, top=26)
    sketch.seams([(waist - 4, 33), (waist + 3.5, 46)], width=0.8)
    sketch.seams([(4, hem - 1), (wide + 2.6, hem - 4)], width=0.6)
    if rng.random() < 0.5:
        sketch.seams([(1, 32), (3, 45)], ink=sketch.accent, width=1.0)


def skirt(sketch: Sketch) -> None:
    """Draw a skirt: pencil, flared or pleated, short to long."""
    rng = sketch.rng
    waist, hem = rng.uniform(14, 17), rng.uniform(74, 112)
    make = rng.choice(("pencil", "flared", "pleated"))
    flare = 21.0 if make == "pencil" else rng.uniform(32, 42)
    middle = 22.5 if make == "pencil" else (waist + flare) * 0.52
    half: list[Point] = [(0, 24), (waist, 24), (middle, 50), (flare, hem), (flare * 0.5, hem + 3.5), (0, hem + 4.5)]
    sketch.cut(mirrored(half))
    sketch.cut([(-waist, 23), (waist, 23), (waist + 0.6, 29.5), (-waist - 0.6, 29.5)])
    if make == "pencil":
        sketch.seam([(0, hem - 16), (0, hem + 4)], width=1.0)
        return
    for fold in (0.0, 0.2, 0.4, 0.6, 0.8) if make == "pleated" else (0.25, 0.65):
        sketch.seams([(waist * fold, 30), (flare * fold, hem + 3)], width=0.9 if make == "pleated" else 0.5)


def _waistband(sketch: Sketch, waist: float, top: float = 8) -> None:
    sketch.cut([(-waist, top - 1), (waist, top - 1), (waist + 0.8, top + 6), (-waist - 0.8, top + 6)])
    sketch.seam([(0, top + 6), (0, top + 32)], width=0.9)
    sketch.seam([(0.5, top + 23), (4, top + 17), (4, top + 6)], width=0.5)
    sketch.dot((0, top + 2.5), 1.3)
