"""Silhouettes of bags and hats."""

from tasks.demo.patterns import COLOURS, Point, darker, mixed
from tasks.demo.sketch import Sketch, curve, mirrored


def bag(sketch: Sketch) -> None:
    """Draw a handbag, a tote, a satchel with a flap, or a backpack."""
    sketch.rng.choice((_handbag, _tote, _satchel, _backpack))(sketch)


def hat(sketch: Sketch) -> None:
    """Draw a brimmed hat, a peaked cap or a knitted beanie."""
    sketch.rng.choice((_brimmed, _cap, _beanie))(sketch)


def _handbag(sketch: Sketch) -> None:
    handle = curve([(-17, 56), (-15, 30), (0, 21), (15, 30), (17, 56)], closed=False)
    sketch.seam(handle, width=3.0)
    sketch.cut(mirrored([(0, 52), (26, 52), (36, 100), (34, 106), (0, 107)]))
    sketch.seam([(-27, 59), (27, 59)], width=1.0)
    sketch.cut([(-4, 55), (4, 55), (4, 64), (-4, 64)], fill=COLOURS["yellow"])


def _tote(sketch: Sketch) -> None:
    for shift in (0, 3):
        sketch.seam(curve([(-14 + shift, 50), (-12 + shift, 18), (10, 18), (14, 50)], closed=False), width=2.2)
    sketch.cut(mirrored([(0, 44), (30, 44), (28, 112), (0, 113)]))
    sketch.seam([(-29.8, 50), (29.8, 50)], width=0.8)


def _satchel(sketch: Sketch) -> None:
    strap: list[Point] = [(-34, 58), (-30, 24), (0, 6), (30, 24), (34, 58)]
    sketch.seam(curve(strap, closed=False), width=2.4)
    sketch.cut(mirrored([(0, 50), (36, 50), (37, 100), (0, 103)]))
    sketch.cut(mirrored([(0, 49), (37, 49), (36, 72), (20, 82), (0, 83)]))
    sketch.cut([(-4, 77), (4, 77), (4, 89), (-4, 89)], fill=mixed(COLOURS["yellow"], COLOURS["grey"], 0.4))


def _backpack(sketch: Sketch) -> None:
    sketch.seam(curve([(-8, 22), (0, 11), (8, 22)], closed=False), width=2.6)
    sketch.both(curve([(26, 44), (35, 66), (32, 98), (27, 94)]))
    sketch.cut(curve(mirrored([(0, 18), (20, 23), (28, 48), (30, 96), (22, 112), (0, 113)])))
    sketch.cut(curve(mirrored([(0, 66), (18, 67), (20, 88), (17, 103), (0, 104)])))
    sketch.seam(curve([(-25, 46), (0, 40), (25, 46)], closed=False), ink=darker(sketch.colour, 0.6), width=1.2)
    sketch.seam([(-17, 74), (17, 74)], ink=darker(sketch.colour, 0.6), width=1.2)


def _brimmed(sketch: Sketch) -> None:
    wide = sketch.rng.uniform(40, 47)
    sketch.cut(curve(mirrored([(0, 73), (24, 76), (wide, 83), (26, 92), (0, 94)])))
    sketch.cut(mirrored(curve([(0, 44), (10, 40), (19, 46), (23, 66), (24.5, 82), (12, 85.5), (0, 86)], closed=False)))
    ribbon = darker(sketch.colour, 0.6) if sum(sketch.colour) > 200 else COLOURS["burgundy"]
    sketch.cut(mirrored([(0, 78), (12, 77.5), (23.6, 74), (24.6, 81), (12, 85), (0, 85.5)]), fill=ribbon)


def _cap(sketch: Sketch) -> None:
    crown: list[Point] = [(-34, 84), (-33, 64), (-22, 48), (-4, 43), (12, 50), (20, 66), (21, 82), (-6, 87)]
    sketch.cut(curve(crown))
    sketch.cut(curve([(2, 83), (22, 76), (42, 83), (46, 91), (38, 91), (20, 87)]), fill=darker(sketch.colour, 0.15))
    sketch.seam(curve([(-5, 43), (2, 62), (2, 85)], closed=False), width=0.8)
    sketch.seam(curve([(-6, 43), (-22, 62), (-24, 85)], closed=False), width=0.8)
    sketch.dot((-5, 43), 2.2)
    sketch.dot((11, 66), 4.5, sketch.accent)


def _beanie(sketch: Sketch) -> None:
    sketch.cut(curve(mirrored([(0, 34), (16, 38), (26, 56), (28, 82), (0, 86)])))
    for x in (6, 13, 20):
        sketch.seams(curve([(x * 0.35, 37), (x, 56), (x * 1.2, 80)], closed=False), width=0.8)
    sketch.cut(mirrored([(0, 80), (29, 77), (30, 94), (0, 97)]))
    for x in range(0, 30, 5):
        sketch.seams([(x, 80), (x, 95)], width=0.9)
    if sketch.rng.random() < 0.5:
        sketch.dot((0, 31), 7.5, sketch.accent)
