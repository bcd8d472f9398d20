"""The folder with the instances' folders; those that a killed process left behind are removed at the next start."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO

from localaws.sagemaker.instances.artifact import remove_model_data

_PREFIX = "localaws-"
_LOCK = ".lock"


class RunDirectory:
    """A new folder, locked until this process removes it or ends."""

    def __init__(self) -> None:
        _sweep(Path(tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        unseen = self.path / f"{_LOCK}-unseen"
        self._lock: IO[bytes] = unseen.open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # Linux releases it however the process ends, even by SIGKILL
        unseen.rename(self.path / _LOCK)  # only now: others look for this name, and must never find it unlocked

    def remove(self) -> None:
        """Delete the folder and everything in it."""
        remove_model_data(self.path)
        self._lock.close()


def _sweep(parent: Path) -> None:
    for lock in parent.glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            # Neither a link nor a pipe that somebody else left in a shared TMPDIR leads astray.
            with os.fdopen(os.open(lock, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)) as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_model_data(lock.parent)
        except OSError:
            continue  # in use by another embedded AWS, just removed by one, or another user's
