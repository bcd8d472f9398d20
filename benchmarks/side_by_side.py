"""Contestants measured in turn on a shared machine: disturbed samples don't count if there are enough others."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Readings = Mapping[str, float]
QUIET_CORES = 0.15
ENOUGH_QUIET = 3
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sample:
    """One contestant's readings in its turn, and the number of cores that other processes used meanwhile."""

    readings: Readings
    foreign_cores: float


@dataclass
class Turns:
    """The samples of every contestant."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)

    @property
    def quiet(self) -> bool:
        """True if every contestant has enough undisturbed samples."""
        return all(len(self._quiet(name)) >= ENOUGH_QUIET for name in self.samples)

    def values(self, contestant: str, reading: str) -> list[float]:
        """The readings of undisturbed samples if every contestant has enough of them, else of all."""
        samples = self._quiet(contestant) if self.quiet else self.samples[contestant]
        return [sample.readings[reading] for sample in samples]

    def median(self, contestant: str, reading: str) -> float:
        return statistics.median(self.values(contestant, reading))

    def spread(self, contestant: str, reading: str) -> str:
        """The range, and the number of samples in it."""
        values, all_of_them = self.values(contestant, reading), len(self.samples[contestant])
        return f"{min(values):.4g}–{max(values):.4g} ({len(values)} of {all_of_them})"

    def _quiet(self, contestant: str) -> list[Sample]:
        return [sample for sample in self.samples[contestant] if sample.foreign_cores < QUIET_CORES]


def in_turn(contestants: Mapping[str, Callable[[], Readings]], rounds: int, pids: Iterable[int] = ()) -> Turns:
    """Run the rounds, and up to as many again until enough were quiet. `pids`: children that outlive their turns."""
    turns, kept = Turns({name: [] for name in contestants}), tuple(pids)
    for number in range(2 * rounds):
        if number >= rounds and turns.quiet:
            break
        for name, work in contestants.items():
            turns.samples[name].append(_sample(work, kept))
    return turns


def _sample(work: Callable[[], Readings], pids: tuple[int, ...]) -> Sample:
    started, busy, own = time.monotonic(), _busy_seconds(), _own_seconds(pids)
    readings = work()
    foreign = (_busy_seconds() - busy) - (_own_seconds(pids) - own)
    return Sample(readings, foreign / (time.monotonic() - started))


def _busy_seconds() -> float:
    """Seconds that all processes used of all cores, and that the hypervisor took."""
    # the two left out are idle and iowait
    user, nice, system, _, _, *rest = (int(ticks) for ticks in Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + sum(rest)) / _TICKS


def _own_seconds(pids: tuple[int, ...]) -> float:
    # 11 and 12 are utime and stime; the name before ) may contain spaces
    fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids)
    return sum(os.times()[:4]) + sum(int(each[11]) + int(each[12]) for each in fields) / _TICKS
