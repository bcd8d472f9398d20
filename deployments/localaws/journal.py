"""The record of what happened, in order: every transition of an endpoint or an instance, every invocation and fault.

Each asynchronous invocation is one `async.accepted` and then exactly one of `async.completed`, `async.failed`,
`async.expired` and `async.dropped` (its endpoint was deleted); each further delivery is an `async.redelivered`.
Each real-time invocation is one of `invoke.answered` and `invoke.failed`.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from localaws.clock import utc_now

KEPT_ENTRIES = 100_000


@dataclass(frozen=True)
class Entry:
    """One event: its number, its kind ("endpoint.status", "async.completed", ...), its time and its fields."""

    number: int
    event: str
    time: datetime
    fields: dict[str, Any]

    def to_json(self) -> str:
        """The entry as one line of JSON."""
        head = {"number": self.number, "time": self.time.isoformat(), "event": self.event}
        return json.dumps({**head, **self.fields}, default=str)


class Journal:
    """The newest entries in memory, the newest last, and counts of all entries; a file, if given, gets them all."""

    def __init__(self, path: Path | None = None, kept_entries: int = KEPT_ENTRIES) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=kept_entries)
        self._counts: Counter[tuple[str, str | None]] = Counter()
        self._next = 1
        self._path = path
        self._file: IO[str] | None = None

    def record(self, event: str, **fields: Any) -> None:
        """Append one entry."""
        with self._lock:
            entry = Entry(self._next, event, utc_now(), fields)
            self._next += 1
            self._entries.append(entry)
            self._counts[event, None] += 1
            if (endpoint := fields.get("endpoint")) is not None:
                self._counts[event, endpoint] += 1
            self._write(entry)

    def entries(self, event: str = "", after: int = 0, /, **fields: Any) -> list[Entry]:
        """The entries after that number whose event starts with `event` and which have these fields."""
        return [
            entry
            for entry in self._after(after)
            if entry.event.startswith(event) and fields.items() <= entry.fields.items()
        ]

    def count(self, event: str, endpoint: str | None = None) -> int:
        """The number of times exactly this event was recorded, for one endpoint or all, whether or not still kept."""
        with self._lock:
            return self._counts[event, endpoint]

    def clear(self) -> None:
        """Forget entries and counts in memory; the file keeps its lines, and the numbers go on."""
        with self._lock:
            self._entries.clear()
            self._counts.clear()

    def close(self) -> None:
        """Close the file; the next entry opens it again."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._after(0))

    def __len__(self) -> int:
        return len(self._entries)

    def _after(self, number: int) -> list[Entry]:
        with self._lock:
            if not self._entries:
                return []
            # A deque cannot be sliced.
            return list(itertools.islice(self._entries, max(0, number + 1 - self._entries[0].number), None))

    def _write(self, entry: Entry) -> None:
        if self._path is None:
            return
        if self._file is None:
            self._file = self._path.open("a", buffering=1, encoding="utf-8")
        self._file.write(entry.to_json() + "\n")
