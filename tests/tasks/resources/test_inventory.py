"""The inventory of our resources: from the record that was written before they were made, and from their tags."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from localaws import LocalAws
from localaws.faults import Faults, S3Fails
from tasks.errors import NotFoundError, PermissionDeniedError, StygigError
from tasks.hosting import notifications
from tasks.hosting.deploying import start_endpoint
from tasks.hosting.endpoint import EndpointSpec
from tasks.hosting.notifications import create_messaging
from tasks.hosting.scaling import scale_to_zero
from tasks.plan import RunPlan
from tasks.resources.inventory import (
    existing,
    inventory,
    recorded,
    records,
    strike_out,
    tagged,
    write_down,
    write_down_data,
)
from tasks.resources.kinds import KINDS, looked_at
from tasks.resources.resource import Resource, Unreadable
from tasks.resources.sagemaker import MODEL, run_of_endpoint
from tests.tasks.deployed import BUCKET, LOADS_WHEN_TOLD, RUN_ID, deployed, put_model

CREATED = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
THING = Resource("endpoint", "mine", RUN_ID, CREATED, CREATED + timedelta(hours=6), "mine", "InService", 0.115)


def names(resources: list[Resource]) -> list[tuple[str, str]]:
    return [(each.kind, each.name) for each in resources]


def everything(plan: RunPlan) -> str:
    """Make one resource of every kind and return the endpoint's name."""
    topics = create_messaging(plan)
    name = start_endpoint(plan, EndpointSpec("async", put_model(LOADS_WHEN_TOLD)), topics).name
    scale_to_zero(plan, name)
    return name


def test_a_record_survives_json_without_what_changes() -> None:
    assert Resource.from_json(THING.to_json()) == replace(THING, status="", usd_per_hour=0.0)


def test_a_resource_knows_its_age_and_whether_it_has_expired() -> None:
    assert THING.age_minutes(CREATED + timedelta(minutes=90)) == 90
    assert not THING.expired(THING.expires_at - timedelta(seconds=1))
    assert THING.expired(THING.expires_at)


def test_the_records_of_a_run_are_listed_in_the_order_of_creation(plan: RunPlan) -> None:
    for kind in reversed(KINDS):
        write_down(plan, kind, f"a-{kind.name}")
    assert [each.kind for each in recorded(BUCKET, RUN_ID)] == [kind.name for kind in KINDS]


def test_a_record_says_whose_it_is_and_until_when(plan: RunPlan) -> None:
    written = write_down(plan, MODEL, "mine", "for-this-endpoint")
    assert recorded(BUCKET) == [written]
    assert (written.run_id, written.expires_at, written.endpoint) == (RUN_ID, plan.expires_at, "for-this-endpoint")


def test_records_are_of_one_run_or_of_all(plan: RunPlan) -> None:
    write_down(plan, MODEL, "mine")
    write_down(replace(plan, run_id="another"), MODEL, "theirs")
    assert [each.name for each in recorded(BUCKET, RUN_ID)] == ["mine"]
    assert {each.name for each in recorded(BUCKET)} == {"mine", "theirs"}


def test_what_is_struck_out_is_no_longer_recorded(plan: RunPlan) -> None:
    written = write_down(plan, MODEL, "mine")
    strike_out(BUCKET, written)
    strike_out(BUCKET, written)
    assert recorded(BUCKET) == []


def test_a_bucket_that_is_gone_holds_no_records(local_aws: LocalAws) -> None:
    assert recorded("no-such-bucket") == []
    strike_out("no-such-bucket", THING)


def test_a_refused_listing_is_not_taken_for_no_records(plan: RunPlan, only_allowed: Callable[..., None]) -> None:
    only_allowed("s3:GetObject")
    with pytest.raises(StygigError, match=rf"s3:ListBucket on {BUCKET} was denied"):
        recorded(BUCKET)


def test_a_topic_is_written_down_before_it_is_asked_for(plan: RunPlan, only_allowed: Callable[..., None]) -> None:
    only_allowed("s3:*")
    with pytest.raises(StygigError, match="sns:CreateTopic"):
        notifications.create_messaging(plan)
    assert [each.kind for each in recorded(BUCKET)] == ["topic"]


def test_an_endpoint_is_written_down_before_it_is_asked_for(plan: RunPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = EndpointSpec("async", put_model(LOADS_WHEN_TOLD), instance_type="ml.no-such.large")
    with pytest.raises(StygigError, match="sagemaker:CreateEndpointConfig"):
        start_endpoint(plan, spec, None)
    assert [each.kind for each in recorded(BUCKET)] == ["model", "endpoint-config"]
    assert [each.kind for each in existing(BUCKET).resources] == ["model"]


def test_everything_that_a_run_makes_is_listed_once_with_its_status(plan: RunPlan) -> None:
    name = everything(plan)
    found = existing(BUCKET, RUN_ID).resources
    assert [each.kind for each in found] == [
        "topic",
        "topic",
        "queue",
        "subscription",
        "subscription",
        "schedule-group",
        "schedule",
        "model",
        "endpoint-config",
        "endpoint",
        "scalable-target",
        "alarm",
    ]
    by_kind = {each.kind: each for each in found}
    assert (by_kind["endpoint"].name, by_kind["endpoint"].status) == (name, "Creating")
    assert by_kind["scalable-target"].status == "0 to 2"
    assert by_kind["alarm"].status
    assert {each.run_id for each in found} == {RUN_ID}
    assert {each.expires_at.replace(microsecond=0) for each in found} == {plan.expires_at.replace(microsecond=0)}


def test_what_costs_is_told_by_the_hour(plan: RunPlan) -> None:
    deployed(plan, "real-time")
    (endpoint,) = [each for each in existing(BUCKET).resources if each.kind == "endpoint"]
    assert endpoint.status == "InService"
    assert 0.05 < endpoint.usd_per_hour < 0.5


def test_without_the_records_the_tags_tell_of_all_that_can_carry_them(plan: RunPlan) -> None:
    everything(plan)
    by_record = {(each.kind, each.name) for each in recorded(BUCKET)}
    by_tag = {(each.kind, each.name) for kind in KINDS for each in tagged(kind)}
    assert by_tag == {pair for pair in by_record if pair[0] not in {"subscription", "schedule", "scalable-target"}}
    assert {each.run_id for kind in KINDS for each in tagged(kind)} == {RUN_ID}


def test_what_was_written_down_and_never_made_does_not_exist(plan: RunPlan) -> None:
    for kind in KINDS:
        name = f"arn:aws:sns:us-east-1:123456789012:{kind.name}"
        write_down(plan, kind, {"topic": name, "subscription": f"{name}|queue"}.get(kind.name, f"a-{kind.name}"))
    assert len(inventory(BUCKET).resources) == len(KINDS)
    assert existing(BUCKET).resources == ()


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_every_kind_can_be_looked_for(plan: RunPlan, kind: str) -> None:
    arn = "arn:aws:sns:us-east-1:123456789012:absent"
    name = {"topic": arn, "subscription": f"{arn}|queue"}.get(kind, "absent")
    assert looked_at(replace(THING, kind=kind, name=name)) is None


def test_what_lacks_our_tags_is_not_ours_whatever_its_name(plan: RunPlan) -> None:
    boto3.client("sns").create_topic(Name="stygig-theirs")
    boto3.client("sqs").create_queue(QueueName="stygig-theirs", tags={"stygig:owner": "somebody"})
    model: dict[str, Any] = {"Image": "image:1", "ModelDataUrl": put_model()}
    boto3.client("sagemaker").create_model(
        ModelName="stygig-theirs", PrimaryContainer=model, ExecutionRoleArn=plan.settings.execution_role_arn
    )
    assert [each for kind in KINDS for each in tagged(kind)] == []


GOOD = {"stygig:run-id": RUN_ID, "stygig:expires-at": "2026-11-22T09:00:00+00:00"}
ODD_TAGS = {
    "an empty run id": ({"stygig:run-id": ""}, "'' is no run's id"),
    "a run id that leads elsewhere": ({"stygig:run-id": "../models"}, "'../models' is no run's id"),
    "an expiry that is no time": ({"stygig:expires-at": "tomorrow"}, "'tomorrow', which is no time"),
    "an expiry without a time zone": ({"stygig:expires-at": "2026-11-22T09:00:00"}, "a time without a time zone"),
    "no expiry": ({"stygig:expires-at": None}, "which is no time"),
    "no run id": ({"stygig:run-id": None}, "'' is no run's id"),
}


@pytest.mark.parametrize(("changed", "why"), ODD_TAGS.values(), ids=ODD_TAGS)
def test_what_bears_odd_tags_is_told_and_hides_nothing(plan: RunPlan, changed: dict[str, Any], why: str) -> None:
    topics = create_messaging(plan)
    tags = {key: value for key, value in (GOOD | changed).items() if value is not None}
    boto3.client("sqs").create_queue(QueueName="stygig-odd", tags=tags)
    found = existing(BUCKET)
    (odd,) = found.unreadable
    assert odd.what == "queue stygig-odd"
    assert why in odd.why
    assert topics.success_arn in {each.name for each in found.resources}
    assert "stygig-odd" not in {each.name for each in found.resources}


ODD_RECORDS = {
    "an unknown field": ({"colour": "red"}, "'colour'"),
    "an unknown kind": ({"kind": "cluster"}, "'cluster' is no kind of resource"),
    "another's run id": ({"run_id": "another"}, "it says that its run is another"),
    "a time without a time zone": ({"expires_at": "2026-11-22T09:00:00"}, "without a time zone"),
    "a name that is no text": ({"name": 7}, "name is no text"),
    "a missing field": ({"endpoint": None}, "endpoint"),
    "half a character": ({"name": "\ud800"}, "surrogates not allowed"),
    "a time beyond all calendars": ({"expires_at": "9999-12-31T23:59:59-14:00"}, "beyond all calendars"),
}


@pytest.mark.parametrize(("changed", "why"), ODD_RECORDS.values(), ids=ODD_RECORDS)
def test_an_odd_record_is_told_and_hides_nothing(plan: RunPlan, changed: dict[str, Any], why: str) -> None:
    topics = create_messaging(plan)
    written = json.loads(replace(THING, run_id=RUN_ID).to_json()) | changed
    put_record({key: value for key, value in written.items() if value is not None})
    found = existing(BUCKET)
    (odd,) = found.unreadable
    assert odd.what == f"record runs/{RUN_ID}/resources/odd"
    assert why in odd.why
    assert topics.success_arn in {each.name for each in found.resources}


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"null", b'"text"', b"[" * 200_000])
def test_what_is_no_record_at_all_is_told(plan: RunPlan, content: bytes) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"runs/{RUN_ID}/resources/odd", Body=content)
    (odd,) = records(BUCKET)
    assert isinstance(odd, Unreadable)
    assert odd.run_id == RUN_ID


def test_a_record_that_may_not_be_read_hides_none_of_the_others(plan: RunPlan, local_aws_faults: Faults) -> None:
    topics = create_messaging(plan)
    refused = f"runs/{RUN_ID}/resources/topic-{topics.success_arn}"
    local_aws_faults.add(S3Fails(key=refused, operation="GetObject", caller="client", times=5))
    found = inventory(BUCKET)
    assert [each.what for each in found.unreadable] == [f"record {refused}"]
    assert len(found.resources) == 5, "the topic is found by its tags"


def put_record(content: Any) -> None:
    body = json.dumps(content).encode()
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"runs/{RUN_ID}/resources/odd", Body=body)


def test_a_folder_called_resources_somewhere_else_is_not_read(plan: RunPlan) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"runs/{RUN_ID}/output/resources/a.out", Body=b"{}")
    boto3.client("s3").put_object(Bucket=BUCKET, Key="runs/resources/theirs", Body=b"{}")
    assert list(records(BUCKET)) == []


def test_a_refused_listing_is_told_beside_what_was_found(plan: RunPlan, only_allowed: Callable[..., None]) -> None:
    create_messaging(plan)
    only_allowed("s3:*", "sns:*", "sqs:*")
    found = existing(BUCKET)
    assert len(found.resources) == 5
    assert ["cloudwatch:DescribeAlarms was denied" in why for why in found.unlisted] == [True]


def test_a_price_that_may_not_be_looked_up_is_unknown_and_the_endpoint_is_listed(
    plan: RunPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(plan, "real-time")

    def denied(*names: Any) -> Any:
        raise PermissionDeniedError("sagemaker:DescribeEndpointConfig was denied")

    monkeypatch.setattr("tasks.resources.sagemaker.find_prices", denied)
    (endpoint,) = [each for each in existing(BUCKET).resources if each.kind == "endpoint"]
    assert (endpoint.status, endpoint.usd_per_hour) == ("InService", None)


def test_a_runs_data_exists_for_as_long_as_there_is_any(plan: RunPlan) -> None:
    write_down_data(plan)
    (written,) = recorded(BUCKET)
    assert existing(BUCKET).resources == ()
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"runs/{RUN_ID}/input/picture.json", Body=b"{}")
    (data,) = existing(BUCKET).resources
    assert (data.kind, data.name, data.status) == ("data", f"{BUCKET}/runs/{RUN_ID}/", "1 objects")
    assert looked_at(replace(written, name=f"{BUCKET}/runs/another/")) is None, "another run's data is not this run's"


def test_the_run_of_an_endpoint_is_in_its_tags(plan: RunPlan) -> None:
    name = start_endpoint(plan, EndpointSpec("async", put_model(LOADS_WHEN_TOLD)), None).name
    assert run_of_endpoint(name) == RUN_ID
    sagemaker = boto3.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    sagemaker.create_endpoint(EndpointName="theirs", EndpointConfigName=config)
    assert run_of_endpoint("theirs") == ""
    with pytest.raises(NotFoundError, match="sagemaker:DescribeEndpoint on absent"):
        run_of_endpoint("absent")
