"""JSON, compared value by value: numbers within a tolerance, objects by name, lists in order or by a key."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any, NamedTuple

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathQuery

from tasks.errors import InputError
from tasks.exchange.content import Content, Difference, Shown, Tolerance, UnreadableAnswerError, excerpt, shortened

MOST_DIFFERENCES = 1_000
"""More are not looked for: what differs so much is told by its first differences."""
MISSING = "nothing"
LENGTH = " length"
"""Stands for the length of the list at a place."""
Place = tuple[str | int, ...]


class Pair(NamedTuple):
    """Two values at one place."""

    place: Place
    first: Any
    second: Any


@dataclass(frozen=True)
class JsonContent(Content):
    """A JSON value."""

    value: Any

    @classmethod
    def read(cls, body: bytes) -> JsonContent:
        """Parse a body of UTF-8, UTF-16 or UTF-32; Python's NaN and Infinity are taken, as handlers write them."""
        try:
            return cls(json.loads(body, object_pairs_hook=_unique))
        except RecursionError as exc:
            raise UnreadableAnswerError("JSON that is nested too deeply to be compared") from exc
        except ValueError as exc:  # UnicodeDecodeError is one, too
            raise UnreadableAnswerError(f"no JSON: {exc}") from exc

    @classmethod
    def read_lines(cls, body: bytes) -> JsonContent:
        """Parse JSON Lines as a list of their values; blank lines don't count."""
        values = []
        for number, line in enumerate(body.split(b"\n"), start=1):
            try:
                values += [cls.read(line).value] if line.strip() else []
            except UnreadableAnswerError as exc:
                raise UnreadableAnswerError(f"line {number}: {exc}") from exc
        return cls(values)

    def differences(self, other: JsonContent, tolerance: Tolerance) -> tuple[Difference, ...]:
        found = (_difference(leaf, tolerance) for leaf in self._leaves(other, tolerance))
        return tuple(islice((difference for difference in found if difference), MOST_DIFFERENCES))

    def largest_difference(self, other: JsonContent, tolerance: Tolerance) -> float | None:
        leaves = self._leaves(other, tolerance)
        apart = (abs(one - another) for _, one, another in leaves if _is_number(one) and _is_number(another))
        return max((size for size in apart if math.isfinite(size)), default=None)

    def _leaves(self, other: JsonContent, tolerance: Tolerance) -> Iterator[Pair]:
        ignored = ignored_places(self.value, tolerance.ignore) | ignored_places(other.value, tolerance.ignore)
        return leaves(Pair((), self.value, other.value), tolerance.key, ignored)

    @property
    def proves_nothing(self) -> bool:
        return self.value is None or self.value in ({}, [], "")

    @cached_property
    def shown(self) -> Shown:
        return excerpt(json.dumps(self.value, indent=1, ensure_ascii=False))

    def to_json(self) -> object:
        return self.value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} stands twice in one object, so that readers may take either value")
    return made


def path(place: Place) -> str:
    """The JSONPath of a place, as in $.scores[2]."""
    return "$" + "".join(_step(part) for part in place)


def _step(part: str | int) -> str:
    if part == LENGTH:
        return LENGTH
    return f"[{part}]" if isinstance(part, int) else _named(part)


def _named(name: str) -> str:
    return f".{name}" if name.isidentifier() else f"[{name!r}]"


@lru_cache(maxsize=64)
def compiled(expression: str) -> JSONPathQuery:
    """The JSONPath query of RFC 9535; raise InputError for what is none."""
    try:
        return JSONPathEnvironment().compile(expression)
    except JSONPathError as exc:
        raise InputError(f"{expression!r} is no JSONPath (RFC 9535), as $.timings_ms or $..id: {exc}") from exc


def ignored_places(value: Any, expressions: Sequence[str]) -> frozenset[Place]:
    """The places that the expressions name in this value."""
    return frozenset(node.location for each in expressions for node in compiled(each).find(value))


class _Absent:
    """The value of a place that one side lacks."""


ABSENT = _Absent()


def leaves(pair: Pair, key: str, ignored: frozenset[Place]) -> Iterator[Pair]:
    """Pair the values of both sides that have nothing inside, or that are of different kinds."""
    if pair.place in ignored:
        return
    if isinstance(pair.first, dict) and isinstance(pair.second, dict):
        inside = _by_name(pair)
    elif isinstance(pair.first, list) and isinstance(pair.second, list):
        inside = _by_key(pair, key) or _in_order(pair)
        if len(pair.first) != len(pair.second):
            yield Pair((*pair.place, LENGTH), len(pair.first), len(pair.second))
    else:
        yield pair
        return
    for inner in inside:
        yield from leaves(inner, key, ignored)


def _by_name(pair: Pair) -> Iterable[Pair]:
    for name in dict.fromkeys((*pair.first, *pair.second)):
        yield Pair((*pair.place, name), pair.first.get(name, ABSENT), pair.second.get(name, ABSENT))


def _in_order(pair: Pair) -> Iterable[Pair]:
    for index, (one, other) in enumerate(zip(pair.first, pair.second, strict=False)):
        yield Pair((*pair.place, index), one, other)


def _by_key(pair: Pair, key: str) -> Iterable[Pair]:
    """The elements matched by their key, whatever their order; none unless each is an object with a key of its own."""
    first, second = _keyed(pair.first, key), _keyed(pair.second, key)
    if first is None or second is None:
        return []
    names = dict.fromkeys((*first, *second))
    return [Pair((*pair.place, f"{key}={each}"), first.get(each, ABSENT), second.get(each, ABSENT)) for each in names]


def _keyed(values: list[Any], key: str) -> dict[Any, Any] | None:
    try:
        keyed = {each[key]: each for each in values}
    except (TypeError, KeyError):
        return None
    return keyed if len(keyed) == len(values) else None


def _difference(leaf: Pair, tolerance: Tolerance) -> Difference | None:
    place, first, second = leaf
    if _is_number(first) and _is_number(second):
        if place[-1:] == (LENGTH,) or not tolerance.covers(first, second):
            size = None if place[-1:] == (LENGTH,) else abs(first - second)
            return Difference(None, path(place), shortened(first), shortened(second), size)
    elif type(first) is not type(second) or first != second:
        return Difference(None, path(place), _told(first), _told(second))
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _told(value: object) -> str:
    return MISSING if value is ABSENT else shortened(json.dumps(value, ensure_ascii=False))
