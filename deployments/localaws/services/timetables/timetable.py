"""The times of scheduled actions: at(), rate() and cron() expressions, between a start and an end."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, available_timezones

from localaws.clock import Clock
from localaws.errors import ValidationException
from localaws.services.timetables.cron import cron

# Attribute set on moto's scheduled actions: their Timetable.
TIMETABLE = "localaws_timetable"
_EXPRESSION = re.compile(r"(at|rate|cron)\((.*)\)")
_RATE = re.compile(r"0*([1-9]\d{0,5})\s?(minute|hour|day)s?")
_AT = "%Y-%m-%dT%H:%M:%S"
_AT_LENGTH = len("yyyy-mm-ddThh:mm:ss")
# AWS's wording.
_INVALID = (
    "Invalid schedule expression. Details: Schedule expression must have the following syntax: "
    r"rate(<number>\s?(minutes?|hours?|days?)), cron(<cron expression>) or at(yyyy-MM-dd'T'HH:mm:ss)"
)


class Expression(Protocol):
    """A parsed schedule expression."""

    def after(self, moment: datetime) -> datetime | None:
        """The next time after `moment`; None if there is none."""


@dataclass(frozen=True)
class At:
    """A single time."""

    when: datetime

    def after(self, moment: datetime) -> datetime | None:
        """The time, if it is still to come."""
        return self.when if self.when > moment else None


@dataclass(frozen=True)
class Rate:
    """A regular interval, counted from the start of the action, or from its creation if it has none."""

    period: timedelta
    origin: datetime

    def after(self, moment: datetime) -> datetime | None:
        """The end of the interval that contains `moment`."""
        return self.origin + ((moment - self.origin) // self.period + 1) * self.period


def expression(text: str, timezone: str | None, origin: datetime) -> Expression:
    """Parse a schedule; refuse what AWS refuses."""
    if timezone is not None and timezone not in available_timezones():
        raise ValidationException(f"Invalid time zone: {timezone}")
    zone = ZoneInfo(timezone) if timezone is not None else UTC
    match = _EXPRESSION.fullmatch(text)
    kind, body = match.groups() if match else ("", "")
    try:
        # strptime also accepts numbers of fewer digits, which AWS does not.
        if kind == "at" and len(body) == _AT_LENGTH:
            return At(datetime.strptime(body, _AT).replace(tzinfo=zone).astimezone(UTC))
        if kind == "cron":
            return cron(body, zone)
        if rate := _RATE.fullmatch(body) if kind == "rate" else None:
            return Rate(timedelta(**{f"{rate[2]}s": int(rate[1])}), origin)
    except (ValueError, OverflowError) as exc:
        raise ValidationException(_INVALID) from exc
    raise ValidationException(_INVALID)


@dataclass(frozen=True)
class Timetable:
    """The times of one action. On a compressed clock they are reached faster, counted from the action's creation."""

    clock: Clock
    expression: Expression
    made: datetime
    made_clock: float
    end: datetime | None
    due: datetime | None

    @classmethod
    def of(
        cls, clock: Clock, text: str, timezone: str | None, start: datetime | None, end: datetime | None, now: datetime
    ) -> Timetable:
        """The timetable of an action that is created now."""
        if start is not None and end is not None and start >= end:
            raise ValidationException("The start time must be before the end time.")
        found = expression(text, timezone, start or now)
        # A recurring action with a start is also due at that start.
        starts = start is not None and start > now and not isinstance(found, At)
        due = start if starts else found.after(max(now, start or now))
        return cls(clock, found, now, clock.now(), end, due)._ended()

    def now(self) -> datetime:
        """The current time on the action's timetable: that of its creation plus the AWS seconds since."""
        return self.made + timedelta(seconds=self.clock.now() - self.made_clock)

    @property
    def is_due(self) -> bool:
        """True if the action has to act now."""
        return self.due is not None and self.due <= self.now()

    def next(self) -> Timetable:
        """The timetable after the action has acted; times that were missed meanwhile are not made up for."""
        return replace(self, due=self.expression.after(self.now()))._ended()

    def _ended(self) -> Timetable:
        over = self.end is not None and self.due is not None and self.due > self.end
        return replace(self, due=None) if over else self
