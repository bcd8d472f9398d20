"""Arrays of numpy's formats, compared by shape, type and value, integers exactly; pickled objects are refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.exchange.array_files import fields, read_arrays
from tasks.exchange.content import Content, Shown, excerpt, printable, shortened
from tasks.exchange.difference import MOST_PLACES, Difference, Place
from tasks.exchange.tolerance import Tolerance

_Array = NDArray[Any]
INTEGERS = "iu"
NUMBERS = "iufc"
TIMES = "mM"
MOST_COLUMNS = 64
"""So many places of an array's last axis have names, as columns have: a value in one column is not like the others."""
MOST_ELEMENTS = MOST_PLACES + 1
"""More elements of one array are not told: one more than noise is known of, so that some differ beyond it."""


@dataclass(frozen=True, eq=False)
class ArrayContent(Content):
    """The arrays of a .npz by name, or that of a .npy under an empty name."""

    arrays: Mapping[str, _Array]

    @classmethod
    def read(cls, body: bytes) -> ArrayContent:
        """Parse .npy or .npz; raise UnreadableAnswerError for anything else, arrays of Python objects included."""
        return cls(read_arrays(body))

    def each_difference(self, other: ArrayContent, tolerance: Tolerance) -> Iterator[Difference]:
        """Yield what differs, in each array the worst element first; it also tells how many differ."""
        for name in dict.fromkeys((*self.arrays, *other.arrays)):
            yield from _differences(name, self.arrays.get(name), other.arrays.get(name), tolerance)

    def largest_difference(self, other: ArrayContent, tolerance: Tolerance) -> float | None:
        pairs = ((self.arrays[name], other.arrays[name]) for name in self.arrays if name in other.arrays)
        alike = ((one, another) for one, another in pairs if one.dtype == another.dtype and one.shape == another.shape)
        inner = (pair for one, another in alike for pair in zip(fields(one), fields(another), strict=True))
        sizes = (_apart(one, another) for (_, one), (_, another) in inner if one.dtype.kind in NUMBERS and one.size)
        return max((float(size[np.isfinite(size)].max()) for size in sizes if np.isfinite(size).any()), default=None)

    @property
    def proves_nothing(self) -> bool:
        return not any(array.size for array in self.arrays.values())

    @cached_property
    def shown(self) -> Shown:
        lines = [
            f"{name} {_kind(array)}\n{np.array2string(array, threshold=64)}" for name, array in self.arrays.items()
        ]
        return excerpt("\n\n".join(line.strip() for line in lines))

    def to_json(self) -> object:
        return {
            name or "array": {
                "dtype": str(array.dtype),
                "shape": list(array.shape),
                "sha256": hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest(),
            }
            for name, array in self.arrays.items()
        }


def _differences(name: str, first: _Array | None, second: _Array | None, tolerance: Tolerance) -> Iterator[Difference]:
    what = f"array {printable(name)} " if name else ""
    if first is None or second is None:
        yield Difference(None, what.strip() or "array", _kind(first), _kind(second), place=(name,))
    elif first.dtype != second.dtype:
        yield Difference(None, f"{what}dtype", str(first.dtype), str(second.dtype), place=(name,))
    elif first.shape != second.shape:
        yield Difference(None, f"{what}shape", str(first.shape), str(second.shape), place=(name,))
    else:
        for (path, one), (_, another) in zip(fields(first), fields(second), strict=True):
            named = "".join([what, *(f"field {printable(field)} " for field in path)])
            yield from _elements(named, (name, *path), one, another, tolerance)


def _elements(what: str, place: Place, first: _Array, second: _Array, tolerance: Tolerance) -> Iterator[Difference]:
    differing = np.flatnonzero(~_same(first, second, tolerance))
    sizes = None
    if first.dtype.kind in NUMBERS and differing.size:
        sizes = _apart(first, second).reshape(-1)[differing]
        worst_first = np.argsort(sizes, kind="stable")[::-1] if sizes.dtype.kind in INTEGERS else _descending(sizes)
        differing, sizes = differing[worst_first], sizes[worst_first]
    chosen = _of_each_column(differing, first.shape) if differing.size > MOST_ELEMENTS else np.arange(differing.size)
    told = f", {differing.size:,} of {first.size:,} differ"
    ones, others = first.reshape(-1), second.reshape(-1)
    for number in chosen:
        flat = differing[number]
        index = tuple(map(int, np.unravel_index(flat, first.shape)))
        field = f"{what}element [{', '.join(map(str, index))}]{told}"
        size = None if sizes is None else float(np.nan_to_num(sizes[number], nan=np.inf, posinf=np.inf))
        yield Difference(None, field, _value(ones[flat]), _value(others[flat]), size, (*place, *_named(index, first)))
        told = ""


def _of_each_column(differing: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """The numbers of the first MOST_ELEMENTS, as many of each column as there are: one must not crowd out others."""
    columns = differing % shape[-1] if shape[-1] <= MOST_COLUMNS else np.zeros_like(differing)
    by_column = np.argsort(columns, kind="stable")
    _, starts, counts = np.unique(columns[by_column], return_index=True, return_counts=True)
    ranks = np.empty_like(differing)
    ranks[by_column] = np.arange(differing.size) - np.repeat(starts, counts)
    return np.argsort(ranks, kind="stable")[:MOST_ELEMENTS]


def _named(index: tuple[int, ...], array: _Array) -> Place:
    return (*index[:-1], str(index[-1])) if index and array.shape[-1] <= MOST_COLUMNS else index


def _descending(sizes: _Array) -> NDArray[np.intp]:
    """The order by size, what is not a number first."""
    return np.argsort(-np.where(np.isnan(sizes), np.inf, sizes), kind="stable")


def _same(first: _Array, second: _Array, tolerance: Tolerance) -> NDArray[np.bool_]:
    equal = np.asarray(first == second)
    if first.dtype.kind in TIMES:
        return equal | (np.isnat(first) & np.isnat(second))
    if first.dtype.kind not in NUMBERS:
        return equal
    with np.errstate(invalid="ignore", over="ignore"):
        one, another = np.abs(_wide(first)), np.abs(_wide(second))
        allowed = np.maximum(tolerance.absolute, tolerance.relative * np.maximum(one, another))
        near = np.isfinite(one) & np.isfinite(another) & (_apart(first, second) <= allowed)
    if first.dtype.kind == "c":  # where one part is no number, the other part still has to be the same
        return near | (_equal(first.real, second.real) & _equal(first.imag, second.imag))
    return near | _equal(first, second)


def _equal(first: _Array, second: _Array) -> NDArray[np.bool_]:
    return np.asarray((first == second) | (np.isnan(first) & np.isnan(second)))


def _apart(first: _Array, second: _Array) -> _Array:
    """The distances of the elements: of integers as unsigned ones, which hold each; of others as wide floats."""
    with np.errstate(invalid="ignore", over="ignore"):
        if first.dtype.kind in INTEGERS:
            larger, smaller = np.maximum(first, second), np.minimum(first, second)
            return np.asarray(larger.astype(np.uint64) - smaller.astype(np.uint64))
        return np.asarray(np.abs(_wide(first) - _wide(second)))


def _wide(array: _Array) -> _Array:
    return array.astype(np.result_type(array.dtype, np.float64))


def _value(element: Any) -> str:
    return shortened(str(element))


def _kind(array: _Array | None) -> str:
    return "nothing" if array is None else f"{array.dtype}{list(array.shape)}"
