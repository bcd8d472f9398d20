"""How long reports stay: a night's pictures are half a megabyte, and nobody looks at those of last winter."""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

FAILED_TIMES_LONGER = 4


def remove_old_reports(folder: Path, now: datetime, days: int) -> tuple[str, ...]:
    """Remove reports older than so many days, those of failed nights later, the newest never; return their ids.

    Only a folder with a report of ours in it is touched, and nothing that can't be read or removed is an error: a
    night isn't lost to an old one.
    """
    found = sorted(_reports(folder))
    removed = []
    for finished, passed, report in found[:-1]:
        if now - finished > timedelta(days=days * (1 if passed else FAILED_TIMES_LONGER)):
            shutil.rmtree(report, ignore_errors=True)
            if not report.exists():  # a link, or a folder of somebody else's, stays
                removed.append(report.name)
    return tuple(removed)


def _reports(folder: Path) -> Iterator[tuple[datetime, bool, Path]]:
    for written in folder.glob("*/report.json"):
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            read = json.loads(written.read_text("utf-8"))
            if read["run_id"] == written.parent.name:
                yield (
                    datetime.fromisoformat(read["finished_at"]).astimezone(UTC),
                    bool(read["verdict"]["passed"]),
                    written.parent,
                )
