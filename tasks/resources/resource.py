"""One of our resources in AWS, as its record and its tags describe it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from tasks.clock import now
from tasks.names import EXPIRY_TAG, RUN_ID_PATTERN, RUN_TAG, RUNS_PREFIX

FOUND_AGAIN = frozenset({"status", "usd_per_hour"})
"""The fields that are asked of AWS each time, and never recorded."""


@dataclass(frozen=True)
class Resource:
    """One of our resources. `name` is what its delete call takes; `endpoint` the one it serves, empty for several."""

    kind: str
    name: str
    run_id: str
    created_at: datetime
    expires_at: datetime
    endpoint: str = ""
    status: str = ""
    usd_per_hour: float | None = 0.0
    """US dollars per hour; None where the price isn't known."""

    @property
    def label(self) -> str:
        return f"{self.kind} {self.name}"

    def expired(self, now: datetime) -> bool:
        return now >= self.expires_at

    def age_minutes(self, now: datetime) -> float:
        return (now - self.created_at).total_seconds() / 60

    def to_json(self) -> str:
        written = asdict(self) | {"created_at": self.created_at.isoformat(), "expires_at": self.expires_at.isoformat()}
        return json.dumps({key: value for key, value in written.items() if key not in FOUND_AGAIN})

    @classmethod
    def from_json(cls, text: str | bytes) -> "Resource":
        """The resource in a record; raise ValueError with the reason if it isn't as `to_json` writes it."""
        try:
            read = json.loads(text)
        except RecursionError as exc:
            raise ValueError("it is nested without end") from exc
        if not isinstance(read, dict):
            raise ValueError("it is no JSON object")
        wanted = {field.name for field in fields(cls)} - FOUND_AGAIN
        if set(read) != wanted:
            odd = ", ".join(sorted(map(repr, set(read) ^ wanted)))
            raise ValueError(f"its fields are not those of a record: {odd}")
        if wrong := [name for name in sorted(wanted) if not isinstance(read[name], str)]:
            raise ValueError(f"{wrong[0]} is no text")
        read["name"].encode()  # raises a ValueError for half a surrogate pair, which JSON can hold
        times = {key: checked_time(read[key], key) for key in ("created_at", "expires_at")}
        return cls(**(read | times | {"run_id": checked_run_id(read["run_id"])}))

    @property
    def key(self) -> str:
        """The key of its record in the bucket."""
        return f"{RUNS_PREFIX}{self.run_id}/resources/{self.kind}-{self.name.replace('/', '_')}"


@dataclass(frozen=True)
class Unreadable:
    """Something with a mark of ours that can't be read; it is shown, and left alone."""

    what: str
    why: str
    run_id: str = ""
    """The run that it may belong to."""

    def __str__(self) -> str:
        return f"{self.what}: can't be read, {self.why}"


def marked(
    kind: str, name: str, marks: Mapping[str, str], created: datetime | None = None
) -> Resource | Unreadable | None:
    """The resource that the tags describe; Unreadable if they are ours but damaged; None if they aren't ours."""
    if RUN_TAG not in marks and EXPIRY_TAG not in marks:
        return None
    try:
        run_id = checked_run_id(marks.get(RUN_TAG, ""))
        expires = checked_time(marks.get(EXPIRY_TAG, ""), f"its tag {EXPIRY_TAG}")
    except ValueError as exc:
        return Unreadable(f"{kind} {name}", str(exc), marks.get(RUN_TAG, ""))
    return Resource(kind, name, run_id, created or now(), expires)


def tags_of(listed: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The tags as a mapping, from the list of keys and values that most services give."""
    return {mark["Key"]: mark["Value"] for mark in listed}


def checked_run_id(run_id: str) -> str:
    if not re.fullmatch(RUN_ID_PATTERN, run_id):
        raise ValueError(f"{run_id!r} is no run's id")
    return run_id


def checked_time(text: str, name: str) -> datetime:
    """The time in UTC; raise ValueError for one without a time zone, which means another hour in each place."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as exc:
        raise ValueError(f"{name} is {text!r}, which is no time") from exc
    if time.utcoffset() is None:
        raise ValueError(f"{name} is {text!r}, a time without a time zone")
    try:
        return time.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError(f"{name} is {text!r}, beyond all calendars") from exc
