"""The places of JSON: what JSONPath names, and which values of two documents belong together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
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
    """The JSONPath of a place, as in $.scores[2], or as in $[?@.id==2] for an element that is matched by its key."""
    return "$" + "".join(_step(part) for part in place)


def shown_at(pair: Pair) -> Place:
    """The pair's place with the numbers that its elements have in the first document."""
    return tuple(at if isinstance(part, int) else part for part, at in zip(pair.place, pair.first_at, strict=True))


def _step(part: str | int | tuple[str, Any]) -> str:
    if isinstance(part, tuple):
        return f"[?@{_named(part[0])}=={json.dumps(part[1])}]"
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


class Unmatched(NamedTuple):
    """A pair of lists of which one alone has a key of its own in each element; `first` if that is the second one."""

    key: str
    first: bool


ABSENT = _Absent()


def leaves(pair: Pair, key: str, first: frozenset[Location], second: frozenset[Location]) -> Iterator[Pair]:
    """Pair the values that have nothing inside, or are of different kinds; without what is ignored on its own side.

    Lists of different lengths are told on top of their elements, by two `Lengths`.
    """
    if not pair.place and (() in first or () in second):
        return
    one, other = _inside(pair.first, pair.first_at, first), _inside(pair.second, pair.second_at, second)
    if type(pair.first) is not type(pair.second) or not (pair.first or pair.second) or one is None or other is None:
        yield pair
        return
    if isinstance(pair.first, dict):
        inside = [_inner(pair, name, (name, one), (name, other)) for name in dict.fromkeys((*one, *other))]
    elif (by_key := _by_key(pair, one, other, key)) is not None:
        inside = by_key
    else:
        if key and (keyed(one, key) is None) != (keyed(other, key) is None):
            yield Pair(pair.place, Unmatched(key, keyed(one, key) is None), None, pair.first_at)
        # Numbered anew: what is ignored must not shift the places of one document against those of another.
        both = enumerate(zip(one, other, strict=False))
        inside = [_inner(pair, number, (here, one), (there, other)) for number, (here, there) in both]
        if len(one) != len(other):
            yield Pair(pair.place, Lengths(len(one), len(other)), None, pair.first_at)
    for each in inside:
        yield from leaves(each, key, first, second)


def _inside(value: Any, at: Location, ignored: frozenset[Location]) -> dict[Any, Any] | None:
    """The members by name, or the elements by index, that are not ignored; None for a value with nothing inside."""
    if not isinstance(value, dict | list):
        return None
    found = value if isinstance(value, dict) else dict(enumerate(value))
    return {part: each for part, each in found.items() if (*at, part) not in ignored} if ignored else found


def _by_key(pair: Pair, one: dict[int, Any], other: dict[int, Any], key: str) -> list[Pair] | None:
    """The elements matched by their key, whatever their order; None unless each is an object with a key of its own."""
    first, second = keyed(one, key), keyed(other, key)
    if first is None or second is None:
        return None
    names = dict.fromkeys((*first, *second))
    return [_inner(pair, (key, name), (first.get(name, -1), one), (second.get(name, -1), other)) for name in names]


def _inner(pair: Pair, part: object, one: tuple[Any, dict[Any, Any]], other: tuple[Any, dict[Any, Any]]) -> Pair:
    (here, first), (there, second) = one, other
    values = first.get(here, ABSENT), second.get(there, ABSENT)
    return Pair((*pair.place, part), *values, (*pair.first_at, here), (*pair.second_at, there))


def keyed(elements: Mapping[int, Any], key: str) -> dict[Any, int] | None:
    """The index of each element by its key; None if one has none, or two have the same."""
    if not key:
        return None
    try:
        found = {each[key]: index for index, each in elements.items()}
    except (TypeError, KeyError):
        return None
    return found if len(found) == len(elements) else None
