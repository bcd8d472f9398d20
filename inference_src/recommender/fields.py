"""Strict reading of a decoded JSON object, field by field: each reader returns the value or says what is wrong."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import cast

from recommender.errors import SchemaError, shown

LARGEST = sys.float_info.max


class Fields:
    """The fields of one JSON object, and its place in the payload for error messages."""

    def __init__(self, values: Mapping[str, object], where: str) -> None:
        self._values = values
        self.where = where

    @classmethod
    def of(cls, value: object, where: str) -> Fields:
        """The fields of `value`, or SchemaError if it isn't an object."""
        if not isinstance(value, Mapping):
            raise SchemaError(f"{where} must be a JSON object; found {shown(value)}.")
        return cls(cast("Mapping[str, object]", value), where)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def only(self, *names: str, optional: Iterable[str] = ()) -> None:
        """Raise SchemaError unless the object has all these fields, and no others but the optional ones."""
        missing = [name for name in names if name not in self._values]
        unknown = sorted(str(name) for name in self._values if name not in {*names, *optional})
        if missing or unknown:
            raise SchemaError(
                f"{self.where} lacks {missing} and has the unknown {unknown}; it must have {list(names)}."
            )

    def at_least(self, *names: str) -> None:
        """Raise SchemaError unless the object has these fields; it may have others."""
        missing = [name for name in names if name not in self._values]
        if missing:
            raise SchemaError(f"{self.where} lacks {missing}; it must have {list(names)}.")

    def text(self, name: str) -> str:
        """A string that isn't empty."""
        value = self._values.get(name)
        if not isinstance(value, str) or not value:
            raise self._wrong(name, "a string which isn't empty")
        return value

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        """One of the allowed strings."""
        value = self.text(name)
        if value not in allowed:
            raise self._wrong(name, f"one of {', '.join(allowed)}")
        return value

    def number(self, name: str, at_least: float = -math.inf, at_most: float = math.inf) -> float:
        """A finite number within the limits."""
        return self._number(name, self._values.get(name), at_least, at_most)

    def unit(self, name: str) -> float:
        """A number in [0, 1]."""
        return self.number(name, 0.0, 1.0)

    def whole(self, name: str, at_least: int) -> int:
        """A whole number, no smaller than the limit."""
        value = self._values.get(name)
        # Python's bool is an int, but JSON's true is no number
        if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
            raise self._wrong(name, f"a whole number of at least {at_least}")
        return value

    def numbers(self, name: str, at_least: float = -math.inf, at_most: float = math.inf) -> tuple[float, ...]:
        """A list of finite numbers within the limits."""
        return tuple(self._number(name, value, at_least, at_most) for value in self._list(name))

    def triple(self, name: str, above: float = -math.inf) -> tuple[float, float, float]:
        """Three finite numbers above the limit."""
        values = self.numbers(name)
        if len(values) != 3 or min(values) <= above:
            raise self._wrong(name, f"three numbers above {above}")
        return values

    def rgb(self, name: str) -> tuple[int, int, int]:
        """Three whole numbers 0–255."""
        values = self._list(name)
        if len(values) != 3 or not all(type(value) is int and 0 <= value <= 255 for value in values):
            raise self._wrong(name, "three whole numbers 0–255")
        return cast("tuple[int, int, int]", tuple(values))

    def lab(self, name: str) -> tuple[float, float, float]:
        """A CIELAB colour: lightness 0–100, a and b."""
        values = self.numbers(name, -200.0, 200.0)
        if len(values) != 3 or not -0.01 <= values[0] <= 100.01:
            raise self._wrong(name, "a CIELAB colour (L 0–100, a, b)")
        return values

    def nested(self, name: str) -> Fields:
        """A JSON object."""
        return Fields.of(self._values.get(name), f"{self.where}.{name}")

    def each_nested(self, name: str) -> list[Fields]:
        """A list of JSON objects."""
        return [Fields.of(value, f"{self.where}.{name}[{at}]") for at, value in enumerate(self._list(name))]

    def _list(self, name: str) -> list[object] | tuple[object, ...]:
        value = self._values.get(name)
        if not isinstance(value, list | tuple):
            raise self._wrong(name, "a list")
        return value

    def _number(self, name: str, value: object, at_least: float, at_most: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not at_least <= value <= at_most:
            raise self._wrong(name, f"a number in [{at_least}, {at_most}]", value)
        if not -LARGEST <= value <= LARGEST:  # json reads 1e999 as infinity, and an int may be too large for a float
            raise self._wrong(name, "a finite number", value)
        return float(value)

    def _wrong(self, name: str, wanted: str, found: object = None) -> SchemaError:
        value = self._values.get(name) if found is None else found
        return SchemaError(f"{self.where}.{name} must be {wanted}; found {shown(value)}.")
