"""The baseline's noise over all requests: a random model agrees with itself by chance now and then, or nearly so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import comb

from tasks.exchange.difference import Difference, Place
from tasks.verdict.noise import Noise, Spot, is_far, prefixes, widen

ENOUGH = 10
"""Of so many requests the noise must be known before anything is far beyond it."""
RARELY = 0.001
"""The probability at which differences are no chance: how often they would be so many more than the noise explains."""
STEADY = 0.75
"""Noise that is at each of its places in such a share of the requests stays there, and leaves others alone."""


class NoiseOfRun:
    """How often the baseline disagrees with itself, and the asynchronous endpoint with it, by place and by family.

    Noise that stays at its places, as that of a line with the time, says nothing of other lines. Noise that wanders, as
    along the borders of a mask, may be anywhere in its family next time.
    """

    def __init__(self, baseline: Sequence[Noise], asynchronous: Sequence[Noise]) -> None:
        self._requests = len(baseline)
        self._noisy = Counter(place for noise in baseline for place in noise.places)
        self._differing = Counter(place for noise in asynchronous for place in noise.places)
        self._noisy_families = Counter(family for noise in baseline for family in noise.families)
        self._differing_families = Counter(family for noise in asynchronous for family in noise.families)
        self._sizes: dict[Place, Spot] = {}
        self._spots: dict[Place, set[Place]] = {}
        self._events: Counter[Place] = Counter()
        for noise in baseline:
            for family, spot in noise.families.items():
                widen(self._sizes, family, family, spot.size)
            for place, spot in noise.places.items():
                self._spots.setdefault(spot.family, set()).add(place)
                self._events[spot.family] += 1

    def explains(self, difference: Difference) -> bool:
        """True if a difference that counts in its own request is no news: the baseline is often as noisy there.

        It is news where the baseline was never noisy, where it is far beyond all noise of its family, and where
        the asynchronous endpoint differs in significantly more requests than the baseline does from itself.
        """
        above = max((self._noisy[place] for place in prefixes(difference.place)[1:]), default=0)
        if self._wanders(difference.family):
            own, differing = self._noisy_families[difference.family], self._differing_families[difference.family]
        else:
            own, differing = self._noisy[difference.place], self._differing[difference.place]
        if not (own or above):
            return False
        size = self._sizes[difference.family].size if own else None
        if self._requests >= ENOUGH and not above and size is not None and is_far(difference, size):
            return False
        chance = chance_of_more(differing, max(own, above), self._requests)
        return chance > RARELY / max(1, len(self._noisy_families))

    def _wanders(self, family: Place) -> bool:
        """True if the noise of a family isn't always at the same places; one request alone can't tell."""
        places, requests = self._spots.get(family, set()), self._noisy_families[family]
        if not places or places == {family}:
            return False
        share = STEADY if self._requests >= ENOUGH else 1.0
        return requests < 2 or self._events[family] < share * len(places) * requests


def chance_of_more(differing: int, noisy: int, requests: int) -> float:
    """How probably so many requests differ, or more, if they differ as often as the noisy ones (Fisher, one-sided)."""
    both, most = differing + noisy, min(requests, differing + noisy)
    ways = sum(comb(requests, count) * comb(requests, both - count) for count in range(differing, most + 1))
    return ways / comb(2 * requests, both)
