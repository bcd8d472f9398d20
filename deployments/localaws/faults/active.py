"""The faults that are set, and the decision whether one strikes."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TypeVar, cast

from localaws.faults.kinds import Fault
from localaws.journal import Journal

F = TypeVar("F", bound=Fault)


class ActiveFault:
    """A fault that is set, and the number of times it has struck."""

    def __init__(self, number: int, fault: Fault) -> None:
        self.number = number
        self.fault = fault
        self.struck = 0

    def concerns(self, where: Mapping[str, str | tuple[str, ...]]) -> bool:
        """True if it can strike here, and has not struck as often as it may."""
        if self.fault.times is not None and self.struck >= self.fault.times:
            return False
        return all(_matches(value, getattr(self.fault, name)) for name, value in where.items())


class Faults:
    """The faults that are set, and the decision at each place whether one strikes there."""

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = Journal() if journal is None else journal
        self._lock = threading.Lock()
        self._random = random.Random(0)  # noqa: S311 - repeatable on purpose
        self._active: list[ActiveFault] = []
        self._numbers = 0
        # The number of resets: effects that were put off before a reset must not happen after it.
        self.generation = 0

    def add(self, fault: Fault) -> ActiveFault:
        """Set a fault in addition to those that are set; the older one strikes first."""
        with self._lock:
            self._numbers += 1
            active = ActiveFault(self._numbers, fault)
            self._active.append(active)
        return active

    def remove(self, number: int) -> bool:
        """Remove one fault; True if it was set."""
        with self._lock:
            left = [active for active in self._active if active.number != number]
            found = len(left) < len(self._active)
            self._active = left
        return found

    def clear(self) -> None:
        """Remove all faults, and restart chance at the first seed."""
        with self._lock:
            self._active = []
            self._random.seed(0)

    def reset(self) -> None:
        """Remove all faults, and the effects that they put off for later."""
        self.clear()
        self.generation += 1

    def seed(self, seed: int) -> None:
        """Make later chance decisions the same in every run with this seed."""
        with self._lock:
            self._random.seed(seed)

    def active(self) -> list[ActiveFault]:
        """The faults that are set, including those that have struck as often as they may."""
        with self._lock:
            return list(self._active)

    def __bool__(self) -> bool:
        """True if any fault is set; while none is, the checks for faults cost nothing."""
        return bool(self._active)

    def struck(self, kind: type[Fault] = Fault) -> int:
        """The number of times that the set faults of this kind have struck."""
        return sum(active.struck for active in self.active() if isinstance(active.fault, kind))

    def strike(self, kind: type[F], **where: str | tuple[str, ...]) -> F | None:
        """The fault of this kind that strikes here and now, if one does; the strike is counted and recorded."""
        if not self._active:
            return None
        with self._lock:
            found = next((active for active in self._of(kind, where) if self._by_chance(active)), None)
            if found is None:
                return None
            found.struck += 1
        self._journal.record("fault.struck", fault=kind.__name__, **where)
        return cast(F, found.fault)

    def threatens(self, kind: type[F], **where: str | tuple[str, ...]) -> F | None:
        """The fault of this kind that could strike here; it is not counted."""
        return next((cast(F, active.fault) for active in self._of(kind, where)), None)

    def _of(self, kind: type[Fault], where: Mapping[str, str | tuple[str, ...]]) -> Iterator[ActiveFault]:
        return (active for active in self._active if type(active.fault) is kind and active.concerns(where))

    def _by_chance(self, active: ActiveFault) -> bool:
        return active.fault.probability >= 1 or self._random.random() < active.fault.probability


def _matches(value: str | tuple[str, ...], pattern: object) -> bool:
    values = (value,) if isinstance(value, str) else value
    return pattern == "*" or any(fnmatchcase(each, str(pattern)) for each in values)
