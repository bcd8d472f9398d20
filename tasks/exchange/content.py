"""What an answer holds, and how two are compared: the interface that every kind of answer implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Self

from tasks.exchange.difference import Difference
from tasks.exchange.tolerance import Tolerance

MOST_DIFFERENCES = 1_000
"""More are not told: what differs so much is told by its first differences."""
SHOWN_CHARACTERS = 2_000
VALUE_CHARACTERS = 120


class UnreadableAnswerError(ValueError):
    """The body is not of its kind; the text says why."""


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
    empty: str = "there was nothing to compare"
    without: str = "with nothing to compare"
    may_be_empty: bool = True
    """True if an empty answer is an answer, unless all are empty."""

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
    def each_difference(self, other: Self, tolerance: Tolerance) -> Iterator[Difference]:
        """Yield all differences, this being the baseline's content; none if both say the same."""

    def differences(self, other: Self, tolerance: Tolerance) -> tuple[Difference, ...]:
        """The first differences, MOST_DIFFERENCES at most."""
        return tuple(islice(self.each_difference(other, tolerance), MOST_DIFFERENCES))

    def nothing_to_compare(self, other: Self, tolerance: Tolerance) -> bool:
        """True if there was nothing in both that could have differed."""
        return self.proves_nothing and other.proves_nothing

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
    text = printable(value) if isinstance(value, str) else repr(value)
    return text if len(text) <= VALUE_CHARACTERS else f"{text[:VALUE_CHARACTERS]}… ({len(text):,} characters)"


def excerpt(text: str) -> Shown:
    """The beginning of a text."""
    return Shown(printable(text[:SHOWN_CHARACTERS]), max(0, len(text) - SHOWN_CHARACTERS))


def printable(text: str) -> str:
    """The text with half surrogate pairs, which JSON can hold and no file can, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
