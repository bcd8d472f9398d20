"""Signals that end a command so that every `finally` runs, with the exit status that a shell expects."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TERMINATED, HUNG_UP = 128 + signal.SIGTERM, 128 + signal.SIGHUP
RECEIVED: list[int] = []
"""The exit statuses of signals that came: a library may turn the exception that a signal raises into its own."""


@contextmanager
def signals_end_the_command() -> Iterator[None]:
    """Let SIGTERM and SIGHUP, sent for a closed terminal or a dropped connection, end the command as Ctrl-C does."""

    def end(number: int, frame: FrameType | None) -> None:
        RECEIVED.append(128 + number)
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP) if _is_heard(number)}
    # A background job of a shell script inherits SIGINT as ignored, but one that is sent to it is meant.
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_heard(number: int) -> bool:
    """False for a signal that was ignored before: `nohup` ignores SIGHUP on purpose."""
    return signal.getsignal(number) is not signal.SIG_IGN
