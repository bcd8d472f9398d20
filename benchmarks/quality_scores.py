"""Precision among neighbours, and shares, each with its 95 % confidence interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Z = NormalDist().inv_cdf(0.975)
RESAMPLES = 2_000

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Score:
    """A share in [0, 1], its 95 % confidence interval, and the number of pictures behind it."""

    value: float
    low: float
    high: float
    pictures: int


def share(right: Sequence[bool]) -> Score:
    """The share of right answers, with Wilson's interval."""
    n = len(right)
    p = sum(right) / n
    centre = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    reach = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    return Score(p, max(0.0, centre - reach), min(1.0, centre + reach), n)


def mean(values: Sequence[float]) -> Score:
    """The mean of values that aren't just right or wrong, with a bootstrap interval; the same for the same values."""
    sample = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(0).integers(0, len(sample), (RESAMPLES, len(sample)))
    low, high = np.quantile(sample[drawn].mean(axis=1), [0.025, 0.975])
    return Score(float(sample.mean()), float(low), float(high), len(sample))


def precisions(
    queries: Floats, labels: Sequence[str], gallery: Floats, gallery_labels: Sequence[str], *, itself: bool, k: int = 5
) -> list[float]:
    """The share of each query's k nearest in the gallery that bear its label; `itself`: the gallery is the queries."""
    cosines = queries @ gallery.T
    if itself:
        np.fill_diagonal(cosines, -2.0)  # below any cosine: no query is its own neighbour
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, : min(k, len(gallery) - itself)]
    hits = np.array(gallery_labels)[nearest] == np.array(labels)[:, None]
    return [float(each) for each in hits.mean(axis=1)]
