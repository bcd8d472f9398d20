"""Scaling activities: the changes that Application Auto Scaling made to an endpoint, and how each ended."""

from __future__ import annotations

import secrets
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from localaws.clock import Clock, utc_now
from localaws.scaling.policies import Past

KEPT_ACTIVITIES = 2000
IN_PROGRESS, SUCCESSFUL, FAILED = "InProgress", "Successful", "Failed"


@dataclass
class Activity:
    """One change of a variant's instance count; `policy_arn` is empty when the target's bounds caused it."""

    region: str
    resource_id: str
    scalable_dimension: str
    cause: str
    capacity_before: int
    capacity: int
    policy_arn: str = ""
    status: str = IN_PROGRESS
    ended: datetime | None = None
    ended_clock: float | None = None
    id: str = field(default_factory=lambda: str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)))
    started: datetime = field(default_factory=utc_now)
    reason: str = ""

    @property
    def description(self) -> str:
        """The activity's Description, in AWS's words."""
        return f"Setting desired instance count to {self.capacity}."

    @property
    def status_message(self) -> str:
        """The activity's StatusMessage, in AWS's words."""
        if self.status == FAILED:
            return f"Failed to set desired instance count to {self.capacity}. Reason: {self.reason}"
        done = f"Successfully set desired instance count to {self.capacity}."
        if self.status == IN_PROGRESS:
            return f"{done} Waiting for change to be fulfilled by sagemaker."
        return f"{done} Change successfully fulfilled by sagemaker."

    def journalled(self) -> dict[str, object]:
        """The activity's fields in the journal."""
        told = {"status": self.status, "cause": self.cause}
        return told | {"before": self.capacity_before, "capacity": self.capacity}

    def describe(self) -> dict[str, object]:
        """The activity as DescribeScalingActivities returns it."""
        return {
            "ActivityId": self.id,
            "ServiceNamespace": "sagemaker",
            "ResourceId": self.resource_id,
            "ScalableDimension": self.scalable_dimension,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": self.started.timestamp(),
            **({"EndTime": self.ended.timestamp()} if self.ended is not None else {}),
            "StatusCode": self.status,
            "StatusMessage": self.status_message,
        }


@dataclass
class BoundsActivity(Activity):
    """One change of a target's minimum or maximum capacity by a scheduled action; it is never in progress."""

    bounds: str = ""

    @property
    def description(self) -> str:
        """The activity's Description, in AWS's words."""
        return f"Setting {self.bounds}"

    @property
    def status_message(self) -> str:
        """The activity's StatusMessage, in AWS's words."""
        if self.status == FAILED:
            return f"Failed to set {self.bounds}. Reason: {self.reason}"
        return f"Successfully set {self.bounds}"


class Activities:
    """The activities of one embedded AWS, newest first; callers hold the hosting's lock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all: deque[Activity] = deque(maxlen=KEPT_ACTIVITIES)

    def __iter__(self) -> Iterator[Activity]:
        return iter(list(self._all))

    def add(self, activity: Activity) -> None:
        """Add an activity."""
        self._all.appendleft(activity)

    def clear(self) -> None:
        """Remove all activities."""
        self._all.clear()

    def settle(self, outcome: Callable[[Activity], tuple[str, str] | None]) -> list[Activity]:
        """End the activities in progress whose outcome (a status and a reason) is known, and return them."""
        ended = []
        for activity in self:
            if activity.status == IN_PROGRESS and (found := outcome(activity)) is not None:
                activity.status, activity.reason = found
                activity.ended, activity.ended_clock = utc_now(), self._clock.now()
                ended.append(activity)
        return ended

    def past(self, region: str, resource_id: str, policy_arn: str, *, out: bool) -> Past | None:
        """The last time a policy added instances (`out`) or removed some; None if it never did or it no longer counts.

        A failed activity starts no cool-down, and the next scale-out ends the cool-down of scaling in.
        """
        for activity in self:
            if (activity.region, activity.resource_id) != (region, resource_id) or activity.status == FAILED:
                continue
            added = activity.capacity > activity.capacity_before
            if activity.policy_arn == policy_arn and added == out:
                # AWS starts a cool-down when the activity has succeeded, so one in progress has used up nothing of it.
                since = self._clock.now() - activity.ended_clock if activity.ended_clock is not None else 0.0
                return Past(since, activity.capacity_before)
            if added and not out:
                return None
        return None
