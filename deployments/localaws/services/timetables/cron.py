"""The cron expressions of scheduled actions: minutes, hours, day of month, month, day of week, year.

They are Quartz's without seconds: Sunday is 1, one of the two days is "?", and L, W and # pick days of a month.
https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

Days = Callable[[date], bool]
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEK = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_NEAREST_WEEKDAY = re.compile(r"(\d{1,2}|L)W")
_LAST_OF_MONTH = re.compile(r"(\w+)L")
_NTH_OF_MONTH = re.compile(r"(\w+)#([1-5])")


@dataclass(frozen=True)
class Cron:
    """The times of a cron expression, in its time zone."""

    minutes: Sequence[int]
    hours: Sequence[int]
    months: frozenset[int]
    years: frozenset[int]
    is_day: Days
    zone: tzinfo

    def after(self, moment: datetime) -> datetime | None:
        """The next time after `moment`, in UTC; None if there is none."""
        day = moment.astimezone(self.zone).date()
        while day.year <= max(self.years):
            if day.year in self.years and day.month in self.months and self.is_day(day):
                # When clocks go forward, a skipped local time comes out later than the ones that follow it.
                due = min((each for each in self._times(day) if each > moment), default=None)
                if due is not None:
                    return due
            day += timedelta(days=1)
        return None

    def _times(self, day: date) -> list[datetime]:
        # In UTC, because Python compares times of one zone by their wall clocks.
        return [
            datetime.combine(day, time(hour, minute), self.zone).astimezone(UTC)
            for hour in self.hours
            for minute in self.minutes
        ]


def cron(fields: str, zone: tzinfo) -> Cron:
    """Parse the six fields; raise ValueError if they are invalid."""
    minutes, hours, day_of_month, month, day_of_week, year = fields.upper().split()
    if [day_of_month, day_of_week].count("?") != 1:
        raise ValueError("one of day of month and day of week has to be ?")
    return Cron(
        sorted(_numbers(minutes, 0, 59)),
        sorted(_numbers(hours, 0, 23)),
        _numbers(month, 1, 12, _MONTHS),
        _numbers(year, _FIRST_YEAR, _LAST_YEAR),
        _of_month(day_of_month) if day_of_week == "?" else _of_week(day_of_week),
        zone,
    )


def _numbers(text: str, low: int, high: int, names: Sequence[str] = ()) -> frozenset[int]:
    """The numbers that a field stands for: values, ranges and steps, separated by commas."""
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        start = low if span == "*" else _number(first, low, high, names)
        end = high if span == "*" or (slash and not dash) else _number(last or first, low, high, names)
        if (slash and not step.isdecimal()) or (dash and not last):
            raise ValueError(part)
        # A range can wrap around, as SAT-SUN does.
        length = end - start if end >= start else end - start + high - low + 1
        offsets = range(0, length + 1, int(step) if slash else 1)
        found |= {low + (start - low + offset) % (high - low + 1) for offset in offsets}
    return frozenset(found)


def _number(text: str, low: int, high: int, names: Sequence[str]) -> int:
    number = names.index(text) + low if text in names else int(text) if text.isdecimal() else low - 1
    if not low <= number <= high:
        raise ValueError(text)
    return number


def _of_month(text: str) -> Days:
    if text == "L":
        return lambda day: day.day == _length(day)
    if match := _NEAREST_WEEKDAY.fullmatch(text):
        wanted = None if match[1] == "L" else _number(match[1], 1, 31, ())
        return lambda day: day == _nearest_weekday(day, wanted or _length(day))
    days = _numbers(text, 1, 31)
    return lambda day: day.day in days


def _nearest_weekday(month: date, wanted: int) -> date | None:
    """The weekday nearest to a day of the month, in the same month; None if the month is shorter."""
    if wanted > _length(month):
        return None
    day = month.replace(day=wanted)
    if day.weekday() == calendar.SATURDAY:
        return day + timedelta(days=-1 if wanted > 1 else 2)
    if day.weekday() == calendar.SUNDAY:
        return day + timedelta(days=1 if wanted < _length(month) else -2)
    return day


def _of_week(text: str) -> Days:
    if text == "L":
        text = "SAT"
    if match := _LAST_OF_MONTH.fullmatch(text):
        last = _number(match[1], 1, 7, _WEEK)
        return lambda day: _day_of_week(day) == last and day.day > _length(day) - 7
    if match := _NTH_OF_MONTH.fullmatch(text):
        wanted, nth = _number(match[1], 1, 7, _WEEK), int(match[2])
        return lambda day: _day_of_week(day) == wanted and (day.day - 1) // 7 + 1 == nth
    days = _numbers(text, 1, 7, _WEEK)
    return lambda day: _day_of_week(day) in days


def _day_of_week(day: date) -> int:
    return day.isoweekday() % 7 + 1  # Python's 7 is Sunday, which is 1 here


def _length(month: date) -> int:
    return calendar.monthrange(month.year, month.month)[1]
