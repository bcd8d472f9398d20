"""What happened, in order: every transition of an endpoint or an instance, and every invocation."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from localaws.clock import utc_now

KEPT_ENTRIES = 100_000


@dataclass(frozen=True)
class Entry:
    """One event: its kind ("endpoint.status", "async.completed", ...), when, and what it says."""

    event: str
    time: datetime
    fields: dict[str, Any]

    def to_json(self) -> str:
        """The entry as one line of JSON."""
        return json.dumps({"time": self.time.isoformat(), "event": self.event, **self.fields}, default=str)


class Journal:
    """The entries in memory, the newest last; also appended to a file when one is given."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=KEPT_ENTRIES)
        self._path = path

    def record(self, event: str, **fields: Any) -> None:
        """Appends one entry."""
        entry = Entry(event, utc_now(), fields)
        with self._lock:
            self._entries.append(entry)
            if self._path is not None:
                with self._path.open("a") as lines:
                    lines.write(entry.to_json() + "\n")

    def entries(self, event: str = "", **fields: Any) -> list[Entry]:
        """The entries whose event starts with `event` and which carry these fields."""
        return [entry for entry in self if entry.event.startswith(event) and fields.items() <= entry.fields.items()]

    def clear(self) -> None:
        """Forgets the entries in memory; the file keeps them."""
        with self._lock:
            self._entries.clear()

    def __iter__(self) -> Iterator[Entry]:
        with self._lock:
            return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
