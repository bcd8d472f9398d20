"""Folders for work in hand, below TMPDIR or elsewhere. What a killed process left is removed by the next one there."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "stygig-work-"
LOCK = "lock"


@contextmanager
def scratch_folder(purpose: str, parent: Path | None = None) -> Iterator[Path]:
    """Yield an empty folder that goes with all in it; `purpose` is a word for who looks into the parent, or TMPDIR."""
    parent = parent or Path(tempfile.gettempdir())
    remove_orphans(parent)
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{purpose}-", dir=parent, ignore_cleanup_errors=True) as made:
        unseen = Path(made, f"{LOCK}-unseen")
        with unseen.open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            unseen.rename(Path(made, LOCK))  # under this name, which others look for, it is locked from the start
            content = Path(made, "content")
            content.mkdir()
            yield content


def remove_orphans(parent: Path) -> None:
    """Remove the folders whose process is gone: the system has let go of its lock."""
    for lock in parent.glob(f"{PREFIX}*/{LOCK}"):
        # Opened so, neither a link nor a pipe that somebody else left in a shared TMPDIR leads astray.
        with suppress(OSError), os.fdopen(os.open(lock, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)) as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
