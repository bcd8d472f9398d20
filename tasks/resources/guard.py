"""One-time schedules that delete endpoints, and the group that holds a run's, as resources of the run."""

from collections.abc import Iterator
from dataclasses import replace

from tasks.clients import client, missing_ok
from tasks.limits import DELETING
from tasks.names import PREFIX, RUN_TAG
from tasks.resources.kind import ResourceKind
from tasks.resources.resource import Resource, Unreadable, marked, tags_of
from tasks.settings import read_settings

DEFAULT_GROUP = "default"


def _look_at_group(resource: Resource) -> Resource:
    state = client("scheduler").get_schedule_group(Name=resource.name)["State"]
    return replace(resource, status=DELETING if state == "DELETING" else state)


def _group_tags(arn: str) -> dict[str, str]:
    return tags_of(client("scheduler").list_tags_for_resource(ResourceArn=arn)["Tags"])


def _run_of_group(resource: Resource) -> str:
    arn = client("scheduler").get_schedule_group(Name=resource.name)["Arn"]
    return _group_tags(arn).get(RUN_TAG, "")


def _tagged_groups() -> Iterator[Resource | Unreadable]:
    """Yield the groups under our names; without a role for schedules none, so that nobody else needs the permission."""
    if not read_settings().scheduler_role_arn:
        return
    for page in client("scheduler").get_paginator("list_schedule_groups").paginate(NamePrefix=PREFIX):
        for group in page["ScheduleGroups"]:
            with missing_ok():
                if found := marked("schedule-group", group["Name"], _group_tags(group["Arn"])):
                    yield found


def _look_at_schedule(resource: Resource) -> Resource:
    found = client("scheduler").get_schedule(**_schedule(resource))
    return replace(resource, status=found["ScheduleExpression"])


def _run_of_schedule(resource: Resource) -> str:
    """The run that the tags of its group name: a schedule itself can't have tags."""
    return _run_of_group(replace(resource, name=resource.name.rpartition("/")[0] or DEFAULT_GROUP))


def _schedule(resource: Resource) -> dict[str, str]:
    group, _, name = resource.name.rpartition("/")
    return {"GroupName": group or DEFAULT_GROUP, "Name": name}


SCHEDULE_GROUP = ResourceKind(
    "schedule-group",
    look=_look_at_group,
    delete=lambda resource: client("scheduler").delete_schedule_group(Name=resource.name),
    owner=_run_of_group,
    tagged=_tagged_groups,
    listing="scheduler:ListScheduleGroups",
)
SCHEDULE = ResourceKind(
    "schedule",
    look=_look_at_schedule,
    delete=lambda resource: client("scheduler").delete_schedule(**_schedule(resource)),
    owner=_run_of_schedule,
)
