"""The guard without a process of ours: AWS deletes an endpoint that has expired, and nothing of another's."""

from dataclasses import replace

import boto3
import pytest

from localaws import LocalAws
from tasks.errors import InputError, StygigError
from tasks.hosting.deploying import start_endpoint
from tasks.hosting.endpoint import EndpointSpec
from tasks.hosting.guard import guard_in_words
from tasks.plan import RunPlan
from tasks.resources.inventory import existing, recorded
from tasks.resources.teardown import tear_down_endpoint, tear_down_run
from tests.tasks.deployed import BUCKET, RUN_ID, deployed, hurried, put_model

HOURS = 3600.0


def schedules() -> list[str]:
    found = boto3.client("scheduler").list_schedules()["Schedules"]
    return sorted(f"{each['GroupName']}/{each['Name']}" for each in found)


def endpoints() -> list[str]:
    found = boto3.client("sagemaker").list_endpoints()["Endpoints"]
    return sorted(each["EndpointName"] for each in found if each["EndpointStatus"] != "Deleting")


def test_endpoints_are_gone_within_ten_minutes_of_their_expiry_with_nobody_left(
    plan: RunPlan, local_aws: LocalAws
) -> None:
    group = plan.names.schedule_group
    names = [deployed(plan, "real-time").name, deployed(plan, "async").name]
    boto3.client("sagemaker").create_endpoint(
        EndpointName="theirs", EndpointConfigName=next(r.name for r in recorded(BUCKET) if r.kind == "endpoint-config")
    )
    assert schedules() == sorted(f"{group}/{name}" for name in names)
    local_aws.advance((plan.settings.expires_after_hours - 0.1) * HOURS)
    assert endpoints() == sorted([*names, "theirs"])
    local_aws.advance(0.1 * HOURS + 600)
    assert endpoints() == ["theirs"]
    assert schedules() == []
    boto3.client("sagemaker").delete_endpoint(EndpointName="theirs")
    tear_down_run(BUCKET, RUN_ID, hurried(), print).proven()
    assert existing(BUCKET).resources == ()


def test_a_teardown_removes_the_schedules_with_what_they_guard(plan: RunPlan) -> None:
    first, second = deployed(plan, "real-time"), deployed(plan, "async")
    tear_down_endpoint(BUCKET, first.name, hurried(), print).proven()
    assert schedules() == [f"{plan.names.schedule_group}/{second.name}"]
    tear_down_run(BUCKET, RUN_ID, hurried(), print).proven()
    assert schedules() == []
    groups = boto3.client("scheduler").list_schedule_groups()["ScheduleGroups"]
    assert [each["Name"] for each in groups] == ["default"]


def test_a_group_is_found_by_its_tags_when_the_records_are_lost(plan: RunPlan) -> None:
    deployed(plan, "async")
    for resource in recorded(BUCKET):
        boto3.client("s3").delete_object(Bucket=BUCKET, Key=resource.key)
    assert {r.kind for r in existing(BUCKET, RUN_ID).resources} == {
        "endpoint",
        "endpoint-config",
        "model",
        "schedule-group",
    }
    tear_down_run(BUCKET, RUN_ID, hurried(), print).proven()
    assert (endpoints(), schedules()) == ([], [])


def test_an_endpoint_of_another_gets_no_schedule(plan: RunPlan) -> None:
    deployed(plan, "real-time", name="taken")
    other = replace(plan, run_id="another-run")
    with pytest.raises(InputError, match="Endpoint taken already exists"):
        start_endpoint(other, EndpointSpec("real-time", put_model(), "taken"), None)
    assert schedules() == [f"{plan.names.schedule_group}/taken"]


def test_without_a_role_there_is_no_schedule_and_the_preflight_says_so(plan: RunPlan) -> None:
    bare = replace(plan, settings=plan.settings.model_copy(update={"scheduler_role_arn": ""}))
    deployed(bare, "real-time")
    assert schedules() == []
    assert "STYGIG_SCHEDULER_ROLE_ARN is not set" in guard_in_words(bare.settings)
    assert "AWS itself deletes" in guard_in_words(plan.settings)


def test_a_role_that_is_not_there_is_told_before_the_endpoint_is_made(plan: RunPlan) -> None:
    wrong = plan.settings.model_copy(update={"scheduler_role_arn": "arn:aws:iam::123456789012:role/nobody"})
    with pytest.raises(StygigError, match="EventBridge Scheduler to assume the role"):
        deployed(replace(plan, settings=wrong), "real-time")
    assert endpoints() == []
