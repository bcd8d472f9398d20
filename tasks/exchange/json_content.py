"""JSON, compared value by value: numbers within a tolerance, objects by name, lists in order or by a key."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tasks.exchange.content import Content, Shown, UnreadableAnswerError, excerpt, shortened
from tasks.exchange.difference import Difference
from tasks.exchange.json_places import ABSENT, Lengths, Pair, Unmatched, ignored_places, leaves, path, shown_at
from tasks.exchange.tolerance import Tolerance, apart

MISSING = "nothing"
MOST_NESTED = 100
"""Levels of lists and objects; JSONPath's library follows no more."""


@dataclass(frozen=True)
class JsonContent(Content):
    """A JSON value."""

    value: Any

    @classmethod
    def read(cls, body: bytes, most_nested: int = MOST_NESTED) -> JsonContent:
        """Parse a body of UTF-8, UTF-16 or UTF-32; Python's NaN and Infinity are taken, as handlers write them."""
        try:
            value = json.loads(body, object_pairs_hook=_unique, parse_float=_finite)
        except RecursionError as exc:
            raise _too_deep(most_nested) from exc
        except ValueError as exc:  # UnicodeDecodeError is one, too
            raise UnreadableAnswerError(f"no JSON that can be compared: {exc}") from exc
        if body.count(b"[") + body.count(b"{") > most_nested and _levels(value) > most_nested:
            raise _too_deep(most_nested)
        return cls(value)

    @classmethod
    def read_lines(cls, body: bytes) -> JsonContent:
        """Parse JSON Lines as a list of their values; blank lines don't count."""
        values = []
        for number, line in enumerate(body.split(b"\n"), start=1):
            try:
                values += [cls.read(line, MOST_NESTED - 1).value] if line.strip() else []
            except UnreadableAnswerError as exc:
                raise UnreadableAnswerError(f"line {number}: {exc}") from exc
        return cls(values)

    def each_difference(self, other: JsonContent, tolerance: Tolerance) -> Iterator[Difference]:
        found = (_difference(leaf, tolerance) for leaf in self._leaves(other, tolerance))
        return (difference for difference in found if difference)

    def largest_difference(self, other: JsonContent, tolerance: Tolerance) -> float | None:
        leaves = self._leaves(other, tolerance)
        sizes = (apart(one, another) for _, one, another, *_ in leaves if _is_number(one) and _is_number(another))
        return max((size for size in sizes if math.isfinite(size)), default=None)

    def nothing_to_compare(self, other: JsonContent, tolerance: Tolerance) -> bool:
        return super().nothing_to_compare(other, tolerance) or not any(True for _ in self._leaves(other, tolerance))

    def _leaves(self, other: JsonContent, tolerance: Tolerance) -> Iterator[Pair]:
        ignored = tuple(ignored_places(each.value, tolerance.ignore) for each in (self, other))
        return leaves(Pair((), self.value, other.value), tolerance.key, *ignored)

    @property
    def proves_nothing(self) -> bool:
        return self.value is None or self.value in ({}, [], "")

    @cached_property
    def shown(self) -> Shown:
        return excerpt(json.dumps(self.value, indent=1, ensure_ascii=False))

    def to_json(self) -> object:
        return self.value


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {shortened(text)} is beyond what programs read as a number")
    return number


def _too_deep(most_nested: int) -> UnreadableAnswerError:
    return UnreadableAnswerError(f"JSON that is nested more than {most_nested} levels deep: it is not compared")


def _levels(value: Any) -> int:
    levels, inside = 0, [value] if isinstance(value, dict | list) else []
    while inside:
        levels += 1
        children = (each.values() if isinstance(each, dict) else each for each in inside)
        inside = [child for each in children for child in each if isinstance(child, dict | list)]
    return levels


def never_ignored(tolerance: Tolerance, contents: Iterable[Content | None]) -> list[str]:
    """A line for each expression that names nothing in any of the answers: it may be misspelt."""
    values = [content.value for content in contents if isinstance(content, JsonContent)]
    return [
        f"{expression} names nothing in the baseline's answers, so nothing was ignored by it"
        for expression in tolerance.ignore
        if not any(ignored_places(value, [expression]) for value in values)
    ]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the name {twice!r} stands twice in one object, so that readers may take either value")
    return made


def _difference(leaf: Pair, tolerance: Tolerance) -> Difference | None:
    place, first, second, *_ = leaf
    if isinstance(first, Lengths):
        told = (str(first.first), str(first.second))
        return Difference(None, f"{path(shown_at(leaf))} length", *told, place=place, length=True)
    if isinstance(first, Unmatched):
        each, not_each = f"each element has a {first.key} of its own", f"not each element has a {first.key} of its own"
        told = (not_each, each) if first.first else (each, not_each)
        return Difference(None, path(shown_at(leaf)), *told, place=place)
    if _is_number(first) and _is_number(second):
        if not tolerance.covers(first, second):
            told = (shortened(first), shortened(second))
            return Difference(None, path(shown_at(leaf)), *told, apart(first, second), place)
    elif type(first) is not type(second) or first != second:
        return Difference(None, path(shown_at(leaf)), _told(first), _told(second), place=place)
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _told(value: object) -> str:
    return MISSING if value is ABSENT else shortened(json.dumps(value, ensure_ascii=False))
