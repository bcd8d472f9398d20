"""The time of day, by a clock that never goes back.

A machine's clock may be set back during a run, and a run that ends before it began has no durations.
"""

import time
from datetime import UTC, datetime, timedelta

_STARTED, _STARTED_AT = time.monotonic(), datetime.now(UTC)


def now() -> datetime:
    """The time in UTC: the time of day at which this process began, plus the time that has passed since."""
    return _STARTED_AT + timedelta(seconds=time.monotonic() - _STARTED)
