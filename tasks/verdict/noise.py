"""The noise of a baseline that is asked again: where its answers to one request disagree with each other, and how far.

Noise belongs to its place. A difference of the asynchronous endpoint at another place counts, whatever else is noisy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, NamedTuple

from tasks.exchange.content import Content
from tasks.exchange.difference import MOST_PLACES, Difference, Place
from tasks.exchange.tolerance import Tolerance
from tasks.invoking.answer import Answer

FAR = 10
"""So many times the noise is no noise any more."""
Judgement = Literal["explained", "unclear", "counts"]


class Spot(NamedTuple):
    """How noisy a place is: how far its numbers are apart, None if it isn't about numbers alone."""

    family: Place
    size: float | None


@dataclass(frozen=True)
class Noise:
    """Where answers to one request disagree, by place and by family of places; `told` is the first place in words."""

    places: Mapping[Place, Spot] = field(default_factory=dict)
    families: Mapping[Place, Spot] = field(default_factory=dict)
    told: str = ""
    by_families: bool = False
    """True if there are so many places that `places` has their families."""

    @classmethod
    def of(cls, first: Content, again: Sequence[Answer], tolerance: Tolerance) -> Noise:
        """Where further answers to a request differ from `first`."""
        places: dict[Place, Spot] = {}
        families: dict[Place, Spot] = {}
        told = ""
        for other in again:
            for difference in _disagreements(first, other, tolerance):
                told = told or difference.told("first", "again")
                widen(families, difference.family, difference.family, difference.size)
                if len(places) <= MOST_PLACES:
                    widen(places, difference.place, difference.family, difference.size)
        by_families = len(places) > MOST_PLACES
        return cls(families if by_families else places, families, told, by_families)

    def judge(self, difference: Difference, repeats: Sequence[Repeat]) -> Judgement:
        """Tell whether the noise explains a difference of the asynchronous answer from the baseline's first."""
        noisy = {place: self.places[place] for place in prefixes(difference.place) if place in self.places}
        alike = self.by_families and difference.family in self.places
        if not (noisy or alike):
            return "counts"
        sizes = [spot.size for spot in noisy.values() if spot.size is not None]
        if difference.size is not None and any(difference.size <= size for size in sizes):
            return "explained"
        if any(repeat.agrees_at(place) for repeat in repeats for place in (*noisy, *[difference.place] * alike)):
            return "explained"
        numeric = not alike and len(sizes) == len(noisy)
        return "counts" if numeric and is_far(difference, max(sizes)) else "unclear"


class Repeat:
    """A further answer of the baseline, and where the asynchronous one differs from it."""

    def __init__(self, content: Content, asynchronous: Content, tolerance: Tolerance) -> None:
        found = content.each_difference(asynchronous, tolerance)
        self._differing = {difference.place for difference in islice(found, MOST_PLACES + 1)}
        self._touched = {above for place in self._differing for above in prefixes(place)}

    def agrees_at(self, place: Place) -> bool:
        """True if the two say the same at the place and below it; two that differ nearly everywhere agree nowhere."""
        if len(self._differing) > MOST_PLACES:
            return False
        return place not in self._touched and not any(above in self._differing for above in prefixes(place))


def prefixes(place: Place) -> list[Place]:
    """The place and all that hold it, the whole answer last."""
    return [place[:end] for end in range(len(place), -1, -1)]


def is_far(difference: Difference, noise: float) -> bool:
    """True for what is no number, too, where the noise is about numbers alone."""
    return difference.size is None or not difference.size <= FAR * noise


def widen(spots: dict[Place, Spot], place: Place, family: Place, size: float | None) -> None:
    """Add a disagreement at a place; one that isn't finite is none about numbers."""
    known = spots.get(place, Spot(family, 0.0)).size
    numeric = size is not None and known is not None and math.isfinite(size)
    spots[place] = Spot(family, max(known or 0.0, size or 0.0) if numeric else None)


def _disagreements(first: Content, other: Answer, tolerance: Tolerance) -> Iterator[Difference]:
    if other.response is None:
        yield Difference(None, "answer", "answered", f"no answer ({other.error})")
    elif type(other.response) is not type(first):
        yield Difference(None, "kind of answer", first.kind, other.response.kind)
    else:
        yield from first.each_difference(other.response, tolerance)
