"""The time of day by a clock that never goes back."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tasks import clock


def test_it_is_the_time_of_day() -> None:
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(hours=1)
    assert clock.now().utcoffset() == timedelta(0)


def test_setting_the_machines_clock_back_does_not_set_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class SetBack(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime(2001, 1, 1, tzinfo=UTC)

    before = clock.now()
    monkeypatch.setattr("tasks.clock.datetime", SetBack)
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert clock.now() >= before


def test_it_passes_as_the_monotonic_clock_does(monkeypatch: pytest.MonkeyPatch) -> None:
    before, later = clock.now(), time.monotonic() + 3600
    monkeypatch.setattr("tasks.clock.time.monotonic", lambda: later)
    assert timedelta(minutes=59) < clock.now() - before < timedelta(minutes=61)
