"""Schedules and their groups as EventBridge Scheduler keeps and describes them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localaws.services.moto_services import ACCOUNT
from localaws.services.timetables.timetable import Timetable

DEFAULT = "default"
MOST_ATTEMPTS, LONGEST_SECONDS = 185, 86_400
"""How often a call that fails is repeated, and for how long, unless the schedule says otherwise."""


_OPERATION = re.compile(r"arn:aws[\w-]*:scheduler:::aws-sdk:(?P<service>[\w-]+):(?P<operation>\w+)")


def operation_of(target: dict[str, Any]) -> tuple[str, str] | None:
    """The service and operation that a universal target calls; None for any other target."""
    match = _OPERATION.fullmatch(target["Arn"])
    return (match["service"], match["operation"]) if match else None


@dataclass
class Schedule:
    """A schedule with its times; `attempts` counts the failed calls since it was due."""

    group: str
    name: str
    arn: str
    request: dict[str, Any]
    timetable: Timetable
    created: datetime
    changed: datetime
    attempts: int = 0
    due_since: float | None = None

    @property
    def enabled(self) -> bool:
        """True unless it was created or updated as disabled."""
        return bool(self.request.get("State", "ENABLED") == "ENABLED")

    @property
    def retries(self) -> tuple[int, int]:
        """The most repetitions of a failed call, and the seconds for which it is repeated."""
        policy = self.request["Target"].get("RetryPolicy", {})
        return (
            policy.get("MaximumRetryAttempts", MOST_ATTEMPTS),
            policy.get("MaximumEventAgeInSeconds", LONGEST_SECONDS),
        )

    def described(self) -> dict[str, Any]:
        """GetSchedule's answer."""
        attempts, seconds = self.retries
        target = {
            **self.request["Target"],
            "RetryPolicy": {"MaximumRetryAttempts": attempts, "MaximumEventAgeInSeconds": seconds},
        }
        kept = {name: value for name, value in self.request.items() if name not in ("ClientToken", "Target")}
        return {
            "ScheduleExpressionTimezone": "UTC",
            "State": "ENABLED",
            "ActionAfterCompletion": "NONE",
            **kept,
            "Arn": self.arn,
            "GroupName": self.group,
            "Target": target,
            "CreationDate": self.created.timestamp(),
            "LastModificationDate": self.changed.timestamp(),
        }

    def listed(self) -> dict[str, Any]:
        """Its entry in ListSchedules."""
        described = self.described()
        names = ("Arn", "Name", "GroupName", "State", "CreationDate", "LastModificationDate")
        return {name: described[name] for name in names} | {"Target": {"Arn": self.request["Target"]["Arn"]}}


@dataclass
class Group:
    """A group, which alone can have tags; deleting it deletes its schedules."""

    region: str
    name: str
    created: datetime
    tags: dict[str, str] = field(default_factory=dict)
    schedules: dict[str, Schedule] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:aws:scheduler:{self.region}:{ACCOUNT}:schedule-group/{self.name}"

    def arn_of(self, schedule: str) -> str:
        """The ARN of a schedule in it."""
        return f"arn:aws:scheduler:{self.region}:{ACCOUNT}:schedule/{self.name}/{schedule}"

    def described(self) -> dict[str, Any]:
        """GetScheduleGroup's answer."""
        moment = self.created.timestamp()
        return {
            "Arn": self.arn,
            "Name": self.name,
            "State": "ACTIVE",
            "CreationDate": moment,
            "LastModificationDate": moment,
        }
