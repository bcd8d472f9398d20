"""The times at which at(), rate() and cron() expressions are due, and expressions that are invalid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from localaws import Clock
from localaws.errors import ValidationException
from localaws.services.timetables.timetable import Timetable, expression

# A Thursday; 2028 is a leap year.
NOW = "2026-01-01T00:00:00"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(text: str, timezone: str | None = None, count: int = 2, after: str = NOW) -> list[str]:
    """The next times, without seconds."""
    found, moment = expression(text, timezone, utc(after)), utc(after)
    times: list[str] = []
    while len(times) < count and (following := found.after(moment)) is not None:
        assert following > moment
        moment = following
        times.append(f"{moment:%Y-%m-%dT%H:%M}")
    return times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at(2026-01-02T03:04:05)", ["2026-01-02T03:04"]),
        ("at(2025-12-31T23:59:59)", []),
        ("rate(1 minute)", ["2026-01-01T00:01", "2026-01-01T00:02"]),
        ("rate(90minutes)", ["2026-01-01T01:30", "2026-01-01T03:00"]),
        ("rate(2 hours)", ["2026-01-01T02:00", "2026-01-01T04:00"]),
        ("rate(1 day)", ["2026-01-02T00:00", "2026-01-03T00:00"]),
        ("cron(0 10 * * ? *)", ["2026-01-01T10:00", "2026-01-02T10:00"]),
        ("cron(15 12 ? * * *)", ["2026-01-01T12:15", "2026-01-02T12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["2026-01-01T18:00", "2026-01-02T18:00", "2026-01-05T18:00"]),
        ("cron(0 18 ? * 2-6 *)", ["2026-01-01T18:00", "2026-01-02T18:00", "2026-01-05T18:00"]),
        ("cron(0 9 ? * SAT-SUN *)", ["2026-01-03T09:00", "2026-01-04T09:00", "2026-01-10T09:00"]),
        ("cron(0 9 ? * sun,3 *)", ["2026-01-04T09:00", "2026-01-06T09:00", "2026-01-11T09:00"]),
        ("cron(0 8 1 * ? *)", ["2026-01-01T08:00", "2026-02-01T08:00"]),
        ("cron(0/15 * * * ? *)", ["2026-01-01T00:15", "2026-01-01T00:30"]),
        ("cron(*/20 1 * * ? *)", ["2026-01-01T01:00", "2026-01-01T01:20", "2026-01-01T01:40"]),
        ("cron(10-30/10 0 * * ? *)", ["2026-01-01T00:10", "2026-01-01T00:20", "2026-01-01T00:30"]),
        ("cron(0/5 8-9 ? * FRI *)", ["2026-01-02T08:00", "2026-01-02T08:05"]),
        ("cron(0 22-1 * * ? *)", ["2026-01-01T01:00", "2026-01-01T22:00", "2026-01-01T23:00", "2026-01-02T00:00"]),
        ("cron(0 0 1 JAN,7 ? *)", ["2026-07-01T00:00", "2027-01-01T00:00"]),
        ("cron(0 0 L * ? *)", ["2026-01-31T00:00", "2026-02-28T00:00"]),
        ("cron(0 0 LW * ? *)", ["2026-01-30T00:00", "2026-02-27T00:00"]),
        ("cron(0 0 3W * ? *)", ["2026-01-02T00:00", "2026-02-03T00:00"]),
        ("cron(0 0 1W 8 ? *)", ["2026-08-03T00:00", "2027-08-02T00:00"]),
        ("cron(0 0 31W * ? 2026)", ["2026-01-30T00:00", "2026-03-31T00:00", "2026-05-29T00:00"]),
        ("cron(0 0 ? * L *)", ["2026-01-03T00:00", "2026-01-10T00:00"]),
        ("cron(0 0 ? * 6L *)", ["2026-01-30T00:00", "2026-02-27T00:00"]),
        ("cron(0 0 ? * TUE#2 *)", ["2026-01-13T00:00", "2026-02-10T00:00"]),
        ("cron(0 0 ? * 3#5 *)", ["2026-03-31T00:00", "2026-06-30T00:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("cron(0 0 1 1 ? 2030-2031)", ["2030-01-01T00:00", "2031-01-01T00:00"]),
        ("cron(0 0 30 2 ? *)", []),
        ("cron(0 0 1 1 ? 2025)", []),
    ],
)
def test_when_an_expression_is_due(text: str, expected: list[str]) -> None:
    assert due(text, count=max(2, len(expected))) == expected


def test_at_and_cron_are_in_their_time_zone_and_follow_its_summer_time() -> None:
    assert due("at(2026-07-01T12:00:00)", "Europe/Berlin") == ["2026-07-01T10:00"]
    assert due("cron(30 6 ? * SUN *)", "Europe/Berlin", after="2026-03-22T12:00:00") == [
        "2026-03-29T04:30",
        "2026-04-05T04:30",
    ]
    assert due("cron(30 2-3 29 MAR ? *)", "Europe/Berlin", count=3, after="2026-03-28T12:00:00") == [
        "2026-03-29T01:30",
        "2027-03-29T00:30",
        "2027-03-29T01:30",
    ]
    assert due("cron(0 23 * * ? *)", "Pacific/Tahiti", count=1) == ["2026-01-01T09:00"]
    assert due("rate(1 day)", "Europe/Berlin", count=1) == ["2026-01-02T00:00"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0 10 * * ? *",
        "every(1 minute)",
        "rate(0 minutes)",
        "rate(-1 minutes)",
        "rate(1.5 hours)",
        "rate(1 week)",
        "rate(1 minute",
        "at(2026-01-02)",
        "at(2026-13-02T00:00:00)",
        "at(2026-1-02T00:00:00)",
        "at(2026-01-02T00:00:00Z)",
        "cron(0 10 * * ?)",
        "cron(0 0 10 * * ? *)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 10 0 * ? *)",
        "cron(0 10 32 * ? *)",
        "cron(0 10 * 13 ? *)",
        "cron(0 10 ? * 8 *)",
        "cron(0 10 ? * MOO *)",
        "cron(0 10 ? * 2#6 *)",
        "cron(0 10 * * ? 1969)",
        "cron(0/0 10 * * ? *)",
        "cron(0/x 10 * * ? *)",
        "cron(1- 10 * * ? *)",
        "cron(, 10 * * ? *)",
        "cron(0 10 32W * ? *)",
    ],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValidationException, match="Details: Schedule expression must have the following syntax"):
        expression(text, None, utc(NOW))


@pytest.mark.parametrize("zone", ["Europe", "Mars/Olympus", "../UTC", "", "CEST"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValidationException, match="Invalid time zone"):
        expression("at(2026-07-01T12:00:00)", zone, utc(NOW))


def timetable(text: str, start: str | None = None, end: str | None = None) -> Timetable:
    bounds = (utc(each) if each else None for each in (start, end))
    return Timetable.of(Clock(), text, None, *bounds, now=utc(NOW))


@pytest.mark.parametrize(
    ("text", "start", "end", "expected"),
    [
        ("rate(1 hour)", None, None, "2026-01-01T01:00:00"),
        ("rate(1 hour)", "2026-01-01T00:20:00", None, "2026-01-01T00:20:00"),
        ("rate(1 hour)", "2025-12-31T23:20:00", None, "2026-01-01T00:20:00"),
        ("cron(0 10 * * ? *)", "2026-01-05T12:00:00", None, "2026-01-05T12:00:00"),
        ("cron(0 10 * * ? *)", None, "2026-01-01T10:00:00", "2026-01-01T10:00:00"),
        ("cron(0 10 * * ? *)", None, "2026-01-01T09:00:00", None),
        ("at(2026-01-02T00:00:00)", "2026-01-01T12:00:00", "2026-01-03T00:00:00", "2026-01-02T00:00:00"),
        ("at(2026-01-02T00:00:00)", "2026-01-02T12:00:00", None, None),
        ("rate(1 hour)", "2025-01-01T00:00:00", "2025-02-01T00:00:00", None),
    ],
)
def test_an_action_is_due_from_its_start_to_its_end(
    text: str, start: str | None, end: str | None, expected: str | None
) -> None:
    assert timetable(text, start, end).due == (utc(expected) if expected else None)


def test_an_end_that_is_not_after_the_start_is_refused() -> None:
    with pytest.raises(ValidationException, match="before the end"):
        timetable("rate(1 hour)", "2026-01-02T00:00:00", "2026-01-02T00:00:00")


def test_an_action_is_due_on_the_compressed_clock_and_makes_up_for_nothing() -> None:
    clock = Clock(36_000)
    table = Timetable.of(clock, "rate(1 minute)", None, None, utc("2026-01-01T10:00:00"), utc(NOW))
    while not table.is_due or table.now() < utc("2026-01-01T01:00:00"):
        pass
    seen = table.now()
    following = table.next()
    assert following.due is not None
    assert seen < following.due <= table.now() + timedelta(minutes=1)
    while table.now() < utc("2026-01-01T10:00:00"):
        pass
    assert following.next().due is None
