"""Clusters of a picture's pixels in CIELAB: k-means without a seed, on cells of nearly one colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]


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


def cells(rgb: NDArray[np.uint8], lab: _Array) -> tuple[_Array, _Array]:
    """The mean CIELAB colour and pixel count of each occupied cell of 16 × 16 × 16: some 100 points, not 9,000."""
    coarse = rgb.astype(np.int64) >> 4
    cell = coarse[:, 0] << 8 | coarse[:, 1] << 4 | coarse[:, 2]
    _, index, counts = np.unique(cell, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(index, weights=lab[:, axis]) for axis in range(3)], axis=1)
    return sums / counts[:, None], counts.astype(np.float64)


def _spread_out(points: _Array, weights: _Array, k: int) -> _Array:
    """Initial centres: the heaviest point, then one by one the point with the largest weight × squared distance."""
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
