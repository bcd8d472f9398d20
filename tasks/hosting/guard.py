"""The guard that needs no process of ours: AWS itself deletes an endpoint when it has expired.

A schedule of EventBridge Scheduler calls sagemaker:DeleteEndpoint once, at the run's expiry. It is made before the
endpoint and removed with it; what an endpoint leaves behind, such as its model, bills nothing, and a sweep removes it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from tasks.clients import client, error_code, explained, partition
from tasks.plan import RunPlan
from tasks.resources.guard import SCHEDULE, SCHEDULE_GROUP
from tasks.resources.inventory import write_down
from tasks.settings import Settings

LONGEST_RETRY_SECONDS = 86_400
"""SageMaker refuses to delete an endpoint that is Creating or Updating; the scheduler asks again, for a day."""


def guard_endpoint(plan: RunPlan, endpoint_name: str) -> None:
    """Make the schedule that deletes an endpoint which is about to be made; nothing where no role is set for it."""
    if not plan.settings.scheduler_role_arn:
        return
    group = plan.names.schedule_group
    write_down(plan, SCHEDULE_GROUP, group)
    with explained("scheduler:CreateScheduleGroup", group), _made_already():
        client("scheduler").create_schedule_group(Name=group, Tags=plan.tags)
    write_down(plan, SCHEDULE, f"{group}/{endpoint_name}", endpoint_name)
    request = schedule_request(plan, group, endpoint_name)
    with explained("scheduler:CreateSchedule", endpoint_name), _made_already():
        client("scheduler").create_schedule(**request)


def guard_in_words(settings: Settings) -> str:
    """What becomes of a run's endpoints when nothing of ours is left that could remove them."""
    if settings.scheduler_role_arn:
        return "AWS itself deletes the endpoints when they have expired, whatever becomes of this machine"
    return (
        "nothing deletes the endpoints if this machine and its sweep are gone: STYGIG_SCHEDULER_ROLE_ARN is not set "
        "(deployments/aws/README.md)"
    )


def schedule_request(plan: RunPlan, group: str, endpoint_name: str) -> dict[str, Any]:
    """The request for CreateSchedule."""
    return {
        "GroupName": group,
        "Name": endpoint_name,
        "Description": f"Deletes an endpoint of run {plan.run_id} that has outlived its run",
        "ScheduleExpression": f"at({plan.expires_at:%Y-%m-%dT%H:%M:%S})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": f"arn:{partition()}:scheduler:::aws-sdk:sagemaker:deleteEndpoint",
            "RoleArn": plan.settings.scheduler_role_arn,
            "Input": json.dumps({"EndpointName": endpoint_name}),
            "RetryPolicy": {"MaximumEventAgeInSeconds": LONGEST_RETRY_SECONDS, "MaximumRetryAttempts": 185},
        },
    }


@contextmanager
def _made_already() -> Iterator[None]:
    """Take "already exists" for success: a run's endpoints share the group, and a call may be retried by botocore."""
    try:
        yield
    except ClientError as exc:
        if error_code(exc) != "ConflictException":
            raise
