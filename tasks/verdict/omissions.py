"""What a report has to leave out, a line each: a night that was paid for is not lost to one odd figure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


@dataclass
class Omissions:
    """Gathers what could not be worked out; the verdict does not depend on it."""

    lines: list[str] = field(default_factory=list)

    def unless_odd(self, what: str, compute: Callable[[], T], otherwise: U) -> T | U:
        """What is computed; else, whatever the fault, a line that says so, and `otherwise`."""
        try:
            return compute()
        except Exception as exc:  # a bug in one figure is no reason to withhold all others
            self.lines.append(f"{what}: left out, {type(exc).__name__}: {exc}".removesuffix(": "))
            return otherwise
