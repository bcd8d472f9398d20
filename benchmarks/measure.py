"""The output of every benchmark: one JSON line per measure, which is good if ratio is at least at_least."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Measure:
    """Both sides of one measure, taken in one run."""

    measure: str
    ours: float
    theirs: float
    unit: str
    ratio: float
    at_least: float

    def to_json(self) -> str:
        return json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()})


def cpu_seconds(work: Callable[[], object]) -> float:
    """Do the work and return the CPU seconds of this process and of the children it waited for."""
    before = os.times()
    work()
    after = os.times()
    return sum(after[:4]) - sum(before[:4])
