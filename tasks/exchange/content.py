"""What an answer holds, and how two are compared: the interface that every kind of answer implements."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

SHOWN_CHARACTERS = 2_000
VALUE_CHARACTERS = 120


class UnreadableAnswerError(ValueError):
    """The body is not of its kind; the text says why."""


@dataclass(frozen=True)
class Tolerance:
    """How far two numbers may be apart: by `absolute`, or by `relative` of the larger one, as with math.isclose.

    `ignore` has JSONPath expressions of what is not compared, `key` the field by which lists of objects are matched.
    """

    absolute: float = 1e-3
    relative: float = 0.0
    ignore: tuple[str, ...] = ()
    key: str = ""

    def __post_init__(self) -> None:
        for name in ("absolute", "relative"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"the {name} tolerance is {value}; give a number of 0 or more")

    def covers(self, first: float, second: float) -> bool:
        """True if the numbers count as the same; a number that isn't finite is the same as itself alone."""
        if math.isfinite(first) and math.isfinite(second):
            return abs(first - second) <= max(self.absolute, self.relative * max(abs(first), abs(second)))
        return first == second or (math.isnan(first) and math.isnan(second))

    def widened(self, noise: float) -> Self:
        """The tolerance where the baseline differs from itself by so much."""
        return replace(self, absolute=max(self.absolute, noise))


@dataclass(frozen=True)
class Difference:
    """One difference between two answers, in words.

    `field` is the place: a path, a cell, a line. `rank` is the place in a ranking, None if it concerns the whole
    answer; `size` tells how far two numbers are apart, None if it is no difference of numbers.
    """

    rank: int | None
    field: str
    baseline: str
    asynchronous: str
    size: float | None = None

    def __str__(self) -> str:
        where = self.field if self.rank is None else f"rank {self.rank} {self.field}"
        return f"{where}: real-time {self.baseline}, asynchronous {self.asynchronous}"


@dataclass(frozen=True)
class Tile:
    """One recommended item, as a report shows it."""

    item_id: str
    category: str
    score: float
    reason: str


@dataclass(frozen=True)
class Shown:
    """What a report shows of an answer: lines about the query, items with pictures, or a text that may be cut."""

    text: str = ""
    cut_characters: int = 0
    tiles: Sequence[Tile] = ()
    query: object | None = None


@dataclass(frozen=True)
class Words:
    """The words for requests and answers of a kind."""

    noun: str = "request"
    same: str = "the same answer"
    largest: str = "largest difference of two numbers"
    empty: str = "both answers are empty"
    without: str = "with two empty answers"

    def count(self, number: int) -> str:
        """So many requests."""
        return f"1 {self.noun}" if number == 1 else f"{number:,} {self.noun}s"


ANY_WORDS = Words()


class Content(ABC):
    """The content of an answer."""

    words: ClassVar[Words] = ANY_WORDS

    @property
    def kind(self) -> str:
        """The kind of answer in a word."""
        return type(self).__name__.removesuffix("Content").lower()

    @abstractmethod
    def differences(self, other: Self, tolerance: Tolerance) -> tuple[Difference, ...]:
        """The differences, this being the baseline's content; none if both say the same."""

    def largest_difference(self, other: Self, tolerance: Tolerance) -> float | None:
        """How far the numbers of both are apart at most; None if there are none to compare."""
        return None

    def overlap(self, other: Self) -> str:
        """How much two rankings have in common, in a line; empty for what is no ranking."""
        return ""

    @property
    @abstractmethod
    def proves_nothing(self) -> bool:
        """True if there is nothing in it that could have differed."""

    @property
    def stages_ms(self) -> Mapping[str, float]:
        """The milliseconds of the model's stages, as the answer reports them; empty if it doesn't."""
        return {}

    @property
    @abstractmethod
    def shown(self) -> Shown:
        """What a report shows."""

    @abstractmethod
    def to_json(self) -> object:
        """The content for a report in JSON; arrays and bytes are told by their size and hash."""


def shortened(value: object) -> str:
    """A value for one line of a report."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= VALUE_CHARACTERS else f"{text[:VALUE_CHARACTERS]}… ({len(text):,} characters)"


def excerpt(text: str) -> Shown:
    """The beginning of a text."""
    return Shown(text[:SHOWN_CHARACTERS], max(0, len(text) - SHOWN_CHARACTERS))
