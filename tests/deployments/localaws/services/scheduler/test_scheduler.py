"""EventBridge Scheduler through boto3: what it keeps and refuses, and that it calls at the time, as its role may."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployments.localaws.callers import ACCOUNT, allow, document
from tests.deployments.localaws.cloud import Cloud

DELETE_ENDPOINT = "arn:aws:scheduler:::aws-sdk:sagemaker:deleteEndpoint"
NEVER_LOADS = "import threading\ndef model_fn(model_dir): threading.Event().wait()\n"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/guard"


def in_minutes(minutes: float) -> str:
    return f"at({datetime.now(UTC) + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S})"


def schedule(role: str, minutes: float = 10, name: str = "one", **members: Any) -> dict[str, Any]:
    target = {"Arn": DELETE_ENDPOINT, "RoleArn": role, "Input": json.dumps({"EndpointName": "endpoint"})}
    return {
        "Name": name,
        "ScheduleExpression": in_minutes(minutes),
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
        "ActionAfterCompletion": "DELETE",
        **members,
    }


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refusal:
        call(**request)
    error = refusal.value.response["Error"]
    return error["Code"], error["Message"]


def guard(cloud: Cloud, *statements: dict[str, Any], service: str = "scheduler.amazonaws.com") -> str:
    """A role that the scheduler may assume."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    iam = cloud.client("iam")
    iam.create_role(RoleName="guard", AssumeRolePolicyDocument=document(trust))
    iam.put_role_policy(RoleName="guard", PolicyName="only", PolicyDocument=document(*statements))
    return ROLE


def endpoint(cloud: Cloud, handler: str = NEVER_LOADS, status: str | None = None) -> None:
    cloud.model(handler=handler)
    cloud.async_config()
    cloud.endpoint(status=status)


def names(cloud: Cloud) -> list[str]:
    return [each["EndpointName"] for each in cloud.client("sagemaker").list_endpoints()["Endpoints"]]


def test_an_endpoint_is_deleted_at_its_time_and_the_schedule_with_it(cloud: Cloud) -> None:
    endpoint(cloud, handler="def model_fn(model_dir): return None\n", status="InService")
    scheduler = cloud.client("scheduler")
    scheduler.create_schedule(**schedule(cloud.aws.execution_role_arn))
    cloud.aws.advance(5 * 60)
    assert names(cloud) == ["endpoint"]
    assert [each["Name"] for each in scheduler.list_schedules()["Schedules"]] == ["one"]
    cloud.aws.advance(6 * 60)
    assert scheduler.list_schedules()["Schedules"] == []
    assert cloud.client("sagemaker").list_endpoints(StatusEquals="InService")["Endpoints"] == []


def test_a_call_that_fails_is_made_again_and_given_up_in_the_end(cloud: Cloud) -> None:
    scheduler = cloud.client("scheduler")
    asked = schedule(cloud.aws.execution_role_arn, minutes=1)
    asked["Target"]["RetryPolicy"] = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600}
    scheduler.create_schedule(**asked)
    cloud.aws.advance(2 * 60)  # no endpoint is there
    assert [each["Name"] for each in scheduler.list_schedules()["Schedules"]] == ["one"]
    endpoint(cloud, handler="def model_fn(model_dir): return None\n", status="InService")
    cloud.aws.advance(60)
    assert scheduler.list_schedules()["Schedules"] == []
    failed = cloud.aws.journal.entries("scheduler.failed")
    assert len(failed) >= 1
    scheduler.create_schedule(**asked | {"ScheduleExpression": in_minutes(5)})
    cloud.aws.advance(20 * 60)
    assert scheduler.list_schedules()["Schedules"] == []
    assert cloud.aws.journal.entries("scheduler.failed")[-1].fields["given_up"]


def test_groups_hold_schedules_and_tags(cloud: Cloud) -> None:
    scheduler, role = cloud.client("scheduler"), cloud.aws.execution_role_arn
    made = scheduler.create_schedule_group(Name="mine", Tags=[{"Key": "run", "Value": "1"}])["ScheduleGroupArn"]
    arn = scheduler.create_schedule(**schedule(role, GroupName="mine"))["ScheduleArn"]
    assert arn == f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/mine/one"
    assert scheduler.list_tags_for_resource(ResourceArn=made)["Tags"] == [{"Key": "run", "Value": "1"}]
    scheduler.tag_resource(ResourceArn=made, Tags=[{"Key": "more", "Value": "2"}])
    scheduler.untag_resource(ResourceArn=made, TagKeys=["run"])
    assert scheduler.list_tags_for_resource(ResourceArn=made)["Tags"] == [{"Key": "more", "Value": "2"}]
    found = scheduler.get_schedule(Name="one", GroupName="mine")
    assert (found["State"], found["ActionAfterCompletion"], found["Target"]["Arn"]) == (
        "ENABLED",
        "DELETE",
        DELETE_ENDPOINT,
    )
    scheduler.update_schedule(**schedule(role, GroupName="mine", State="DISABLED", minutes=1))
    cloud.aws.advance(180)
    assert scheduler.get_schedule(Name="one", GroupName="mine")["State"] == "DISABLED"
    assert [each["Name"] for each in scheduler.list_schedule_groups(NamePrefix="mi")["ScheduleGroups"]] == ["mine"]
    assert scheduler.get_schedule_group(Name="mine")["State"] == "ACTIVE"
    scheduler.delete_schedule_group(Name="mine")
    assert refused(scheduler.get_schedule, Name="one", GroupName="mine")[0] == "ResourceNotFoundException"
    assert refused(scheduler.delete_schedule_group, Name="mine")[0] == "ResourceNotFoundException"


def test_what_the_scheduler_refuses(cloud: Cloud) -> None:
    scheduler, role = cloud.client("scheduler"), cloud.aws.execution_role_arn
    create, asked = scheduler.create_schedule, schedule(role)
    create(**asked)
    assert refused(create, **asked)[0] == "ConflictException"
    assert refused(scheduler.create_schedule_group, Name="default")[0] == "ConflictException"
    assert refused(create, **schedule(role, GroupName="absent"))[0] == "ResourceNotFoundException"
    assert refused(create, **schedule(role, name="a b"))[0] == "ValidationException"
    for wrong in ("at(2026-1-1)", "soon", "cron(0)"):
        assert refused(create, **schedule(role, name="two", ScheduleExpression=wrong))[0] == "ValidationException"
    nobody = f"arn:aws:iam::{ACCOUNT}:role/nobody"
    code, text = refused(create, **schedule(nobody, name="two"))
    assert (code, "must allow AWS EventBridge Scheduler to assume the role" in text) == ("ValidationException", True)
    target = asked["Target"] | {"Input": "{"}
    assert refused(create, **schedule(role, name="two", Target=target))[0] == "ValidationException"
    queue = asked["Target"] | {"Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"}
    assert "universal targets alone" in refused(create, **schedule(role, name="two", Target=queue))[1]
    assert refused(scheduler.delete_schedule, Name="two")[0] == "ResourceNotFoundException"
    assert refused(scheduler.delete_schedule_group, Name="default")[0] == "ValidationException"


def test_pages_go_on(cloud: Cloud) -> None:
    scheduler, role = cloud.client("scheduler"), cloud.aws.execution_role_arn
    for number in range(5):
        scheduler.create_schedule(**schedule(role, name=f"s{number}"))
    pages = scheduler.get_paginator("list_schedules").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["Schedules"]) for page in pages] == [2, 2, 1]


def test_a_schedule_may_do_what_its_role_may(enforced: Cloud) -> None:
    endpoint(enforced, handler="def model_fn(model_dir): return None\n", status="InService")
    scheduler = enforced.client("scheduler")
    role = guard(enforced, allow("sagemaker:ListEndpoints"))
    scheduler.create_schedule(**schedule(role, minutes=1))
    enforced.aws.advance(150)
    failed = enforced.aws.journal.entries("scheduler.failed")
    assert "is not authorized to perform: sagemaker:DeleteEndpoint" in failed[-1].fields["error"]
    enforced.client("iam").put_role_policy(
        RoleName="guard", PolicyName="only", PolicyDocument=document(allow("sagemaker:DeleteEndpoint"))
    )
    assert enforced.aws.journal.entries("scheduler.called") == []
    enforced.aws.advance(60)
    assert len(enforced.aws.journal.entries("scheduler.called")) == 1


def test_a_role_must_trust_the_scheduler(enforced: Cloud) -> None:
    role = guard(enforced, allow("*"), service="sagemaker.amazonaws.com")
    code, text = refused(enforced.client("scheduler").create_schedule, **schedule(role))
    assert (code, "to assume the role" in text) == ("ValidationException", True)
