"""Freed memory returned to the system: glibc keeps the pages of deleted objects until it is asked for them."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import cache

PERIOD_REAL_SECONDS = 10.0


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    # CDLL(None) is the process itself, whichever C library it runs on; musl and macOS have no malloc_trim.
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim


def trim() -> bool:
    """Return free pages to the system; True if there were any. C libraries other than glibc do so by themselves."""
    malloc_trim = _malloc_trim()
    return malloc_trim is not None and bool(malloc_trim(0))


def trim_until(closing: threading.Event) -> None:
    """Trim every PERIOD_REAL_SECONDS until the embedded AWS stops."""
    while not closing.wait(PERIOD_REAL_SECONDS):
        trim()
