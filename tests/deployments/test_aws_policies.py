"""The policies of deployments/aws let a run pass where IAM is enforced, and grant nothing that no run needs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from localaws import LocalAws, Options
from localaws.access.policy import Asked, Verdict, verdict
from localaws.journal import Entry
from tasks.clients import client
from tasks.errors import PermissionDeniedError
from tasks.exchange.recommendations import picture_request
from tasks.hosting.container_log import last_log_lines, log_group
from tasks.hosting.dashboard import make_dashboard
from tasks.hosting.deploying import start_endpoint
from tasks.hosting.endpoint import EndpointSpec, wait_in_service
from tasks.hosting.monitoring import alarms_of, watch
from tasks.hosting.notifications import create_messaging
from tasks.hosting.scaling import scale_to_zero
from tasks.invoking.diagnosis import Limits, diagnose
from tasks.invoking.endings import read_answer
from tasks.invoking.invocation import invoke_real_time, submit
from tasks.invoking.records import save_records
from tasks.invoking.waiting import Wait
from tasks.names import S3Location
from tasks.pictures.queries import Picture
from tasks.plan import RunPlan, plan_run
from tasks.planning.plan_of_run import Intent, plan_of_run
from tasks.planning.preflight import preflight
from tasks.resources.inventory import existing
from tasks.resources.teardown import tear_down_run
from tasks.settings import Settings
from tasks.storage import download, exists, upload
from tests.tasks.deployed import ANSWERING, BUCKET, RUN_ID, hurried, picture_bytes, put_model

FOLDER = Path(__file__).parents[2] / "deployments" / "aws"
ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/stygig-execution"
SCHEDULER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/stygig-scheduler"
# Actions that are granted although the run below does not show that they are needed.
GRANTED_BESIDES = {
    "caller": {"s3:AbortMultipartUpload": "only an upload in parts that fails needs it"},
    "execution-role": {
        "s3:AbortMultipartUpload": "only an upload in parts that fails needs it",
        "s3:GetBucketLocation": "AWS's documented permissions of the role have it; when it is used is not told",
        "logs:DescribeLogStreams": "AWS's documented permissions of the role have it; when it is used is not told",
        "cloudwatch:PutMetricData": "whether AWS puts an endpoint's metrics as the role is not documented",
    },
}


def rendered(name: str) -> str:
    """A policy with this account's values."""
    text = (FOLDER / f"{name}.json").read_text()
    return text.replace("REGION", REGION).replace("ACCOUNT", ACCOUNT).replace("BUCKET", BUCKET)


def without(document: str, action: str) -> str:
    """The policy without one of its actions."""
    policy = json.loads(document)
    for statement in policy["Statement"]:
        statement["Action"] = [each for each in listed(statement["Action"]) if each != action]
    policy["Statement"] = [statement for statement in policy["Statement"] if statement["Action"]]
    return json.dumps(policy)


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@dataclass(frozen=True)
class Judged:
    """The IAM decisions of the run: allowed to the caller, allowed to the role, and denied."""

    caller: tuple[Asked, ...]
    role: tuple[Asked, ...]
    denied: tuple[Entry, ...]

    def asked(self, policy: str) -> tuple[Asked, ...]:
        return self.caller if policy == "caller" else self.role


@pytest.fixture(scope="module")
def enforcing() -> Iterator[LocalAws]:
    with LocalAws(options=Options(enforce_iam=True)) as aws:
        aws.reset()
        yield aws


@pytest.fixture(scope="module")
def runner(enforcing: LocalAws) -> dict[str, str]:
    """The environment of a user with the shipped policies; the role has its own, too."""
    return {**enforcing.environment(), **identities(enforcing)}


@pytest.fixture(scope="module")
def judged(enforcing: LocalAws, runner: dict[str, str]) -> Judged:
    """A run by that user, from its preflight to its teardown."""
    with pytest.MonkeyPatch.context() as patched:
        become(patched, runner | {"STYGIG_SCHEDULER_ROLE_ARN": SCHEDULER_ROLE})
        run(planned())
    allowed = enforcing.journal.entries("access.allowed")
    return Judged(
        tuple(as_asked(each) for each in allowed if ":user/" in each.fields["principal"]),
        tuple(as_asked(each) for each in allowed if ":assumed-role/" in each.fields["principal"]),
        tuple(enforcing.journal.entries("access.denied")),
    )


def become(patched: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        patched.setenv(name, value)
    patched.setattr(boto3, "DEFAULT_SESSION", None)  # it would remember the earlier credentials


def planned() -> RunPlan:
    settings = Settings(bucket=BUCKET, owner="tester", execution_role_arn=ROLE, scheduler_role_arn=SCHEDULER_ROLE)
    return plan_run(RUN_ID, settings)


def root_of_iam(aws: LocalAws) -> Any:
    """A client of IAM that may do everything."""
    root = aws.environment()
    return boto3.client(
        "iam",
        REGION,
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=root["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=root["AWS_SECRET_ACCESS_KEY"],
    )


def identities(aws: LocalAws) -> dict[str, str]:
    """Make the role and the user as the README says, and return the user's credentials."""
    iam = root_of_iam(aws)
    for name in ("execution", "scheduler"):
        role = f"stygig-{name}"
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=rendered(f"{name}-role-trust"))
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=rendered(f"{name}-role"))
    iam.create_user(UserName="runner")
    iam.put_user_policy(UserName="runner", PolicyName="stygig", PolicyDocument=rendered("caller"))
    key = iam.create_access_key(UserName="runner")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def run(plan: RunPlan) -> None:
    """Do what the flows do, task by task."""
    preflight(plan)
    archive = put_model()
    loose = S3Location(BUCKET, "models/loose/")
    upload(ANSWERING.encode(), loose.child("code/inference.py"))
    assert exists(S3Location.parse(archive))
    assert download(archive)
    topics = create_messaging(plan)
    asked = [
        start_endpoint(plan, EndpointSpec("real-time", loose.uri), None),
        start_endpoint(plan, EndpointSpec("async", archive), topics),
    ]
    baseline, queued = wait_in_service(asked, hurried(60))
    assert "between 0 and 2" in scale_to_zero(plan, queued.name)
    assert len(watch(plan, queued.name)) == len(alarms_of(plan))
    make_dashboard(plan, queued.name)
    request = picture_request(Picture("red.jpg", picture_bytes()), 1)
    assert invoke_real_time(baseline.name, request, "recommendations").error is None
    records = [submit(plan, queued.name, request)]
    (ended,) = Wait(records, queued.name, topics.queue_url, hurried(60)).run()
    assert (ended.state, ended.notified) == ("completed", True)
    assert read_answer(ended, "recommendations")[0].error is None
    save_records(plan, [ended])
    limits = Limits(ttl_seconds=3600, timeout_seconds=300)
    assert diagnose(plan.bucket, ended.inference_id, limits).unread == ()
    assert diagnose(plan.bucket, queued.name, limits).unread == ()
    assert last_log_lines(queued.name)
    # `aws logs tail`, which error messages and the runbook recommend, asks for this.
    assert client("logs").filter_log_events(logGroupName=log_group(queued.name))["events"]
    assert {resource.kind for resource in existing(BUCKET, RUN_ID).resources} >= {"endpoint", "alarm", "queue"}
    assert tear_down_run(BUCKET, RUN_ID, hurried(60), print).left == ()
    assert existing(BUCKET, RUN_ID).resources == ()


def as_asked(entry: Entry) -> Asked:
    return Asked(entry.fields["action"], entry.fields["resource"], entry.fields["context"])


def test_a_run_passes_with_the_shipped_policies(judged: Judged) -> None:
    assert judged.denied == ()
    assert len(judged.caller) > 100
    assert judged.role


@pytest.mark.parametrize("name", ["caller", "execution-role"])
def test_each_action_is_needed_and_granted_once(name: str, judged: Judged) -> None:
    document, asked = rendered(name), judged.asked(name)
    assert {each.action for each in asked if verdict([document], each) is not Verdict.ALLOWED} == set()
    granted: list[str] = [
        action for statement in json.loads(document)["Statement"] for action in listed(statement["Action"])
    ]
    assert len(granted) == len(set(granted))
    used = {each.action for each in asked}
    assert set(granted) - used == set(GRANTED_BESIDES[name]), "granted and not used; a reason belongs above"
    for action in used:
        left = without(document, action)
        refused = {each.action for each in asked if verdict([left], each) is not Verdict.ALLOWED}
        assert refused == {action}


def test_the_scheduler_s_role_deletes_endpoints_of_ours_alone(
    judged: Judged, enforcing: LocalAws, runner: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = {name: enforcing.environment()[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    become(monkeypatch, runner)
    plan = planned()
    asked = start_endpoint(plan, EndpointSpec("async", put_model()), None)
    wait_in_service([asked], hurried(60))
    scale_to_zero(plan, asked.name)
    become(monkeypatch, root)
    sagemaker = client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=asked.name)["EndpointConfigName"]
    sagemaker.create_endpoint(EndpointName="theirs", EndpointConfigName=config)
    target = client("scheduler").get_schedule(GroupName=plan.names.schedule_group, Name=asked.name)["Target"]
    client("scheduler").create_schedule(
        GroupName=plan.names.schedule_group,
        Name="theirs",
        ScheduleExpression=f"at({plan.expires_at:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target | {"Input": '{"EndpointName": "theirs"}'},
    )
    enforcing.advance(plan.settings.expires_after_hours * 3600 + 600)
    left = [each["EndpointName"] for each in sagemaker.list_endpoints()["Endpoints"]]
    assert (asked.name in left, "theirs" in left) == (False, True)
    sagemaker.delete_endpoint(EndpointName="theirs")
    assert tear_down_run(BUCKET, RUN_ID, hurried(60), print).left == ()


def test_a_plan_needs_no_action_but_those_that_look(
    judged: Judged, enforcing: LocalAws, runner: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    become(monkeypatch, runner)
    before = list(enforcing.journal)[-1].number
    plan, specs = planned(), (EndpointSpec("real-time"), EndpointSpec("async"))
    found = plan_of_run(plan, Intent(specs))
    assert found.findings == []
    absent = {each.exists for each in found.resources if "decided by" not in each.name and "of AWS's" not in each.kind}
    assert absent <= {True, False}, "each could be looked at"
    asked = [each.fields["action"] for each in enforcing.journal.entries("access.", before)]
    assert len(asked) > 20
    verbs = {re.match("[A-Z][a-z]+", action.partition(":")[2])[0] for action in asked}  # type: ignore[index]
    assert verbs == {"Describe", "Get", "List", "Simulate"}
    assert enforcing.journal.entries("access.denied", before) == []


def started(plan: RunPlan) -> object:
    return start_endpoint(plan, EndpointSpec("async", put_model()), None)


LACKING: dict[str, Callable[[RunPlan], object]] = {
    "s3:PutObject": lambda plan: upload(b"x", plan.names.inputs.child("x")),
    "sns:TagResource": create_messaging,
    "sagemaker:AddTags": started,
    "iam:PassRole": started,
    "application-autoscaling:RegisterScalableTarget": lambda plan: scale_to_zero(plan, "stygig-any"),
    # Application Auto Scaling demands this one of its caller, and refuses with a ValidationException.
    "sagemaker:UpdateEndpointWeightsAndCapacities": lambda plan: scale_to_zero(plan, "stygig-any"),
}


def test_the_action_that_a_caller_lacks_is_named(
    judged: Judged, enforcing: LocalAws, runner: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    become(monkeypatch, runner)
    iam, plan = root_of_iam(enforcing), planned()
    for action, work in LACKING.items():
        policy = without(rendered("caller"), action)
        iam.put_user_policy(UserName="runner", PolicyName="stygig", PolicyDocument=policy)
        with pytest.raises(PermissionDeniedError, match=f"(?i)perform: {action} on .*") as refused:
            work(plan)
        assert str(refused.value).lower().endswith(f"allow {action} to the caller.".lower())


@pytest.mark.parametrize("name", ["caller", "execution-role"])
def test_nothing_is_granted_on_what_is_not_ours(name: str) -> None:
    context: dict[str, Any] = {"iam:passedtoservice": ("ec2.amazonaws.com",)}
    document = rendered(name)
    for action, resource in (
        ("s3:GetObject", "arn:aws:s3:::another/models/model.tar.gz"),
        ("s3:PutObject", f"arn:aws:s3:::{BUCKET}/elsewhere/object"),
        ("sagemaker:DeleteEndpoint", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/another"),
        ("sagemaker:DeleteEndpoint", f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:endpoint/stygig-async"),
        ("sns:DeleteTopic", f"arn:aws:sns:{REGION}:{ACCOUNT}:another"),
        ("sqs:DeleteQueue", f"arn:aws:sqs:{REGION}:{ACCOUNT}:another"),
        ("iam:PassRole", ROLE),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin"),
        ("sns:Publish", f"arn:aws:sns:{REGION}:{ACCOUNT}:another"),
        ("logs:GetLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:another:log-stream:s"),
    ):
        assert verdict([document], Asked(action, resource, context)) is Verdict.SILENT, (action, resource)
