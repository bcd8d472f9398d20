"""The plan of a run, asked of an account that it leaves as it is, byte for byte."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from tasks.hosting.deploying import start_endpoint
from tasks.hosting.endpoint import EndpointSpec
from tasks.hosting.notifications import create_messaging
from tasks.hosting.scaling import scale_to_zero
from tasks.plan import RunPlan
from tasks.planning.plan_of_run import Intent, Sent, plan_of_run
from tasks.planning.planned import PlannedResource, PlanOfRun
from tasks.resources.inventory import recorded
from tests.tasks.account import everything
from tests.tasks.deployed import BUCKET, deployed, put_model

NIGHT = (EndpointSpec("real-time"), EndpointSpec("async"))
ALONE = (EndpointSpec("async", name="fashion"),)


def planned(plan: RunPlan, specs: tuple[EndpointSpec, ...] = ALONE, model_uri: str = "", **more: Any) -> PlanOfRun:
    """The plan, after which the account is as it was."""
    before = everything()
    found = plan_of_run(plan, Intent(specs, model_uri, **{"sent": Sent(), **more}))
    assert everything() == before
    return found


def of(found: PlanOfRun, kind: str) -> list[PlannedResource]:
    return [each for each in found.resources if each.kind == kind]


def with_settings(plan: RunPlan, **changed: Any) -> RunPlan:
    return replace(plan, settings=plan.settings.model_copy(update=changed))


def test_a_plan_names_what_the_run_then_makes(plan: RunPlan) -> None:
    uri = put_model()
    found = planned(plan, NIGHT, uri)
    assert found.findings == []
    topics = create_messaging(plan)
    for spec in NIGHT:
        name = start_endpoint(plan, spec.serving(uri), topics if spec.kind == "async" else None).name
    scale_to_zero(plan, name)
    made = {(each.kind, each.name) for each in recorded(BUCKET)}
    assert len(made) == 15
    assert made < {(each.kind, each.name) for each in found.resources}
    beside = {each.kind for each in found.resources if (each.kind, each.name) not in made}
    assert beside == {"bucket", "artifact", "data", "scaling-policy", "alarm of AWS's"}


def test_each_resource_has_its_tags_and_its_expiry_as_it_will_have(plan: RunPlan) -> None:
    found = planned(plan, NIGHT, put_model())
    tags = {mark["Key"]: mark["Value"] for mark in plan.tags}
    assert found.tags == tags
    assert {each.kind for each in found.resources if each.tags == tags} == {
        "topic", "queue", "schedule-group", "model", "endpoint-config", "endpoint", "alarm",
    }  # fmt: skip
    assert {each.kind for each in found.resources if not each.expires_at} == {"bucket", "artifact"}
    assert {each.expires_at for each in found.resources} == {None, plan.expires_at}


def test_the_sum_is_that_of_the_instances_and_of_the_alarms(plan: RunPlan) -> None:
    found = planned(plan, NIGHT, put_model())
    alarms = 3 * 0.10 / 720
    assert found.usd_per_hour == pytest.approx(2 * 0.115 + alarms)
    assert found.usd_at_most == pytest.approx(6 * (3 * 0.115 + alarms))
    unknown = planned(plan, (EndpointSpec("real-time", instance_type="ml.p9.large"),), put_model())
    assert (unknown.usd_per_hour, unknown.unknown_prices) == (0, 1)
    assert of(unknown, "endpoint")[0].usd_per_hour is None


def test_a_real_time_endpoint_has_no_topics_and_no_scaling(plan: RunPlan) -> None:
    found = planned(plan, (EndpointSpec("real-time"),), put_model())
    assert [each.kind for each in found.resources] == [
        "bucket", "artifact", "data", "schedule-group", "schedule", "model", "endpoint-config", "endpoint",
    ]  # fmt: skip


def test_without_a_role_for_schedules_there_are_none(plan: RunPlan) -> None:
    found = planned(with_settings(plan, scheduler_role_arn=""))
    assert of(found, "schedule") == of(found, "schedule-group") == []
    assert any("STYGIG_SCHEDULER_ROLE_ARN is not set" in check.line and check.ok for check in found.checks)


def test_an_absent_bucket_would_be_made_and_is_not(plan: RunPlan) -> None:
    found = planned(replace(plan, bucket="not-there-yet"))
    assert (of(found, "bucket")[0].would, of(found, "bucket")[0].exists) == ("create", False)
    assert found.findings == []
    assert any(check.line.startswith("bucket not-there-yet: absent, would be made") for check in found.checks)


def test_a_bucket_in_use_is_left_as_it_is(plan: RunPlan) -> None:
    assert of(planned(plan), "bucket") == [PlannedResource("bucket", BUCKET, "leave", True)]


def test_a_bucket_of_another_region_and_an_impossible_one_are_findings(plan: RunPlan) -> None:
    europe: Any = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    boto3.client("s3").create_bucket(Bucket="in-europe", **europe)
    said_of = {"in-europe": "is in eu-west-1", "ab": "has 3 to 63 small letters", "a b": "Invalid bucket name"}
    for bucket, said in said_of.items():
        found = planned(replace(plan, bucket=bucket))
        assert (of(found, "bucket")[0].would, of(found, "bucket")[0].exists) == ("refused", None)
        (finding,) = found.findings
        assert said in finding


def test_the_bucket_of_the_answers_must_be_there(plan: RunPlan) -> None:
    spec = EndpointSpec("async", s3_output_path="s3://of-answers/here/")
    assert "of-answers does not exist" in "".join(planned(plan, (spec,)).findings)
    boto3.client("s3").create_bucket(Bucket="of-answers")
    found = planned(plan, (spec,))
    assert (found.findings, [each.would for each in of(found, "bucket")]) == ([], ["leave", "leave"])


def test_a_model_that_is_packaged_decides_names_that_nobody_knows_yet(plan: RunPlan) -> None:
    found = planned(plan, NIGHT)
    for kind in ("artifact", "model", "endpoint-config"):
        assert {(each.name, each.exists) for each in of(found, kind)} == {("decided by packaging", None)}
    assert len(of(found, "endpoint-config")) == 2
    assert of(found, "latest model")[0].would == "create"


def test_the_pointer_to_the_latest_model_would_be_changed(plan: RunPlan) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key="models/latest.json", Body=b"{}")
    (pointer,) = of(planned(plan), "latest model")
    assert (pointer.would, pointer.exists, pointer.expires_at) == ("change", True, None)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("latest", f"There is no latest model in {BUCKET}"),
        (f"s3://{BUCKET}/nothing/model.tar.gz", "No model artifact lies at"),
        (f"s3://{BUCKET}/nothing", "neither a .tar.gz nor a prefix"),
    ],
)
def test_a_model_that_is_not_there_is_a_finding(plan: RunPlan, uri: str, said: str) -> None:
    found = planned(plan, NIGHT, uri)
    (finding,) = found.findings
    assert said in finding
    assert of(found, "artifact")[0].would == "refused"
    assert of(found, "model")[0].name == "not known, see the findings"


def test_a_model_that_does_not_fit_is_a_finding(plan: RunPlan) -> None:
    uri = put_model()
    footprint = json.dumps({"resident_bytes": 50 << 30})
    boto3.client("s3").put_object(Bucket=BUCKET, Key="models/tiny/footprint.json", Body=footprint)
    (finding,) = planned(plan, NIGHT, uri).findings
    assert "Choose a larger --instance-type" in finding


def test_a_topic_of_the_user_s_is_left_as_it_is(plan: RunPlan) -> None:
    theirs = boto3.client("sns").create_topic(Name="theirs")["TopicArn"]
    found = planned(plan, topic_arn=theirs)
    assert of(found, "topic") == [PlannedResource("topic", theirs, "leave", True)]
    assert [each.name for each in of(found, "subscription")] == [f"{theirs}|{plan.names.queue}"]


def test_a_named_topic_that_is_absent_would_be_made_and_go_with_the_run(plan: RunPlan) -> None:
    absent = f"arn:aws:sns:{plan.region}:{plan.account}:fashion-results"
    found = planned(plan, topic_arn=absent)
    (topic,) = of(found, "topic")
    assert (topic.name, topic.would, topic.exists, topic.expires_at) == (absent, "create", False, plan.expires_at)
    assert found.findings == []


@pytest.mark.parametrize(
    ("arn", "said"),
    [
        ("arn:aws:sns:us-east-1:999999999999:absent", "account 999999999999 is not ours"),
        ("arn:aws:sns:eu-west-1:123456789012:absent", "is in eu-west-1, but the endpoint would be in us-"),
    ],
)
def test_a_topic_that_can_not_be_used_is_a_finding(plan: RunPlan, arn: str, said: str) -> None:
    found = planned(plan, topic_arn=arn)
    (finding,) = found.findings
    assert said in finding
    assert (of(found, "topic")[0].would, of(found, "topic")[0].exists) == ("refused", None)


def test_the_name_of_an_endpoint_that_is_taken_is_a_finding(plan: RunPlan) -> None:
    deployed(replace(plan, run_id="another-run"), name="fashion")
    found = planned(plan)
    (finding,) = found.findings
    assert finding.startswith("Endpoint fashion already exists and is ")
    assert (of(found, "endpoint")[0].would, of(found, "endpoint")[0].exists) == ("refused", True)


def test_an_alarm_that_an_earlier_endpoint_of_that_name_left_would_be_changed(plan: RunPlan) -> None:
    name = plan.names.alarm("fashion")
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName=name, MetricName="m", Namespace="n", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    (alarm,) = of(planned(plan), "alarm")
    assert (alarm.would, alarm.exists) == ("change", True)


def test_all_findings_are_told_and_not_the_first_alone(plan: RunPlan, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    broken = with_settings(plan, execution_role_arn="", reports=tmp_path / "file" / "reports")
    junit = str(tmp_path / "file" / "junit.xml")
    sent = Sent(pictures=str(tmp_path), count=24, minimum=20)
    found = planned(broken, NIGHT, "latest", sent=sent, reports=True, junit=junit)
    reports, second, role, pictures, model = found.findings
    assert "STYGIG_REPORTS" in reports
    assert second.startswith(f"The JUnit file {junit} can't be written")
    assert role.startswith("STYGIG_EXECUTION_ROLE_ARN is not set")
    assert "at least 20" in pictures
    assert "no latest model" in model


def test_folders_for_reports_are_looked_for_and_not_made(plan: RunPlan, tmp_path: Path) -> None:
    found = planned(
        with_settings(plan, reports=tmp_path / "new" / "reports"), reports=True, junit=str(tmp_path / "other" / "j.xml")
    )
    assert found.findings == []
    assert list(tmp_path.iterdir()) == []


def test_a_region_without_a_serving_image_is_a_finding_once(plan: RunPlan) -> None:
    nowhere = replace(with_settings(plan, image_uri=""), region="nowhere-1")
    found = plan_of_run(nowhere, Intent(NIGHT, put_model()))
    assert sum("No serving image is known for region 'nowhere-1'" in finding for finding in found.findings) == 1
    assert of(found, "model")[0].name == "not known, see the findings"


def test_what_may_not_be_looked_at_is_not_claimed_to_be_absent(
    plan: RunPlan, only_allowed: Callable[..., None]
) -> None:
    only_allowed("s3:*", "iam:*")
    found = plan_of_run(plan, Intent(ALONE))
    assert {each.exists for each in of(found, "queue")} == {None}
