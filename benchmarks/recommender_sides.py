"""The files of both sides, and the measures made of their medians."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Measure
from benchmarks.recommender_artifact import Artifact, write_artifact, write_checkpoint, write_pictures
from benchmarks.side_by_side import Turns
from benchmarks.worker_process import Command, handler, naive

OURS, INT8, NAIVE = "fp16", "int8", "naive"
MEGABYTE = 1e6


@dataclass(frozen=True)
class Rounds:
    """The number of turns of each side for each measure, and the seconds that it serves in one."""

    starts: int
    archives: int
    serving: int
    seconds: float
    processor: int


FULL = Rounds(starts=5, archives=3, serving=5, seconds=3.0, processor=5)
QUICK = Rounds(starts=1, archives=1, serving=1, seconds=1.0, processor=1)


@dataclass(frozen=True)
class Sides:
    """The files that both sides are started from, in a folder that has room for more."""

    folder: Path
    checkpoint: Path
    pictures: Path
    fp16: Artifact
    int8: Artifact

    @classmethod
    def write(cls, folder: Path) -> Sides:
        """Make all files anew in `folder`."""
        pictures = folder / "pictures"
        write_pictures(pictures)
        checkpoint = write_checkpoint(folder / "checkpoint")
        fp16 = write_artifact(checkpoint, "fp16", folder / "fp16", tell)
        int8 = write_artifact(checkpoint, "int8", folder / "int8", tell)
        return cls(folder, checkpoint, pictures, fp16, int8)

    def ours(self, artifact: Artifact) -> Command:
        """The command for our worker with this artifact."""
        return handler(artifact.folder, self.pictures)

    def theirs(self, **environment: str) -> Command:
        """The command for the naive worker."""
        return naive(self.checkpoint, self.pictures, self.fp16.folder / "catalogue", **environment)


def tell(line: str) -> None:
    """Print progress and ranges, apart from the measures."""
    print(line, file=sys.stderr, flush=True)


def less(measure: str, turns: Turns, ours: str, reading: str, unit: str, at_least: float) -> Measure:
    """A measure of how many times less our side reads than the naive one."""
    tell(f"{measure}: ours {turns.spread(ours, reading)}, theirs {turns.spread(NAIVE, reading)} {unit}")
    one, other = turns.median(ours, reading), turns.median(NAIVE, reading)
    return Measure(measure, one, other, unit, other / one, at_least)


def less_time(measure: str, turns: Turns, reading: str, at_least: float) -> Measure:
    """A measure of how many times less time our side takes; CPU seconds if other processes disturbed too much."""
    if turns.quiet:
        return less(measure, turns, OURS, reading, "s", at_least)
    return less(measure, turns, OURS, f"{reading}_cpu", "CPU s", at_least)


def more(measure: str, turns: Turns, ours: str, theirs: str, unit: str, at_least: float) -> Measure:
    """A measure of how many times higher our rate is."""
    tell(f"{measure}: ours {turns.spread(ours, 'rate')}, theirs {turns.spread(theirs, 'rate')} {unit}")
    one, other = turns.median(ours, "rate"), turns.median(theirs, "rate")
    return Measure(measure, one, other, unit, one / other, at_least)
