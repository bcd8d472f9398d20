"""Silhouettes of shoes, seen from the side, the toe to the right; pairs show a second one behind."""

from collections.abc import Callable

from tasks.demo.patterns import COLOURS, RGB, Point, darker, mixed
from tasks.demo.sketch import Sketch, curve

Line = list[Point]


def shoes(sketch: Sketch) -> None:
    """Draw a leather lace-up or a boot: stacked heel, welt, laces."""
    boot = sketch.rng.random() < 0.3
    _pair(sketch, lambda dx, dy: _leather(sketch, dx, dy, top=30 if boot else 54))


def sneakers(sketch: Sketch) -> None:
    """Draw a sneaker: thick pale sole, laces, a swoosh or stripes on the side."""
    high, emblem = sketch.rng.random() < 0.3, sketch.rng.randrange(3)
    _pair(sketch, lambda dx, dy: _trainer(sketch, dx, dy, top=36 if high else 50, emblem=emblem))


def heels(sketch: Sketch) -> None:
    """Draw a pump on a high thin heel, with or without an ankle strap."""
    strap, heel = sketch.rng.random() < 0.4, sketch.rng.uniform(1.6, 4.5)
    _pair(sketch, lambda dx, dy: _pump(sketch, dx, dy, strap=strap, heel=heel))


def flats(sketch: Sketch) -> None:
    """Draw ballet flats: a pair from above, or one low slipper from the side, with a bow."""
    if sketch.rng.random() < 0.5:
        _from_above(sketch)
    else:
        _pair(sketch, lambda dx, dy: _slipper(sketch, dx, dy))


def _pair(sketch: Sketch, one: Callable[[float, float], None]) -> None:
    if sketch.rng.random() < 0.5:
        one(7, -14)
        one(-4, 8)
    else:
        one(0, 0)


def _moved(line: Line, dx: float, dy: float) -> Line:
    return [(x + dx, y + dy) for x, y in line]


def _leather(sketch: Sketch, dx: float, dy: float, top: float) -> None:
    upper: Line = [
        (-36, 82),
        (-37, 66),
        (-36, top),
        (-27, top - 2),
        (-14, top + 1),
        (-8, 60),
        (6, 67),
        (24, 70),
        (36, 76),
        (38, 83),
    ]
    sketch.cut(_moved(curve([*upper, (0, 84)]), dx, dy))
    sole: RGB = darker(sketch.colour, 0.6)
    sketch.cut(_moved([(-38, 82), (39, 82), (38, 87), (-14, 87), (-16, 93), (-38, 93)], dx, dy), fill=sole)
    sketch.seam(_moved(curve([(20, 70), (17, 76), (19, 82)], closed=False), dx, dy), width=0.9)
    sketch.seam(_moved(curve([(-26, 82), (-20, 70), (-14, top + 3)], closed=False), dx, dy), width=0.9)
    for step in range(3 if top > 40 else 5):
        y = 63 - step * (top < 40) * 7 + step * (top > 40) * 2.2
        x = -9 + step * (top > 40) * 5.5 - step * (top < 40) * 1.2
        sketch.seam(_moved([(x - 4, y + 3), (x + 2, y - 1)], dx, dy), ink=darker(sketch.colour, 0.75), width=1.1)


def _trainer(sketch: Sketch, dx: float, dy: float, top: float, emblem: int) -> None:
    upper: Line = [
        (-37, 80),
        (-38, 64),
        (-36, top),
        (-24, top + 3),
        (-12, top + 2),
        (-2, 60),
        (14, 66),
        (30, 69),
        (39, 78),
        (38, 83),
    ]
    sketch.cut(_moved(curve([*upper, (0, 84)]), dx, dy))
    pale = COLOURS["white"] if sum(sketch.colour) < 690 else mixed(COLOURS["grey"], (255, 255, 255), 0.5)
    sole: Line = [(-40, 80), (-20, 82), (10, 82), (41, 79), (42, 86), (36, 92), (-36, 92), (-41, 88)]
    sketch.cut(_moved(sole, dx, dy), fill=pale)
    sketch.seam(_moved([(-40, 87), (41, 86)], dx, dy), ink=darker(pale, 0.25), width=0.9)
    sketch.cut(_moved(curve([(25, 79), (27, 71), (34, 72), (39, 79)]), dx, dy), fill=pale)
    for step in range(5):
        x = -10 + step * 5
        y = 57 + step * 2.6
        sketch.seam(_moved([(x - 2, y + 4), (x + 4, y - 2)], dx, dy), ink=pale, width=1.4)
    _emblem(sketch, dx, dy, emblem, pale)


def _emblem(sketch: Sketch, dx: float, dy: float, emblem: int, pale: RGB) -> None:
    ink = sketch.accent if sum(sketch.accent) != sum(sketch.colour) else pale
    if emblem == 0:
        sketch.cut(_moved(curve([(-24, 72), (-14, 78), (8, 66), (-12, 74)]), dx, dy), fill=ink, edge=False)
    elif emblem == 1:
        for x in (-20, -13, -6):
            sketch.seam(_moved([(x, 79), (x + 6, 63)], dx, dy), ink=ink, width=2.2)
    else:
        sketch.dot((-16 + dx, 71 + dy), 4.5, ink)


def _pump(sketch: Sketch, dx: float, dy: float, *, strap: bool, heel: float) -> None:
    sole = darker(sketch.colour, 0.5)
    sketch.cut(_moved([(-34, 58), (-24, 66), (-30 + heel, 100), (-31, 100)], dx, dy), fill=sole)
    under: Line = [(38, 97), (40, 99), (14, 100), (2, 95), (-14, 76), (-26, 68), (-34, 62)]
    sketch.cut(_moved([*under, (-33, 58), (-12, 70), (6, 90)], dx, dy), fill=sole)
    upper: Line = [
        (-35, 61),
        (-35, 46),
        (-31, 43),
        (-27, 54),
        (-16, 66),
        (0, 78),
        (10, 79),
        (22, 84),
        (39, 95),
        (38, 98),
        (16, 98),
        (4, 93),
        (-14, 74),
    ]
    sketch.cut(_moved(curve(upper), dx, dy))
    if strap:
        sketch.seam(
            _moved(curve([(-33, 46), (-24, 41), (-14, 42), (-12, 50), (-18, 62)], closed=False), dx, dy), width=1.8
        )


def _slipper(sketch: Sketch, dx: float, dy: float) -> None:
    upper: Line = [
        (-37, 84),
        (-38, 74),
        (-36, 68),
        (-33, 69),
        (-26, 77),
        (-8, 81),
        (10, 79),
        (18, 73),
        (28, 75),
        (38, 81),
        (40, 86),
    ]
    sketch.cut(_moved(curve([*upper, (0, 88)]), dx, dy))
    sketch.cut(_moved([(-38, 86), (40, 86), (38, 89), (-37, 89)], dx, dy), fill=darker(sketch.colour, 0.5))
    _bow(sketch, (20 + dx, 74.5 + dy))


def _from_above(sketch: Sketch) -> None:
    inside = mixed(COLOURS["beige"], sketch.colour, 0.25)
    toe: Line = [
        (18, 26),
        (28, 34),
        (31, 52),
        (27, 76),
        (28, 94),
        (24, 104),
        (17, 106),
        (10, 101),
        (9, 84),
        (7, 58),
        (9, 36),
    ]
    sketch.both(curve(toe))
    sketch.both(
        curve([(18, 52), (26, 58), (24, 78), (24.5, 94), (17.5, 102), (12.5, 94), (12, 76), (11, 58)]), fill=inside
    )
    for side in (-1, 1):
        _bow(sketch, (18.5 * side, 49))


def _bow(sketch: Sketch, centre: Point) -> None:
    x, y = centre
    for side in (-1, 1):
        sketch.cut([(x, y), (x + 5.5 * side, y - 3), (x + 5.5 * side, y + 3)])
    sketch.dot(centre, 1.4)
