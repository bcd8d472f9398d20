"""The nights so far, one line of JSON each; from them the report draws trends and names what got slower."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import median

from pydantic import AwareDatetime, FiniteFloat, TypeAdapter

from tasks.report.quantities import milliseconds

HISTORY_FILE = "history.jsonl"
SHOWN_NIGHTS = 14
COMPARED_NIGHTS = 14
NIGHTS_NEEDED = 3
SLOWER_RATIO = 1.5
WATCHED_PHASES = ("real-time round trip", "asynchronous end to end")


@dataclass(frozen=True)
class Night:
    """The main figures of one run; `p50_ms` has a median per side and phase."""

    run_id: str
    finished_at: AwareDatetime
    passed: bool
    model_version: str
    instance_type: str
    region: str
    pictures: int
    differing: int
    max_score_difference: FiniteFloat | None
    p50_ms: Mapping[str, FiniteFloat]
    cold_starts_seconds: Mapping[str, FiniteFloat]
    run_usd: FiniteFloat | None
    left: int
    empty: int = 0
    """Pictures for which neither endpoint recommended anything; 0 for nights before this was counted."""

    def to_json(self) -> str:
        """The night as one line of JSON."""
        return json.dumps({**asdict(self), "finished_at": self.finished_at.isoformat()}, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> Night:
        """Parse a line of the history; a ValueError says what is wrong with it."""
        return _checked().validate_json(line)


def add_night(path: Path, night: Night) -> None:
    """Append the night; a run that is reported again gets another line, and its last line counts."""
    # A line that a killed run cut off must not swallow this one.
    cut_off = path.exists() and not path.read_bytes().endswith(b"\n")
    path.touch(mode=0o600)
    with suppress(PermissionError):  # only a file's owner may change its mode, others may still write
        path.chmod(0o600)
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if cut_off else "") + night.to_json() + "\n")


def read_history(path: Path) -> tuple[Night, ...]:
    """The nights written so far, oldest first, one per run."""
    if not path.exists():
        return ()
    nights = [_complete(line) for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    by_run = {night.run_id: night for night in nights if night}
    return tuple(sorted(by_run.values(), key=lambda night: night.finished_at))


def slower_phases(tonight: Night, before: Sequence[Night]) -> tuple[str, ...]:
    """A line per median that is much slower than in the last passed nights on the same instance type in the region."""
    alike = [n for n in before if n.passed and (n.instance_type, n.region) == (tonight.instance_type, tonight.region)]
    found = (_slower(phase, tonight, alike[-COMPARED_NIGHTS:]) for phase in WATCHED_PHASES)
    return tuple(words for words in found if words)


def _slower(phase: str, tonight: Night, before: Sequence[Night]) -> str:
    known = [night.p50_ms[phase] for night in before if phase in night.p50_ms]
    now = tonight.p50_ms.get(phase)
    if now is None or len(known) < NIGHTS_NEEDED or now < SLOWER_RATIO * median(known):
        return ""
    usual = median(known)
    times = f"{now / usual:.1f} times" if usual else "no longer"
    return f"{phase}: median {milliseconds(now)}, {times} the {milliseconds(usual)} of the last {len(known)} nights"


def _complete(line: str) -> Night | None:
    """The night in the line; None if a killed run cut it off or another version wrote it."""
    try:
        return Night.from_json(line)
    except ValueError:
        return None


@cache
def _checked() -> TypeAdapter[Night]:
    return TypeAdapter(Night)
