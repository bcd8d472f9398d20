"""Signals that end a command do so through every `finally`, and with the exit status that a shell expects."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TERMINATED, HUNG_UP = 128 + signal.SIGTERM, 128 + signal.SIGHUP


@contextmanager
def signals_end_the_command() -> Iterator[None]:
    """SIGTERM and SIGHUP, as of a closed terminal or a dropped connection, end the command like Ctrl-C does."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP) if _is_heard(number)}
    # A shell script's background job inherits SIGINT ignored; whoever sends one means it.
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_heard(number: int) -> bool:
    """Not what was ignored before: `nohup` ignores SIGHUP, and means it."""
    return signal.getsignal(number) is not signal.SIG_IGN
