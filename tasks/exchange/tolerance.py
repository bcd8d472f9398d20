"""How far two numbers may be apart, counted exactly whatever their size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

Number = int | float | Decimal


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

    def covers(self, first: Number, second: Number) -> bool:
        """True if the numbers count as the same; a number that isn't finite is the same as itself alone."""
        if first == second:
            return True
        if isinstance(first, float) and isinstance(second, float):
            if math.isfinite(first) and math.isfinite(second):
                return abs(first - second) <= max(self.absolute, self.relative * max(abs(first), abs(second)))
            return math.isnan(first) and math.isnan(second)
        if not (is_finite(first) and is_finite(second)):
            return first != first and second != second
        one, another = Fraction(first), Fraction(second)
        return abs(one - another) <= max(Fraction(self.absolute), Fraction(self.relative) * max(abs(one), abs(another)))


def is_finite(number: Number) -> bool:
    """True for any integer, too: math.isfinite fails for one beyond the floats."""
    if isinstance(number, int):
        return True
    return number.is_finite() if isinstance(number, Decimal) else math.isfinite(number)


def apart(first: Number, second: Number) -> float:
    """The distance of two numbers, which is exact before it becomes a float; infinite if a float can't hold it.

    Two equal infinities, or two NaN, are not apart; a NaN is infinitely far from any number.
    """
    if first == second:
        return 0.0
    if not (is_finite(first) and is_finite(second)):
        return 0.0 if first != first and second != second else math.inf
    if isinstance(first, float) and isinstance(second, float):
        return abs(first - second)
    try:
        return float(abs(Fraction(first) - Fraction(second)))
    except OverflowError:
        return math.inf
