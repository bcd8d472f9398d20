"""The dominant colours of a garment: k-means in CIELAB over the picture without its background, and their names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recommender.colours.cielab import lab_of_rgb, rgb_of_lab
from recommender.colours.clusters import cells, k_means
from recommender.colours.garment import garment_mask
from recommender.colours.names import colour_names
from recommender.colours.profile import in_srgb
from recommender.schema import Colour

THUMBNAIL_PX = 96
MAX_COLOURS = 3
MERGE_DISTANCE = 12.0  # ΔE below which two clusters are one colour in two lights
SMALLEST_SHARE = 0.05

_Array = NDArray[np.float64]


def dominant_colours(image: Image.Image) -> tuple[Colour, ...]:
    """Up to three colours of the garment in an RGB picture, the largest first, in sRGB whatever its profile.

    Their shares sum to 1, and no two have the same name.
    """
    pixels = _thumbnail(image)
    lab = lab_of_rgb(pixels)
    garment = garment_mask(pixels, lab)
    clusters = _merged(*k_means(*cells(pixels[garment], lab[garment]), MAX_COLOURS))
    centres, shares, names = _named(*clusters)
    rgb = rgb_of_lab(centres)
    return tuple(
        Colour(
            rgb=(int(rgb[at, 0]), int(rgb[at, 1]), int(rgb[at, 2])),
            lab=(round(float(centre[0]), 2), round(float(centre[1]), 2), round(float(centre[2]), 2)),
            share=share,
            name=name,
        )
        for at, (centre, share, name) in enumerate(zip(centres, _rounded(shares), names, strict=True))
    )


def _thumbnail(image: Image.Image) -> NDArray[np.uint8]:
    scale = min(1.0, THUMBNAIL_PX / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return np.asarray(in_srgb(image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)))


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


def _named(centres: _Array, shares: _Array) -> tuple[_Array, _Array, list[str]]:
    """The clusters, the largest first, with those of the same name merged; and their names, which are unique."""
    names = colour_names(centres)
    while len(set(names)) < len(names):
        firsts = [names.index(name) for name in names]
        groups = [np.equal(firsts, at) for at in sorted(set(firsts))]
        centres = np.array([np.average(centres[group], axis=0, weights=shares[group]) for group in groups])
        shares = np.array([shares[group].sum() for group in groups])
        order = np.argsort(-shares, kind="stable")
        centres, shares = centres[order], shares[order]
        names = colour_names(centres)  # a mean may look more like another name
    return centres, shares, names


def _rounded(shares: _Array) -> list[float]:
    """The shares to four places, still falling and summing to 1: the rest goes to the largest remainders."""
    wanted = shares * 10_000
    whole = np.floor(wanted).astype(int)
    left = 10_000 - int(whole.sum())
    whole[np.argsort(whole - wanted, kind="stable")[:left]] += 1
    return [int(each) / 10_000 for each in whole]
