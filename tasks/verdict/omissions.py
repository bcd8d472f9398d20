"""Figures that a report leaves out, a line each: one odd figure must not cost a night that was paid for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


@dataclass
class Omissions:
    """The figures that could not be worked out; the verdict does not depend on them."""

    lines: list[str] = field(default_factory=list)

    def unless_odd(self, what: str, compute: Callable[[], T], otherwise: U) -> T | U:
        """Return what `compute` does; if it fails in any way, add a line that says so and return `otherwise`."""
        try:
            return compute()
        except Exception as exc:  # a bug in one figure is no reason to withhold all others
            self.lines.append(f"{what}: left out, {type(exc).__name__}: {exc}".removesuffix(": "))
            return otherwise
