"""Arrays of numpy's formats, compared by shape, type and value; pickled objects are refused."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.exchange.content import Content, Difference, Shown, Tolerance, UnreadableAnswerError, excerpt, shortened

ALONE = ""
"""The name of the array in a .npy, which has none."""
_Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class ArrayContent(Content):
    """The arrays of a .npz by name, or that of a .npy under the name ALONE."""

    arrays: Mapping[str, _Array]

    @classmethod
    def read(cls, body: bytes) -> ArrayContent:
        """Parse .npy or .npz; raise UnreadableAnswerError for anything else, arrays of Python objects included."""
        try:
            loaded = np.load(io.BytesIO(body), allow_pickle=False)
            arrays = dict(loaded) if isinstance(loaded, np.lib.npyio.NpzFile) else {ALONE: loaded}
        except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as exc:
            raise UnreadableAnswerError(_reason(str(exc))) from exc
        if objects := [name for name, array in arrays.items() if array.dtype.hasobject]:
            raise UnreadableAnswerError(_reason(f"Object arrays: {objects}"))
        return cls(arrays)

    def differences(self, other: ArrayContent, tolerance: Tolerance) -> tuple[Difference, ...]:
        names = dict.fromkeys((*self.arrays, *other.arrays))
        found = (_difference(name, self.arrays.get(name), other.arrays.get(name), tolerance) for name in names)
        return tuple(difference for difference in found if difference)

    def largest_difference(self, other: ArrayContent, tolerance: Tolerance) -> float | None:
        pairs = [(self.arrays[name], other.arrays[name]) for name in self.arrays if name in other.arrays]
        sizes = [_apart(one, another) for one, another in pairs if _subtractable(one, another) and one.size]
        return max((float(np.nanmax(each)) for each in sizes if np.isfinite(each).any()), default=None)

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


def _reason(text: str) -> str:
    if "allow_pickle" in text or "Object arrays" in text:
        return "an array of Python objects: reading it would run code of the answer (pickle), so it is refused"
    return f"no array of numpy's formats: {text}"


def _difference(name: str, first: _Array | None, second: _Array | None, tolerance: Tolerance) -> Difference | None:
    if first is None or second is None:
        return Difference(None, f"array {name}", _kind(first), _kind(second))
    what = f"array {name} ".lstrip() if name else ""
    if first.dtype != second.dtype:
        return Difference(None, f"{what}dtype", str(first.dtype), str(second.dtype))
    if first.shape != second.shape:
        return Difference(None, f"{what}shape", str(first.shape), str(second.shape))
    same = _same(first, second, tolerance)
    if same.all():
        return None
    apart = np.where(same, 0.0, _apart(first, second)) if _subtractable(first, second) else (~same).astype(float)
    worst = np.unravel_index(int(np.argmax(np.nan_to_num(apart, nan=np.inf))), apart.shape)
    place = f"{what}element [{', '.join(map(str, worst))}], {int((~same).sum()):,} of {same.size:,} differ"
    size = float(apart[worst]) if _subtractable(first, second) else None
    return Difference(None, place, shortened(str(first[worst])), shortened(str(second[worst])), size)


def _same(first: _Array, second: _Array, tolerance: Tolerance) -> NDArray[np.bool_]:
    if not _subtractable(first, second):
        return np.asarray(first == second)
    with np.errstate(invalid="ignore"):
        allowed = np.maximum(tolerance.absolute, tolerance.relative * np.maximum(np.abs(first), np.abs(second)))
        near = np.isfinite(first) & np.isfinite(second) & (_apart(first, second) <= allowed)
    equal = (first == second) | (np.isnan(first) & np.isnan(second))
    return np.asarray(near | equal)


def _apart(first: _Array, second: _Array) -> NDArray[np.float64]:
    """The distance of the elements; unsigned and small integers would wrap around, so all are floats first."""
    wide = np.complex128 if np.iscomplexobj(first) else np.float64
    with np.errstate(invalid="ignore"):
        return np.abs(first.astype(wide) - second.astype(wide))


def _subtractable(first: _Array, second: _Array) -> bool:
    numbers = all(np.issubdtype(each.dtype, np.number) for each in (first, second))
    return numbers and first.shape == second.shape and first.dtype == second.dtype


def _kind(array: _Array | None) -> str:
    return "nothing" if array is None else f"{array.dtype}{list(array.shape)}"
