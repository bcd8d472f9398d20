"""The places of JSON: what JSONPath names, and which values of two documents belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathQuery

from tasks.errors import InputError
from tasks.exchange.difference import Place

Location = tuple[str | int, ...]
"""Where a value lies in one document, as JSONPath gives it."""


class Pair(NamedTuple):
    """Two values at one place, and where each lies in its own document: lists are matched by keys, too."""

    place: Place
    first: Any
    second: Any
    first_at: Location = ()
    second_at: Location = ()


def path(place: Place) -> str:
    """The JSONPath of a place, as in $.scores[2], or as in $[id=2] for an element that is matched by its key."""
    return "$" + "".join(_step(part) for part in place)


def _step(part: str | int | tuple[str, Any]) -> str:
    if isinstance(part, tuple):
        return _named("=".join(map(str, part)))
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


def ignored_places(value: Any, expressions: Sequence[str]) -> frozenset[Location]:
    """The places that the expressions name in this value."""
    return frozenset(node.location for each in expressions for node in compiled(each).find(value))


class _Absent:
    """The value of a place that one side lacks."""


class Lengths(NamedTuple):
    """The lengths of a pair of lists, without what is ignored."""

    first: int
    second: int


ABSENT = _Absent()


def leaves(pair: Pair, key: str, first: frozenset[Location], second: frozenset[Location]) -> Iterator[Pair]:
    """Pair the values that have nothing inside, or are of different kinds; without what is ignored on either side.

    Lists of different lengths are told on top of their elements, by two `Lengths`.
    """
    if pair.first_at in first or pair.second_at in second:
        return
    if isinstance(pair.first, dict) and isinstance(pair.second, dict) and (pair.first or pair.second):
        inside = _by_name(pair)
    elif isinstance(pair.first, list) and isinstance(pair.second, list) and (pair.first or pair.second):
        matched = _by_key(pair, key)
        inside = matched or _in_order(pair)
        if not matched:
            yield from _lengths(pair, first, second)
    else:
        yield pair
        return
    for inner in inside:
        yield from leaves(inner, key, first, second)


def _lengths(pair: Pair, first: frozenset[Location], second: frozenset[Location]) -> Iterator[Pair]:
    if len(pair.first) != len(pair.second):
        counted = Lengths(
            sum((*pair.first_at, index) not in first for index in range(len(pair.first))),
            sum((*pair.second_at, index) not in second for index in range(len(pair.second))),
        )
        if counted.first != counted.second:
            yield Pair(pair.place, counted, counted)


def _by_name(pair: Pair) -> Iterable[Pair]:
    for name in dict.fromkeys((*pair.first, *pair.second)):
        yield _inner(pair, name, pair.first.get(name, ABSENT), pair.second.get(name, ABSENT), name, name)


def _in_order(pair: Pair) -> Iterable[Pair]:
    for index, (one, other) in enumerate(zip(pair.first, pair.second, strict=False)):
        yield _inner(pair, index, one, other, index, index)


def _by_key(pair: Pair, key: str) -> Iterable[Pair]:
    """The elements matched by their key, whatever their order; none unless each is an object with a key of its own."""
    first, second = keyed(pair.first, key), keyed(pair.second, key)
    if first is None or second is None:
        return []
    nowhere = (-1, ABSENT)
    pairs = ((each, first.get(each, nowhere), second.get(each, nowhere)) for each in dict.fromkeys((*first, *second)))
    return [_inner(pair, (key, each), one, other, at, there) for each, (at, one), (there, other) in pairs]


def _inner(pair: Pair, part: object, first: Any, second: Any, first_at: str | int, second_at: str | int) -> Pair:
    return Pair((*pair.place, part), first, second, (*pair.first_at, first_at), (*pair.second_at, second_at))


def keyed(values: list[Any], key: str) -> dict[Any, tuple[int, Any]] | None:
    """Each element with its index by its key; None if one has none, or two have the same."""
    if not key:
        return None
    try:
        found = {each[key]: (index, each) for index, each in enumerate(values)}
    except (TypeError, KeyError):
        return None
    return found if len(found) == len(values) else None
