"""Silhouettes of clothes worn above the waist, and of dresses."""

from tasks.demo.patterns import COLOURS, Point, darker, mixed
from tasks.demo.sketch import Sketch, curve, mirrored


def tshirt(sketch: Sketch) -> None:
    """Draw a T-shirt: short sleeves, ribbed round or V neck, sometimes long sleeves."""
    waist, width = _cut(sketch)
    long_sleeves = sketch.rng.random() < 0.2
    hem = 108.0 + sketch.rng.uniform(-4, 5)
    deep = sketch.rng.choice((14, 15, 22))
    _sleeves(
        sketch, width, length=sketch.rng.uniform(84, 96) if long_sleeves else sketch.rng.uniform(42, 50), wide=1.15
    )
    body = [
        (0, deep + 4),
        (6, deep),
        (11, 11),
        (width, 17),
        (width - 2, 38),
        (waist, 70),
        (waist + 2, hem),
        (0, hem + 1.5),
    ]
    sketch.cut(mirrored(body))
    sketch.seams([(12.5, 10.6), (8, deep + 2), (0, deep + 6.5)], width=1.6)
    sketch.seam([(-waist - 1.5, hem - 3), (0, hem - 2), (waist + 1.5, hem - 3)], width=0.5)
    if long_sleeves:
        return
    sketch.seams([(width + 11, 43), (width + 1, 48)], width=0.5)


def shirt(sketch: Sketch) -> None:
    """Draw a shirt: pointed collar, buttoned placket, cuffs, curved hem, often a chest pocket."""
    waist, width = _cut(sketch)
    short = sketch.rng.random() < 0.3
    _sleeves(sketch, width, length=sketch.rng.uniform(46, 52) if short else sketch.rng.uniform(94, 104), cuff=not short)
    body = [(0, 16), (9, 12), (width, 17), (width - 2, 40), (waist, 70), (waist + 2, 100), (waist - 6, 108), (0, 113)]
    sketch.cut(mirrored(body))
    lighter = mixed(sketch.colour, (255, 255, 255), 0.12)
    sketch.cut([(-2.6, 18), (2.6, 18), (2.6, 112), (-2.6, 112)], fill=lighter)
    button = COLOURS["white"] if sum(sketch.colour) < 500 else darker(sketch.colour, 0.6)
    for y in range(25, 110, 13):
        sketch.dot((0, y), 1.25, button)
    if sketch.rng.random() < 0.65:
        sketch.cut([(8, 40), (19, 40), (19, 51), (13.5, 54), (8, 51)])
    _collar(sketch)


def jacket(sketch: Sketch) -> None:
    """Draw a jacket: open over a lining with lapels, or zipped with a stand-up collar, or quilted."""
    waist, width = _cut(sketch)
    waist, width = waist + 3, width + 2
    hem = sketch.rng.uniform(104, 116)
    _sleeves(sketch, width, length=sketch.rng.uniform(98, 106), wide=1.3, cuff=True)
    body = [(0, 13), (9, 10), (width, 16), (width, 40), (waist, 70), (waist + 3, hem), (0, hem)]
    sketch.cut(mirrored(body))
    make = sketch.rng.choice(("lapels", "open", "zip", "quilted"))
    if make in ("lapels", "open"):
        _open_front(sketch, hem, lapels=make == "lapels")
    else:
        _zip_front(sketch, waist, hem, quilted=make == "quilted")
    if make == "lapels":
        sketch.seams([(10, 78), (21, 76)], width=1.2)
    else:
        sketch.seams([(12, 84), (19, 72)], width=1.2)


def dress(sketch: Sketch) -> None:
    """Draw a dress: fitted bodice, waist seam and flared skirt, on straps, sleeveless or with sleeves."""
    rng = sketch.rng
    hem, flare, waist_at = rng.uniform(100, 124), rng.uniform(24, 38), rng.uniform(50, 58)
    top = rng.choice(("straps", "sleeveless", "short", "long"))
    if top in ("short", "long"):
        _sleeves(sketch, 20, length=36 if top == "short" else 76, wide=0.9)
    shoulder: list[Point] = [(13, 24), (16, 30)] if top == "straps" else [(9, 12), (19, 15), (16.5, 30)]
    neck = 24 if top == "straps" else rng.choice((18, 26))
    bodice = [(0, neck), (7, neck - 2), *shoulder, (15.5, 38), (12.5, waist_at)]
    sketch.cut(
        mirrored([*bodice, (flare * 0.72, hem * 0.62 + 24), (flare, hem), (flare * 0.5, hem + 2.5), (0, hem + 3)])
    )
    if top == "straps":
        sketch.seams([(10, 25), (8.5, 9)], width=1.6)
    sketch.seam([(-12.5, waist_at), (0, waist_at + 1.5), (12.5, waist_at)], width=rng.choice((0.7, 2.4)))
    for fold in (0.25, 0.6):
        sketch.seams([(12 * fold, waist_at + 4), (flare * fold, hem)], width=0.5)


def _cut(sketch: Sketch) -> tuple[float, float]:
    """Return half the waist and half the shoulders: narrow for women, boxy for men."""
    waist, width = {"female": (18.5, 22.0), "male": (25.0, 26.5), "unisex": (22.5, 24.5)}[sketch.gender]
    loose = sketch.rng.uniform(-1, 2)
    return waist + loose, width + loose / 2


def _sleeves(sketch: Sketch, width: float, *, length: float, wide: float = 1.0, cuff: bool = False) -> None:
    reach = (length - 16) * sketch.rng.uniform(0.16, 0.30) if length > 60 else (length - 16) * 0.42
    outer, inner = (width + 2 + reach, length), (width + 2 + reach - 9 * wide, length + 3)
    slope = 14 if length > 60 else 10
    outline = [(width - 6, 15), (width, 16.5), (width + 5 + reach * 0.35, 20 + slope), outer, inner, (width - 3, 42)]
    sketch.both(outline, turn=14)
    if cuff:
        drop = 7.0
        sketch.both([(outer[0] - 0.8, outer[1] - drop), outer, inner, (inner[0] - 1.2, inner[1] - drop)], turn=14)


def _collar(sketch: Sketch) -> None:
    inside = darker(sketch.colour, 0.45)
    sketch.cut(curve([(-9, 11), (0, 8.5), (9, 11), (5, 15), (0, 18), (-5, 15)]), fill=inside)
    sketch.both([(9, 8.5), (12.5, 14), (8, 26), (0.2, 18.5), (4, 15)])


def _open_front(sketch: Sketch, hem: float, *, lapels: bool) -> None:
    lining = sketch.accent if sketch.rng.random() < 0.5 else darker(sketch.colour, 0.55)
    gap, low = sketch.rng.uniform(5, 10), 62 if lapels else hem
    front: list[Point] = [(0, 9), (9, 10), (gap + 1, 30), (1.5 if lapels else gap, low), (0, low + 1)]
    sketch.cut(mirrored(front), fill=lining)
    if not lapels:
        sketch.both([(9, 8), (13, 12), (13, 20), (gap + 1, 26), (7, 13)])
        return
    sketch.seam([(0, low), (2, hem)])
    sketch.both([(8, 8), (13, 13), (20, 27), (15, 30), (17, 34), (1.5, 63), (6, 30)])
    for y in (67, 79):
        sketch.dot((-3.5, y), 1.6, darker(sketch.colour, 0.6))


def _zip_front(sketch: Sketch, waist: float, hem: float, *, quilted: bool) -> None:
    if quilted:
        for y in range(26, int(hem) - 4, 12):
            sketch.seam(curve([(-waist - 2, y), (0, y + 2.5), (waist + 2, y)], closed=False), width=1.0)
    sketch.cut(mirrored([(0, 5), (10, 6), (11, 15), (0, 19)]))
    metal = COLOURS["grey"] if sum(sketch.colour) < 600 else COLOURS["black"]
    sketch.seam([(0, 7), (0, hem)], ink=metal, width=1.6)
    sketch.cut([(-1.6, 22), (1.6, 22), (1.6, 28), (-1.6, 28)], fill=metal)
    sketch.seam([(-waist - 3, hem - 6), (waist + 3, hem - 6)], width=1.0)
