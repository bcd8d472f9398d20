"""The baseline's noise over all requests: a random model agrees with itself by chance now and then, or nearly so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import comb

from tasks.exchange.difference import ANY, Difference, Place
from tasks.verdict.noise import Noise, Spot, is_far, prefixes, widen

ENOUGH = 10
"""Of so many requests the noise must be known before anything is far beyond it."""
RARELY = 0.001
"""The probability at which differences are no chance: how often they would be so many more than the noise explains."""
STEADY = 0.75
"""Noise that is at each of its places in such a share of the requests stays there, and leaves others alone."""
SOME_NAMES, MANY_NAMES = 2, 5
"""Names are told apart, unless the noise wanders among some of them in several requests, or among many in one."""


class NoiseOfRun:
    """How often the baseline disagrees with itself, and the asynchronous endpoint with it, by place and by family.

    Noise that stays at its places, as that of a line with the time, says nothing of other lines. Noise that wanders, as
    along the borders of a mask, may be anywhere in its family next time.
    """

    def __init__(self, baseline: Sequence[Noise], asynchronous: Sequence[Noise]) -> None:
        self._requests = len(baseline)
        self._noisy, self._differing = _counted(baseline), _counted(asynchronous)
        self._sizes: dict[Place, Spot] = {}
        self._inside: dict[Place, set[Place]] = {}
        self._unsteady: dict[Place, int] = {}
        for noise in baseline:
            for family, spot in noise.families.items():
                widen(self._sizes, family, family, spot.size)
                widen(self._sizes, beside(family), family, spot.size)
                self._add(beside(family), family)
            for place, spot in noise.places.items():
                self._add(spot.family, place)
        # Lists whose elements are noisy may well be longer or shorter next time, as detections above a threshold.
        self._above_noise = {above for place in self._noisy for above in prefixes(place)[1:]}

    def _add(self, family: Place, place: Place) -> None:
        if family != place:
            self._inside.setdefault(family, set()).add(place)

    def explains(self, difference: Difference) -> bool:
        """True if a difference that counts in its own request is no news: the baseline is often as noisy there.

        It is news where the baseline was never noisy, where it is far beyond all noise there, and where
        the asynchronous endpoint differs in significantly more requests than the baseline does from itself.
        """
        place, family = difference.place, difference.family
        families = ((family, 1), (beside(family), SOME_NAMES))
        wandering = [each for each, fewest in families if self._wanders(each, fewest)]
        noisy = [each for each in dict.fromkeys((place, *wandering)) if self._noisy[each]]
        if not noisy and not (difference.length and place in self._above_noise):
            return False
        apart = self._sizes.get(wandering[-1] if wandering else family)
        if self._requests >= ENOUGH and apart and apart.size is not None and is_far(difference, apart.size):
            return False
        # One of so many places would differ so often by chance alone.
        places, groups = len(self._noisy.keys() | self._differing.keys()), len(self._sizes)
        chances = [places * self._chance(place), *(groups * self._chance(each) for each in wandering)]
        return min(chances) > RARELY

    def _chance(self, place: Place) -> float:
        return chance_of_more(self._differing[place], self._noisy[place], self._requests)

    def _wanders(self, family: Place, fewest: int) -> bool:
        """True if noise of a family isn't always at the same places; one request alone can't tell."""
        inside, requests = self._inside.get(family, set()), self._noisy[family]
        if requests < 2:
            return len(inside) >= (fewest if fewest == 1 else MANY_NAMES)
        if family not in self._unsteady:
            most = (STEADY if self._requests >= ENOUGH else 1.0) * requests
            self._unsteady[family] = sum(self._noisy[place] < most for place in inside)
        return self._unsteady[family] >= fewest


def beside(family: Place) -> Place:
    """The family of the places beside these: the members of an object, the columns of a table."""
    return (*family[:-1], ANY) if family else family


def _counted(noises: Sequence[Noise]) -> Counter[Place]:
    """In how many requests each place, each family and each family of families is noisy."""
    found: Counter[Place] = Counter()
    for noise in noises:
        found.update({*noise.places, *noise.families, *map(beside, noise.families)})
    return found


def chance_of_more(differing: int, noisy: int, requests: int) -> float:
    """How probably so many requests differ, or more, if they differ as often as the noisy ones (Fisher, one-sided)."""
    both, most = differing + noisy, min(requests, differing + noisy)
    ways = sum(comb(requests, count) * comb(requests, both - count) for count in range(differing, most + 1))
    return ways / comb(2 * requests, both)
