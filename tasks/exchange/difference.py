"""One difference between two answers: its place, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Place = tuple[Any, ...]
"""Where something lies in an answer: names, and the numbers of elements, rows, lines or ranks; () is all of it."""
MOST_PLACES = 20_000
"""Beyond so many places of one answer, noise is kept for families of them: all elements of a list are alike."""
ANY = None
"""Stands for any part in a family of places."""


@dataclass(frozen=True)
class Difference:
    """One difference between two answers, in words.

    `field` tells the place to people: a path, a cell, a line. `rank` is the place in a ranking, None if it concerns
    the whole answer; `size` tells how far two numbers are apart, None if it is no difference of numbers. `place` is
    what differs, with all that lies below it; a `length` is that of a list or table, whose elements are told beside it.
    """

    rank: int | None
    field: str
    baseline: str
    asynchronous: str
    size: float | None = None
    place: Place = ()
    length: bool = False

    def __str__(self) -> str:
        return self.told("real-time", "asynchronous")

    def told(self, first: str, second: str) -> str:
        """The difference in words, with names for both sides."""
        where = self.field if self.rank is None else f"rank {self.rank} {self.field}"
        return f"{where}: {first} {self.baseline}, {second} {self.asynchronous}"

    @property
    def family(self) -> Place:
        """The place with any number for its numbers: all elements of a list are alike, and all cells of a column."""
        return tuple(part if isinstance(part, str) else ANY for part in self.place)
