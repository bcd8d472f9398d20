"""The harmony of two garments' colours: a score in [0, 1].

Two colours: the hue distance on the HSL colour wheel is looked up in HARMONY, a line through a few points. At the
points it keeps the predecessor's values (analogous 0.9, triadic 0.7, complementary 0.8, clash 0.2), but
- between them it slopes: a hue turned by one degree no longer falls from 0.9 to 0.2;
- blue with orange (159°), the textbook complementary pair, no longer counts as a clash;
- a colour goes with itself at least as well as with a neutral (1 against 0.9; it used to be 0.9 against 1): as ΔE goes
  to 0 the score goes to 1, for greys too;
- colours are neutral by degrees, by CIELAB chroma and lightness; one grey level doesn't make a pale pink neutral.
Two garments: the mean over all pairs of their dominant colours, weighted by the product of the shares. It is
symmetric, and a small clashing detail costs little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.schema import Colour

HARMONY: dict[float, float] = {  # hue distance in degrees: score
    0: 0.95,  # tone on tone
    30: 0.9,  # analogous
    60: 0.4,
    90: 0.2,  # clash
    108: 0.7,  # triadic
    125: 0.7,
    140: 0.5,
    158: 0.8,  # complementary
    180: 0.8,
}
NEUTRAL = 0.9
SAME_COLOUR_DISTANCE = 50.0  # ΔE from which on the likeness of two colours no longer counts
CHROMA = (8.0, 20.0)  # below the first neutral, above the second a colour, between them partly
DARKNESS = (4.0, 12.0)  # the same for lightness: nobody sees a hue in near-black

_DISTANCES, _SCORES = np.array([*HARMONY.items()]).T.copy()

_Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Palettes:
    """The dominant colours of n garments as arrays [n, k], lab [3, n, k]; missing colours have a share of 0."""

    lab: _Array
    hue: _Array
    vividness: _Array
    share: _Array

    @classmethod
    def of(cls, garments: Sequence[Sequence[Colour]]) -> Palettes:
        """The palettes of garments that each have at least one colour."""
        k = max((len(colours) for colours in garments), default=1)
        absent = Colour((0, 0, 0), (0.0, 0.0, 0.0), 0.0, "none")
        padded = [[*colours, *([absent] * (k - len(colours)))] for colours in garments]
        values = np.array([[(*each.lab, *each.rgb, each.share) for each in row] for row in padded], dtype=np.float64)
        planes = values.reshape(len(padded), k, 7).transpose(2, 0, 1)
        return cls(planes[:3], _hue(planes[3:6]), _vividness(planes[:3]), planes[6])

    @classmethod
    def of_table(cls, table: NDArray[np.float32]) -> Palettes:
        """The palettes in an array that `table` returned."""
        planes = table.transpose(2, 0, 1).astype(np.float64, order="C")
        return cls(planes[:3], *planes[3:])

    def table(self) -> NDArray[np.float32]:
        """All values as one array [n, k, 6], to be kept in a file."""
        planes = np.stack([*self.lab, self.hue, self.vividness, self.share], axis=-1)
        return planes.astype(np.float32)


def harmony(one: Palettes, others: Palettes) -> _Array:
    """The harmony of one garment's colours with those of each of n others: [n] in [0, 1]."""
    totals = one.share[0].sum() * others.share.sum(axis=1)
    sums = np.einsum("c,cnk,nk->n", one.share[0], _pair_scores(one, others), others.share)
    return np.asarray(np.clip(sums / totals, 0.0, 1.0))


def colour_harmony(a: Colour, b: Colour) -> float:
    """The harmony of two colours, in [0, 1]."""
    return float(_pair_scores(Palettes.of([[a]]), Palettes.of([[b]]))[0, 0, 0])


def is_neutral(colour: Colour) -> bool:
    """True if the colour goes with any other, because it shows hardly any hue."""
    return bool(_vividness(np.array(colour.lab)) < 0.5)


def _pair_scores(one: Palettes, others: Palettes) -> _Array:
    """The scores [c, n, k] of each of one garment's c colours with those of the others."""
    hue, vividness, lightness, a, b = (each[0, :, None, None] for each in (one.hue, one.vividness, *one.lab))
    turn = np.abs(hue - others.hue)
    by_hue = np.interp(np.minimum(turn, 360 - turn), _DISTANCES, _SCORES)
    by_kind = NEUTRAL + vividness * others.vividness * (by_hue - NEUTRAL)
    squares = (lightness - others.lab[0]) ** 2 + (a - others.lab[1]) ** 2 + (b - others.lab[2]) ** 2
    return np.asarray(np.maximum(by_kind, 1 - np.sqrt(squares) / SAME_COLOUR_DISTANCE))


def _hue(rgb: _Array) -> _Array:
    """HSL hue in degrees of colours [3, …]; 0 for greys."""
    r, g, b = rgb
    highest = rgb.max(axis=0)
    span = highest - rgb.min(axis=0)
    safe = np.where(span == 0, 1.0, span)
    sextant = np.where(highest == r, (g - b) / safe, np.where(highest == g, 2 + (b - r) / safe, 4 + (r - g) / safe))
    return np.where(span == 0, 0.0, sextant * 60 % 360)


def _vividness(lab: _Array) -> _Array:
    """The vividness of colours [3, …]: 0 for a neutral, 1 for a colour whose hue anyone sees."""
    lightness, a, b = lab
    return np.asarray(np.interp(np.hypot(a, b), CHROMA, (0, 1)) * np.interp(lightness, DARKNESS, (0, 1)))
