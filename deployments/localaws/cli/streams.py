"""Output that nobody can read any more is no reason to stop: a run goes on, and ends with its own exit status.

A terminal that was closed, a dropped connection and `| head` break a stream in the middle; `2>&-` closes it before.
"""

import os
import sys
from contextlib import suppress
from typing import Any, TextIO


class UnbreakableStream:
    """A text stream that swallows everything once writing to it has failed."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.broken = False

    def write(self, text: str) -> int:
        try:
            return self.stream.write(text)
        except OSError:
            self._mute()
            return len(text)

    def flush(self) -> None:
        try:
            self.stream.flush()
        except OSError:
            self._mute()

    def _mute(self) -> None:
        """What is still buffered, and what the interpreter flushes at its end, goes nowhere."""
        self.broken = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.stream.fileno())
        os.close(nowhere)
        with suppress(OSError):
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def make_streams_unbreakable() -> None:
    """For the standard streams of this process, once, before anything else opens a file.

    A standard stream that is closed would have its number given to the next file, and whoever writes to the number
    would write into that.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    sys.stdout = UnbreakableStream(sys.stdout or os.fdopen(1, "w"))
    sys.stderr = UnbreakableStream(sys.stderr or os.fdopen(2, "w"))
