"""Standard streams that outlive their reader: a run goes on without one, and ends with its own exit status.

A closed terminal, a dropped connection and `| head` break a stream in the middle; `2>&-` closes it from the start.
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
        """Discard what is still buffered, and what the interpreter flushes at its end."""
        self.broken = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.stream.fileno())
        os.close(nowhere)
        with suppress(OSError):
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def make_streams_unbreakable() -> None:
    """Replace this process's standard streams; to be called once, before anything else opens a file.

    The next file to be opened would get the number of a closed standard stream, and output meant for the stream would
    go into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    sys.stdout = UnbreakableStream(sys.stdout or os.fdopen(1, "w"))
    sys.stderr = UnbreakableStream(sys.stderr or os.fdopen(2, "w"))
