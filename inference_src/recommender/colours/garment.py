"""The pixels of a picture that show the garment: those that no path of background colours joins to the border."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.colours.clusters import cells, k_means

MAX_BACKGROUNDS = 3
BACKGROUND_BORDER_SHARE = 0.25  # of the border that a colour must fill to be background
BACKGROUND_DISTANCE = 14.0  # ΔE to a border colour within which a pixel may be background
MOST_OF_THE_BORDER = 0.75
EVEN_SPREAD = 2.0  # ΔE within which most of an even border lies: a studio's, not a room's
EVEN_REACH = 3.0  # this × (1 + spread) replaces BACKGROUND_DISTANCE if the border is even

LARGE_GARMENT = 0.20  # of the picture; less may be shading, or a detail, of a garment that looks like the background
SMALL_GARMENT = 0.02  # less is noise on a garment that fills the frame, unless the border is even
SPECK = 0.002  # less is dust
FAINT_CONTRAST = 30.0  # ΔE to the background below which less than LARGE_GARMENT is shading: a white shirt on white
TINT = 5.0  # difference in a and b above which it isn't shading, which changes only the lightness
LEFT_WITHOUT_RIM = 0.25  # of the garment; one that keeps less is too thin to have an inside

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]


def garment_mask(rgb: NDArray[np.uint8], lab: _Array) -> _Mask:
    """The pixels of a picture [h, w, 3] that show the garment without its rim; all if no background is found."""
    backgrounds, spread = _background(rgb, lab)
    if len(backgrounds) == 0:
        return np.ones(lab.shape[:2], dtype=bool)
    distance = _distance(lab, backgrounds)
    garment = ~_reached_from_border(distance < BACKGROUND_DISTANCE)
    share = float(garment.mean())
    stands_out = share > SPECK and float(distance[garment].mean()) >= FAINT_CONTRAST
    if share >= LARGE_GARMENT or (stands_out and share >= SMALL_GARMENT):
        return _without_rim(garment)
    if spread > EVEN_SPREAD:
        return np.ones_like(garment)
    pale = ~_reached_from_border(distance < EVEN_REACH * (1 + spread))
    if pale.mean() >= LARGE_GARMENT:  # checked first: the part that stands out may be a print on it
        return _without_rim(pale)
    if not stands_out and pale.mean() > SPECK and _tint(lab, pale) >= TINT:
        return _without_rim(pale)
    return _without_rim(garment) if stands_out else np.ones_like(garment)


def _background(rgb: NDArray[np.uint8], lab: _Array) -> tuple[_Array, float]:
    """The colours [n, 3] that fill a good part of the picture's border, and their spread.

    The spread is the ΔE to them within which most of the border lies; the rest may be a garment that touches it.
    """
    edge = max(1, min(lab.shape[:2]) // 32)
    frame = np.ones(lab.shape[:2], dtype=bool)
    frame[edge:-edge, edge:-edge] = False
    border = lab[frame]
    centres, shares = k_means(*cells(rgb[frame], border), MAX_BACKGROUNDS)
    centres = centres[shares >= BACKGROUND_BORDER_SHARE]
    if len(centres) == 0:
        return centres, np.inf
    distance = np.sort(_distance(border, centres))
    return centres, float(distance[int(MOST_OF_THE_BORDER * len(distance))])


def _distance(lab: _Array, colours: _Array) -> _Array:
    """ΔE from each pixel to the nearest of the colours."""
    return np.asarray(np.min([np.linalg.norm(lab - colour, axis=-1) for colour in colours], axis=0))


def _tint(lab: _Array, garment: _Mask) -> float:
    """The distance of the garment's mean a and b from those of the rest."""
    return float(np.linalg.norm(lab[garment][:, 1:].mean(axis=0) - lab[~garment][:, 1:].mean(axis=0)))


def _reached_from_border(passable: _Mask) -> _Mask:
    """The passable pixels that a path of passable pixels joins to the border."""
    reached = np.zeros_like(passable)
    for turns in range(4):  # first straight in from each side, which leaves little to reach step by step
        np.rot90(reached, turns)[:] |= np.logical_and.accumulate(np.rot90(passable, turns), axis=0)
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


def _without_rim(garment: _Mask) -> _Mask:
    """The garment without the pixels beside the background, which show both; all of it if little would be left."""
    inside = garment.copy()
    inside[1:] &= garment[:-1]
    inside[:-1] &= garment[1:]
    rows = inside.copy()
    inside[:, 1:] &= rows[:, :-1]
    inside[:, :-1] &= rows[:, 1:]
    return inside if inside.sum() > LEFT_WITHOUT_RIM * garment.sum() else garment
