"""The folder that holds the instances; what a killed process left behind is removed at the next start."""

from __future__ import annotations

import fcntl
import tempfile
from pathlib import Path
from typing import IO

from localaws.sagemaker.instances.artifact import remove_model_data

_PREFIX = "localaws-"
_LOCK = ".lock"


class RunDirectory:
    """A new folder, locked as long as this process lives and has not removed it."""

    def __init__(self) -> None:
        _sweep(Path(tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        unseen = self.path / f"{_LOCK}-unseen"
        self._lock: IO[bytes] = unseen.open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unseen.rename(self.path / _LOCK)  # under this name, which others look for, it is locked from the first moment

    def remove(self) -> None:
        """Deletes the folder and all in it."""
        remove_model_data(self.path)
        self._lock.close()


def _sweep(parent: Path) -> None:
    for lock in parent.glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            with lock.open("rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_model_data(lock.parent)
        except (BlockingIOError, FileNotFoundError, PermissionError):
            continue  # another embedded AWS lives in it, has just removed it, or is another user's
