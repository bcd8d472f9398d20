"""When scheduled actions are due: at(), rate() and cron() expressions, between a start and an end."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, available_timezones

from localaws.clock import Clock
from localaws.errors import ValidationException
from localaws.services.application_autoscaling.cron import cron

# Set on an action of moto's: when it is due.
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
    """What a schedule says."""

    def after(self, moment: datetime) -> datetime | None:
        """The next time after this one; None if there is none."""


@dataclass(frozen=True)
class At:
    """Once."""

    when: datetime

    def after(self, moment: datetime) -> datetime | None:
        """The time itself, while it is to come."""
        return self.when if self.when > moment else None


@dataclass(frozen=True)
class Rate:
    """At a regular interval, counted from when the action was made or starts."""

    period: timedelta
    origin: datetime

    def after(self, moment: datetime) -> datetime | None:
        """The next full interval."""
        return self.origin + ((moment - self.origin) // self.period + 1) * self.period


def expression(text: str, timezone: str | None, origin: datetime) -> Expression:
    """Reads a schedule; refuses what AWS refuses."""
    if timezone is not None and timezone not in available_timezones():
        raise ValidationException(f"Invalid time zone: {timezone}")
    zone = ZoneInfo(timezone) if timezone is not None else UTC
    match = _EXPRESSION.fullmatch(text)
    kind, body = match.groups() if match else ("", "")
    try:
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
    """When one action is due. On a compressed clock its time runs from the real one at which it was made."""

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
        """The timetable of an action that is made now."""
        if start is not None and end is not None and start >= end:
            raise ValidationException("The start time must be before the end time.")
        found = expression(text, timezone, start or now)
        # A recurring action that has a start is due at it, too.
        starts = start is not None and start > now and not isinstance(found, At)
        due = start if starts else found.after(max(now, start or now))
        return cls(clock, found, now, clock.now(), end, due)._ended()

    def now(self) -> datetime:
        """The time by which the action is due."""
        return self.made + timedelta(seconds=self.clock.now() - self.made_clock)

    @property
    def is_due(self) -> bool:
        """Whether it is to act now."""
        return self.due is not None and self.due <= self.now()

    def next(self) -> Timetable:
        """The timetable once the action has acted; what was missed meanwhile is not made up."""
        return replace(self, due=self.expression.after(self.now()))._ended()

    def _ended(self) -> Timetable:
        over = self.end is not None and self.due is not None and self.due > self.end
        return replace(self, due=None) if over else self
