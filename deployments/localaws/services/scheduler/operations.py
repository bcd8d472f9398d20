"""The operations of EventBridge Scheduler."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from localaws.access.execution_role import can_be_assumed_by_scheduler
from localaws.calls import Call
from localaws.clock import utc_now
from localaws.constraints import violation_message, violations
from localaws.errors import AwsError, ValidationException
from localaws.sagemaker.hosting import Hosting
from localaws.services.scheduler.firing import act_on
from localaws.services.scheduler.schedules import DEFAULT, Group, Schedule, operation_of
from localaws.services.timetables.timetable import Timetable

Request = dict[str, Any]
_PAGE = 100


class Scheduler:
    """The schedules of one embedded AWS, by region and group; `url` is where it serves."""

    def __init__(self, hosting: Hosting, url: Callable[[], str]) -> None:
        self._hosting = hosting
        self._url = url
        self._lock = threading.RLock()
        self._groups: dict[tuple[str, str], Group] = {}

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._groups.clear()

    def answer(self, call: Call) -> Request:
        """The operation's answer; raise AwsError for what AWS refuses."""
        work: Callable[[str, Request], Request] | None = getattr(self, f"_{_snake(call.operation)}", None)
        if work is None:
            raise NotImplementedError(call.operation)
        request = call.parameters
        if found := violations("scheduler", call.operation, request):
            raise ValidationException(violation_message(found))
        with self._lock:
            return work(call.region, request)

    def act(self) -> None:
        """Make the calls of all schedules that are due."""
        with self._lock:
            found = [(group.region, each) for group in self._groups.values() for each in group.schedules.values()]
        for region, schedule in found:
            due = schedule.enabled and schedule.timetable.is_due
            if due and act_on(schedule, region, self._hosting.clock, self._hosting.journal, self._url()):
                self._done(region, schedule)

    def _done(self, region: str, schedule: Schedule) -> None:
        """Move a schedule on to its next time; one without another is deleted if it says so."""
        with self._lock:
            schedule.attempts, schedule.due_since = 0, None
            schedule.timetable = schedule.timetable.next()
            group = self._groups.get((region, schedule.group))
            if schedule.timetable.due is None and schedule.request.get("ActionAfterCompletion") == "DELETE" and group:
                group.schedules.pop(schedule.name, None)

    def _create_schedule(self, region: str, request: Request) -> Request:
        group, name = self._group(region, request), request["Name"]
        if name in group.schedules:
            raise AwsError("ConflictException", f"Schedule {name} already exists.", 409)
        group.schedules[name] = self._made(group, request, utc_now())
        return {"ScheduleArn": group.arn_of(name)}

    def _update_schedule(self, region: str, request: Request) -> Request:
        before = self._schedule(region, request)
        group = self._group(region, request)
        group.schedules[before.name] = self._made(group, request, before.created)  # what is left out is reset
        return {"ScheduleArn": before.arn}

    def _made(self, group: Group, request: Request, created: datetime) -> Schedule:
        target = request["Target"]
        self._check_target(group, target)
        if request["FlexibleTimeWindow"]["Mode"] == "FLEXIBLE" and not request["FlexibleTimeWindow"].get(
            "MaximumWindowInMinutes"
        ):
            raise ValidationException("MaximumWindowInMinutes is required when FlexibleTimeWindow Mode is FLEXIBLE.")
        start, end = (_moment(request.get(name)) for name in ("StartDate", "EndDate"))
        timetable = Timetable.of(
            self._hosting.clock,
            request["ScheduleExpression"],
            request.get("ScheduleExpressionTimezone"),
            start,
            end,
            utc_now(),
        )
        return Schedule(
            group.name, request["Name"], group.arn_of(request["Name"]), request, timetable, created, utc_now()
        )

    def _check_target(self, group: Group, target: Request) -> None:
        if operation_of(target) is None:
            raise AwsError(
                "UnknownOperationException",
                f"The embedded AWS calls universal targets alone (arn:aws:scheduler:::aws-sdk:…), not {target['Arn']}.",
            )
        try:
            json.loads(target.get("Input", "{}"))
        except ValueError as exc:
            raise ValidationException(f"Invalid Input for target {target['Arn']}: it is not JSON.") from exc
        if not can_be_assumed_by_scheduler(self._hosting, group.region, target["RoleArn"], group.arn):
            raise ValidationException(
                "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
            )

    def _get_schedule(self, region: str, request: Request) -> Request:
        return self._schedule(region, request).described()

    def _delete_schedule(self, region: str, request: Request) -> Request:
        schedule = self._schedule(region, request)
        del self._group(region, request).schedules[schedule.name]
        return {}

    def _list_schedules(self, region: str, request: Request) -> Request:
        wanted = (request.get("GroupName"), request.get("State"), request.get("NamePrefix", ""))
        groups = [group for group in self._of(region) if wanted[0] in (None, group.name)]
        found = [each.listed() for group in groups for each in group.schedules.values()]
        found = [each for each in found if wanted[1] in (None, each["State"]) and each["Name"].startswith(wanted[2])]
        return _page("Schedules", found, request)

    def _create_schedule_group(self, region: str, request: Request) -> Request:
        name = request["Name"]
        if name == DEFAULT or (region, name) in self._groups:
            raise AwsError("ConflictException", f"Schedule group {name} already exists.", 409)
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        self._groups[region, name] = group = Group(region, name, utc_now(), tags)
        return {"ScheduleGroupArn": group.arn}

    def _get_schedule_group(self, region: str, request: Request) -> Request:
        return self._named(region, request["Name"]).described()

    def _delete_schedule_group(self, region: str, request: Request) -> Request:
        group = self._named(region, request["Name"])
        if group.name == DEFAULT:
            raise ValidationException("The default schedule group cannot be deleted.")
        del self._groups[region, group.name]  # AWS takes a moment, with the state DELETING
        return {}

    def _list_schedule_groups(self, region: str, request: Request) -> Request:
        prefix = request.get("NamePrefix", "")
        found = [group.described() for group in self._of(region) if group.name.startswith(prefix)]
        return _page("ScheduleGroups", found, request)

    def _list_tags_for_resource(self, region: str, request: Request) -> Request:
        tags = self._tagged(region, request).tags
        return {"Tags": [{"Key": name, "Value": value} for name, value in tags.items()]}

    def _tag_resource(self, region: str, request: Request) -> Request:
        self._tagged(region, request).tags.update({tag["Key"]: tag["Value"] for tag in request["Tags"]})
        return {}

    def _untag_resource(self, region: str, request: Request) -> Request:
        tags = self._tagged(region, request).tags
        for name in request["TagKeys"]:
            tags.pop(name, None)
        return {}

    def _of(self, region: str) -> list[Group]:
        self._named(region, DEFAULT)
        return sorted((group for (where, _), group in self._groups.items() if where == region), key=lambda g: g.name)

    def _group(self, region: str, request: Request) -> Group:
        return self._named(region, request.get("GroupName", DEFAULT))

    def _named(self, region: str, name: str) -> Group:
        if name == DEFAULT:
            self._groups.setdefault((region, DEFAULT), Group(region, DEFAULT, utc_now()))
        if (region, name) not in self._groups:
            raise _missing(f"Schedule group {name} does not exist.")
        return self._groups[region, name]

    def _schedule(self, region: str, request: Request) -> Schedule:
        found = self._group(region, request).schedules.get(request["Name"])
        if found is None:
            raise _missing(f"Schedule {request['Name']} does not exist.")
        return found

    def _tagged(self, region: str, request: Request) -> Group:
        found = next((group for group in self._of(region) if group.arn == request["ResourceArn"]), None)
        if found is None:
            raise _missing(f"Schedule group {request['ResourceArn'].rpartition('/')[2]} does not exist.")
        return found


def _missing(text: str) -> AwsError:
    return AwsError("ResourceNotFoundException", text, 404)


def _moment(given: Any) -> datetime | None:
    return None if given is None else datetime.fromtimestamp(float(given), UTC)


def _page(name: str, found: list[Request], request: Request) -> Request:
    start, most = int(request.get("NextToken", "0")), request.get("MaxResults", _PAGE)
    more = {"NextToken": str(start + most)} if start + most < len(found) else {}
    return {name: found[start : start + most], **more}


def _snake(operation: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).lower()
