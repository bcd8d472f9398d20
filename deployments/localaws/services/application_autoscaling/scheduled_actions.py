"""The operations on scheduled actions, which stay in moto's backends; `localaws.scaling.schedules` carries them out."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from localaws.clock import utc_now
from localaws.errors import ValidationException
from localaws.services.application_autoscaling.rules import check_scheduled_bounds
from localaws.services.application_autoscaling.targets import (
    DIMENSION,
    NAMESPACE,
    NOT_REGISTERED,
    WHERE,
    Request,
    backend_of,
    not_found,
    page,
    target_of,
    where,
)
from localaws.services.moto_services import ACCOUNT
from localaws.services.timetables.timetable import TIMETABLE, Timetable

if TYPE_CHECKING:
    from localaws.scaling.engine import Scaling

# AWS's wording, as far as it is known.
_NO_ACTION = f"No scheduled action found for {WHERE}, scheduled action name: {{name}}"
_NO_SCHEDULE = "A schedule must be provided when creating a scheduled action"
_OPTIONAL = {"Timezone": "timezone", "StartTime": "start_time", "EndTime": "end_time"}


class ScheduledActions:
    """The operations on the scheduled actions of one embedded AWS."""

    def __init__(self, scaling: Scaling) -> None:
        self._scaling = scaling

    def put(self, region: str, request: Request) -> Request:
        """Create an action, or change the given properties of one; a start or an end that is not given is removed."""
        if target_of(region, request) is None:
            raise not_found(NOT_REGISTERED, request)
        name, before = request["ScheduledActionName"], _action(region, request)
        schedule = request.get("Schedule") or (before.schedule if before else None)
        timezone = request.get("Timezone") or (before.timezone if before else None)
        bounds = request.get("ScalableTargetAction") or (before.scalable_target_action if before else {})
        start, end = request.get("StartTime"), request.get("EndTime")
        check_scheduled_bounds(bounds)
        if schedule is None:
            raise ValidationException(_NO_SCHEDULE)
        timetable = Timetable.of(self._scaling.clock, schedule, timezone, _moment(start), _moment(end), utc_now())
        identity = (name, request["ResourceId"], DIMENSION)
        backend_of(region).put_scheduled_action(NAMESPACE, schedule, timezone, *identity, start, end, bounds)
        action = _action(region, request)
        setattr(action, TIMETABLE, timetable)
        if before is None and action is not None:
            # moto's own ARN lacks the ID.
            action.arn = _arn(region, action)
        return {}

    def delete(self, region: str, request: Request) -> Request:
        """Delete an action; the bounds that it has set stay."""
        name = request["ScheduledActionName"]
        if _action(region, request) is None:
            raise not_found(_NO_ACTION, request, name)
        backend_of(region).delete_scheduled_action(NAMESPACE, name, request["ResourceId"], DIMENSION)
        return {}

    def describe(self, region: str, request: Request) -> Request:
        """A page of the actions."""
        names, resource = request.get("ScheduledActionNames"), request.get("ResourceId")
        found = backend_of(region).describe_scheduled_actions(names, NAMESPACE, resource, None)
        listed, token = page(found, request)
        return {"ScheduledActions": [_described(action) for action in listed], **token}


def _action(region: str, request: Request) -> Any | None:
    names = [request["ScheduledActionName"]]
    found = backend_of(region).describe_scheduled_actions(names, NAMESPACE, request["ResourceId"], DIMENSION)
    return found[0] if found else None


def _moment(seconds: float | None) -> datetime | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise ValidationException(f"{seconds} is no time") from exc


def _arn(region: str, action: Any) -> str:
    return (
        f"arn:aws:autoscaling:{region}:{ACCOUNT}:scheduledAction:{uuid.uuid4()}:resource/{NAMESPACE}/"
        f"{action.resource_id}:scheduledActionName/{action.scheduled_action_name}"
    )


def _described(action: Any) -> Request:
    optional = {member: getattr(action, name) for member, name in _OPTIONAL.items()}
    return {
        "ScheduledActionName": action.scheduled_action_name,
        "ScheduledActionARN": action.arn,
        **where(action),
        "Schedule": action.schedule,
        "ScalableTargetAction": action.scalable_target_action,
        "CreationTime": action.creation_time,
        **{member: value for member, value in optional.items() if value is not None},
    }
