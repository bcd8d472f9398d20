"""The dominant colours of a garment: k-means in CIELAB over the picture without its background, and their names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recommender.cielab import lab_of_rgb, rgb_of_lab
from recommender.schema import Colour

THUMBNAIL_PX = 96
MAX_COLOURS = 3
MERGE_DISTANCE = 12.0  # ΔE below which two clusters are one colour in two lights
SMALLEST_SHARE = 0.05

BACKGROUND_DISTANCE = 14.0  # ΔE to a border colour within which a pixel may be background
BACKGROUND_BORDER_SHARE = 0.25  # of the border that a colour must hold to be background
SMALLEST_GARMENT = 0.02  # of the picture; less is noise on a garment which fills the frame
FAINT_GARMENT = 0.20  # a remainder smaller than this and paler than FAINT_CONTRAST is shading on a garment
FAINT_CONTRAST = 30.0  # of the background's own colour: a white shirt on white

NAMED_COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (12, 12, 12),
    "charcoal": (62, 64, 66),
    "grey": (128, 128, 128),
    "silver": (182, 182, 184),
    "white": (248, 248, 248),
    "cream": (248, 238, 210),
    "beige": (222, 200, 165),
    "tan": (190, 145, 95),
    "brown": (105, 65, 35),
    "maroon": (65, 20, 32),
    "burgundy": (115, 15, 40),
    "crimson": (190, 40, 75),
    "red": (220, 25, 30),
    "coral": (250, 120, 100),
    "orange": (250, 140, 20),
    "yellow": (240, 205, 60),
    "mustard": (180, 138, 40),
    "olive": (115, 115, 35),
    "sage": (135, 150, 115),
    "green": (40, 150, 55),
    "dark green": (15, 75, 40),
    "lime": (150, 230, 60),
    "mint": (165, 225, 195),
    "teal": (20, 125, 125),
    "turquoise": (60, 205, 205),
    "light blue": (150, 195, 235),
    "blue": (25, 80, 215),
    "denim blue": (85, 110, 155),
    "navy": (20, 28, 80),
    "lavender": (190, 170, 225),
    "purple": (110, 40, 150),
    "magenta": (205, 30, 150),
    "pink": (245, 170, 190),
    "dusty rose": (170, 105, 110),
}
_NAMES = tuple(NAMED_COLOURS)
_NAMED_LAB = lab_of_rgb(list(NAMED_COLOURS.values()))

_Array = NDArray[np.float64]


def colour_name(lab: _Array) -> str:
    """The name of the nearest colour of the palette."""
    return _NAMES[int(np.argmin(np.linalg.norm(_NAMED_LAB - lab, axis=1)))]


def dominant_colours(image: Image.Image) -> tuple[Colour, ...]:
    """Up to three colours of the garment in an RGB picture, the largest first; their shares sum to 1."""
    pixels = _thumbnail(image)
    lab = lab_of_rgb(pixels)
    garment = garment_mask(pixels, lab)
    centres, shares = _merged(*k_means(*_cells(pixels[garment], lab[garment]), MAX_COLOURS))
    rgb = rgb_of_lab(centres)
    return tuple(
        Colour(
            rgb=(int(rgb[at, 0]), int(rgb[at, 1]), int(rgb[at, 2])),
            lab=(round(float(centre[0]), 2), round(float(centre[1]), 2), round(float(centre[2]), 2)),
            share=share,
            name=colour_name(centre),
        )
        for at, (centre, share) in enumerate(zip(centres, _rounded(shares), strict=True))
    )


def garment_mask(rgb: NDArray[np.uint8], lab: _Array) -> NDArray[np.bool_]:
    """Which pixels of a picture [h, w, 3] show the garment; all of them where no background can be told."""
    backgrounds = _border_colours(rgb, lab)
    if len(backgrounds) == 0:
        return np.ones(lab.shape[:2], dtype=bool)
    distance = np.min([np.linalg.norm(lab - colour, axis=2) for colour in backgrounds], axis=0)
    garment = ~_reached_from_border(distance < BACKGROUND_DISTANCE)
    share = float(garment.mean())
    faint = share < FAINT_GARMENT and float(distance[garment].mean() if share else 0.0) < FAINT_CONTRAST
    return np.ones_like(garment) if share < SMALLEST_GARMENT or faint else garment


def k_means(points: _Array, weights: _Array, k: int, rounds: int = 20) -> tuple[_Array, _Array]:
    """Up to `k` centres of weighted points [n, 3] and their shares; the same for the same input, without a seed."""
    centres = _spread_out(points, weights, k)
    for _ in range(rounds):
        nearest = _nearest(points, centres)
        moved = np.array([_mean(points, weights, nearest == at) for at in range(len(centres))])
        if np.allclose(moved, centres, atol=0.01):
            break
        centres = moved
    totals = np.bincount(_nearest(points, centres), weights=weights, minlength=len(centres))
    held = totals > 0
    return centres[held], totals[held] / totals.sum()


def _thumbnail(image: Image.Image) -> NDArray[np.uint8]:
    scale = min(1.0, THUMBNAIL_PX / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return np.asarray(image.resize(size, Image.Resampling.BOX, reducing_gap=2.0))


def _cells(rgb: NDArray[np.uint8], lab: _Array) -> tuple[_Array, _Array]:
    """The mean CIELAB colour and the pixels of each occupied cell of 16 × 16 × 16: some 100 points, not 9,000."""
    coarse = rgb.astype(np.int64) >> 4
    cell = coarse[:, 0] << 8 | coarse[:, 1] << 4 | coarse[:, 2]
    _, index, counts = np.unique(cell, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(index, weights=lab[:, axis]) for axis in range(3)], axis=1)
    return sums / counts[:, None], counts.astype(np.float64)


def _spread_out(points: _Array, weights: _Array, k: int) -> _Array:
    """Initial centres: the heaviest point, then whichever adds most weight × squared distance."""
    chosen = [int(np.argmax(weights))]
    distance = np.sum((points - points[chosen[0]]) ** 2, axis=1)
    while len(chosen) < k and float((weights * distance).max()) > 0:
        chosen.append(int(np.argmax(weights * distance)))
        distance = np.minimum(distance, np.sum((points - points[chosen[-1]]) ** 2, axis=1))
    return points[chosen]


def _nearest(points: _Array, centres: _Array) -> NDArray[np.intp]:
    return np.asarray(np.argmin(np.linalg.norm(points[:, None] - centres[None], axis=2), axis=1))


def _mean(points: _Array, weights: _Array, members: NDArray[np.bool_]) -> _Array:
    return np.average(points[members], axis=0, weights=weights[members])


def _merged(centres: _Array, shares: _Array) -> tuple[_Array, _Array]:
    """The clusters with near ones merged and tiny ones left out, the largest first."""
    order = np.lexsort((centres[:, 0], -shares))
    kept: list[tuple[_Array, float]] = []
    for centre, share in zip(centres[order], shares[order], strict=True):
        near = [at for at, (other, _) in enumerate(kept) if np.linalg.norm(other - centre) < MERGE_DISTANCE]
        if near:
            other, held = kept[near[0]]
            kept[near[0]] = ((other * held + centre * share) / (held + share), held + share)
        elif share >= SMALLEST_SHARE:
            kept.append((centre, float(share)))
    kept.sort(key=lambda colour: -colour[1])
    totals = np.array([share for _, share in kept])
    return np.array([centre for centre, _ in kept]), totals / totals.sum()


def _rounded(shares: _Array) -> list[float]:
    """The shares to four places, still falling and with a sum of 1: what is left goes to the largest remainders."""
    wanted = shares * 10_000
    whole = np.floor(wanted).astype(int)
    left = 10_000 - int(whole.sum())
    whole[np.argsort(whole - wanted, kind="stable")[:left]] += 1
    return [int(each) / 10_000 for each in whole]


def _border_colours(rgb: NDArray[np.uint8], lab: _Array) -> _Array:
    """The colours that hold a good part of the picture's border, each a centre in CIELAB."""
    edge = max(1, min(lab.shape[:2]) // 32)
    frame = np.ones(lab.shape[:2], dtype=bool)
    frame[edge:-edge, edge:-edge] = False
    centres, shares = k_means(*_cells(rgb[frame], lab[frame]), MAX_COLOURS)
    return np.asarray(centres[shares >= BACKGROUND_BORDER_SHARE])


def _reached_from_border(passable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The passable pixels which a path of passable pixels joins to the border."""
    reached = np.zeros_like(passable)
    for border in ((0, slice(None)), (-1, slice(None)), (slice(None), 0), (slice(None), -1)):
        reached[border] = passable[border]
    while True:
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= passable
        if np.array_equal(grown, reached):
            return reached
        reached = grown
