"""Removing what a run made, from any half-made state, and nothing else; and the proof."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest

from localaws import LocalAws
from localaws.faults import CallRefused, Faults
from tasks.deadline import Deadline
from tasks.errors import InputError, LeftoverError, ServiceUnreachableError
from tasks.hosting.deploying import start_endpoint
from tasks.hosting.endpoint import EndpointSpec
from tasks.hosting.notifications import create_messaging
from tasks.hosting.scaling import scale_to_zero
from tasks.names import S3Location
from tasks.plan import RunPlan
from tasks.resources import kinds
from tasks.resources.inventory import existing, recorded, write_down, write_down_data
from tasks.resources.messaging import TOPIC
from tasks.resources.resource import Resource
from tasks.resources.sagemaker import ENDPOINT
from tasks.resources.scaling import ALARM, SCALABLE_TARGET
from tasks.resources.teardown import SIGNALS, Removal, tear_down_endpoint, tear_down_run, uninterrupted
from tasks.storage import keys_under, upload
from tests.tasks.deployed import BUCKET, LOADS_WHEN_TOLD, RUN_ID, Clock, deployed, hurried, put_model


@dataclass
class Account:
    """All resources of the account that could be left running, in every service, as AWS lists them."""

    def things(self) -> set[str]:
        sagemaker, sns = boto3.client("sagemaker"), boto3.client("sns")
        found = {e["EndpointName"] for e in sagemaker.list_endpoints()["Endpoints"]}
        found |= {c["EndpointConfigName"] for c in sagemaker.list_endpoint_configs()["EndpointConfigs"]}
        found |= {m["ModelName"] for m in sagemaker.list_models()["Models"]}
        found |= {t["TopicArn"] for t in sns.list_topics()["Topics"]}
        found |= {s["SubscriptionArn"] for s in sns.list_subscriptions()["Subscriptions"]}
        found |= set(boto3.client("sqs").list_queues().get("QueueUrls", []))
        found |= {a["AlarmName"] for a in boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]}
        scaling = boto3.client("application-autoscaling")
        groups = boto3.client("scheduler").list_schedule_groups()["ScheduleGroups"]
        found |= {group["Arn"] for group in groups if group["Name"] != "default"}
        targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
        return found | {t["ResourceId"] for t in targets} | {p["PolicyARN"] for p in policies}


@pytest.fixture
def account(local_aws: LocalAws) -> Account:
    return Account()


def silent(line: str) -> None:
    """Discard a teardown's progress."""


def tear_down(run_id: str = RUN_ID, say: Callable[[str], None] = silent, limit: float = 60) -> Removal:
    return tear_down_run(BUCKET, run_id, hurried(limit), say)


def endpoint_of(plan: RunPlan, name: str = "", topics: Any = None) -> str:
    """An endpoint in service, with scaling."""
    found = deployed(plan, "async", topics, name=name).name
    scale_to_zero(plan, found)
    return found


def test_all_that_a_run_made_is_removed_and_proven_and_the_second_time_there_is_nothing(
    plan: RunPlan, account: Account
) -> None:
    before = account.things()
    write_down_data(plan)
    endpoint_of(plan, topics=create_messaging(plan))
    upload(b"{}", plan.names.inputs.child("1.json"))
    said: list[str] = []
    removal = tear_down(say=said.append).proven()
    assert account.things() == before
    assert [line.split()[1] for line in removal.removed] == [
        "alarm",
        "scalable-target",
        "endpoint",
        "endpoint-config",
        "model",
        "schedule",
        "schedule-group",
        "subscription",
        "subscription",
        "queue",
        "topic",
        "topic",
        "data",
    ]
    assert said == list(removal.removed)
    assert list(keys_under(S3Location(BUCKET, "runs/"))) == []
    assert tear_down() == Removal((), ())


def test_the_models_in_the_bucket_stay(plan: RunPlan) -> None:
    put_model()
    deployed(plan, "real-time")
    tear_down()
    assert list(keys_under(S3Location(BUCKET, ""))) == ["models/tiny/model.tar.gz"]


def test_what_was_written_down_and_never_made_is_struck_out(plan: RunPlan) -> None:
    write_down(plan, ENDPOINT, "never-made")
    write_down(plan, TOPIC, f"arn:aws:sns:{plan.region}:{plan.account}:never-made")
    assert tear_down() == Removal((), ())
    assert recorded(BUCKET) == []


@pytest.mark.parametrize("lost", ["records", "bucket"])
def test_with_the_record_lost_the_tags_are_enough(plan: RunPlan, account: Account, lost: str) -> None:
    deployed(plan, "real-time", create_messaging(plan))
    s3 = boto3.client("s3")
    for key in list(keys_under(S3Location(BUCKET, "runs/" if lost == "records" else ""))):
        s3.delete_object(Bucket=BUCKET, Key=key)
    if lost == "bucket":
        s3.delete_bucket(Bucket=BUCKET)
    removal = tear_down().proven()
    removed = {"endpoint", "endpoint-config", "model", "queue", "schedule-group", "topic"}
    assert {line.split()[1] for line in removal.removed} == removed
    # A subscription carries no tags, but goes with its topic, and a schedule with its group.
    assert account.things() == set()


def test_what_a_killed_run_had_made_so_far_is_removed(plan: RunPlan, account: Account) -> None:
    start_endpoint(plan, EndpointSpec("real-time", put_model()), create_messaging(plan))
    write_down(plan, SCALABLE_TARGET, "endpoint/stygig-async-1/variant/AllTraffic")
    tear_down().proven()
    assert account.things() == set()


def test_an_endpoint_that_is_still_creating_is_removed_once_it_can_be(
    plan: RunPlan, account: Account, local_aws: LocalAws
) -> None:
    name = start_endpoint(plan, EndpointSpec("real-time", put_model(LOADS_WHEN_TOLD)), None).name
    assert boto3.client("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"] == "Creating"
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.sleep(0)
        if len(clock.sleeps) == 2:
            boto3.client("s3").put_object(Bucket=BUCKET, Key="go")
        threading.Event().wait(0.05)

    removal = tear_down_run(BUCKET, RUN_ID, Deadline(60, time.process_time, sleep), silent).proven()
    assert f"removed endpoint {name}" in removal.removed
    assert len(clock.sleeps) >= 2
    assert account.things() == set()


def test_an_endpoint_that_never_settles_is_left_and_said_and_the_rest_is_removed(
    plan: RunPlan, account: Account
) -> None:
    name = start_endpoint(plan, EndpointSpec("real-time", put_model(LOADS_WHEN_TOLD)), create_messaging(plan)).name
    removal = tear_down_run(BUCKET, RUN_ID, Clock().deadline(20), silent)
    assert len(removal.left) == 3
    assert all("(it is needed by what is left)" in line for line in removal.left[1:])
    with pytest.raises(
        LeftoverError,
        match=rf"3 of ours could not be removed: endpoint {name} \(Gave up .* after \d+ s of 20 s: it is Creating.*"
        r"`stygig inventory`.*`stygig teardown --run-id",
    ):
        removal.proven()
    assert account.things() > {name}
    assert {each.kind for each in existing(BUCKET).resources} == {"endpoint", "endpoint-config", "model"}


def test_what_may_not_be_deleted_is_left_and_said(plan: RunPlan, only_allowed: Callable[..., None]) -> None:
    topics = create_messaging(plan)
    only_allowed("s3:*", "sns:Get*", "sns:List*", "sns:Unsubscribe", "sqs:*", "monitoring:*")
    removal = tear_down()
    assert len(removal.left) == 2
    assert topics.success_arn in " ".join(removal.left)
    assert "was denied" in removal.left[0]


def test_a_dead_runs_record_does_not_touch_what_another_run_made_since(plan: RunPlan, account: Account) -> None:
    dead = replace(plan, run_id="ffff" + RUN_ID[4:])
    for kind, name in (
        (ENDPOINT, "fashion"),
        (SCALABLE_TARGET, "endpoint/fashion/variant/AllTraffic"),
        (ALARM, "fashion-backlog-without-capacity"),
    ):
        write_down(dead, kind, name, "fashion")
    endpoint_of(plan, "fashion", create_messaging(plan))
    before = account.things()
    assert existing(BUCKET, dead.run_id).resources == ()
    assert {each.run_id for each in existing(BUCKET).resources} == {plan.run_id}
    assert tear_down_run(BUCKET, dead.run_id, hurried(), silent) == Removal((), ())
    assert account.things() == before
    assert {each.run_id for each in recorded(BUCKET)} == {plan.run_id}, "the dead run's records are struck out"


def test_a_record_that_can_not_be_struck_out_does_not_stop_the_rest(
    plan: RunPlan, only_allowed: Callable[..., None]
) -> None:
    create_messaging(plan)
    only_allowed("s3:Get*", "s3:List*", "sns:*", "sqs:*", "monitoring:*", "cloudwatch:*")
    removal = tear_down()
    assert len(removal.left) == 5
    assert all("s3:DeleteObject" in line for line in removal.left)
    assert existing(BUCKET).resources == ()


def test_what_is_written_down_is_removed_even_where_a_listing_is_refused(
    plan: RunPlan, only_allowed: Callable[..., None], account: Account
) -> None:
    create_messaging(plan)
    only_allowed("s3:*", "sns:*", "sqs:*")
    removal = tear_down()
    assert len(removal.removed) == 5
    assert len(removal.left) == 1
    assert "not looked at: cloudwatch:DescribeAlarms was denied" in removal.left[0]


def test_the_users_things_stay_whatever_their_names(plan: RunPlan, account: Account) -> None:
    sns, sqs, sagemaker = boto3.client("sns"), boto3.client("sqs"), boto3.client("sagemaker")
    theirs = sns.create_topic(Name="stygig-theirs")["TopicArn"]
    queue = sqs.create_queue(QueueName="theirs")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=theirs, Protocol="sqs", Endpoint=arn)
    container = {"Image": "image:1", "ModelDataUrl": put_model()}
    sagemaker.create_model(
        ModelName="stygig-theirs", PrimaryContainer=container, ExecutionRoleArn=plan.settings.execution_role_arn
    )
    before = account.things()
    create_messaging(plan, theirs)
    assert len(sns.list_subscriptions_by_topic(TopicArn=theirs)["Subscriptions"]) == 2
    tear_down().proven()
    assert account.things() == before


def test_another_runs_things_stay(plan: RunPlan, account: Account) -> None:
    other = replace(plan, run_id="7777" + RUN_ID[4:])
    create_messaging(other)
    before = account.things()
    create_messaging(plan)
    tear_down().proven()
    assert account.things() == before
    assert {each.run_id for each in recorded(BUCKET)} == {other.run_id}


def test_one_endpoint_is_removed_with_what_serves_it_alone(plan: RunPlan) -> None:
    topics = create_messaging(plan)
    first, second = endpoint_of(plan, "first", topics), endpoint_of(plan, "second", topics)
    tear_down_endpoint(BUCKET, first, hurried(), silent).proven()
    left = existing(BUCKET).resources
    assert {each.endpoint for each in left} == {"", second}
    assert [each.kind for each in left if each.endpoint == ""][:3] == ["topic", "topic", "queue"]
    assert boto3.client("sagemaker").describe_endpoint(EndpointName=second)["EndpointStatus"] == "InService"


def test_with_its_last_endpoint_goes_the_rest_of_a_run(plan: RunPlan, account: Account) -> None:
    name = endpoint_of(plan, "only", create_messaging(plan))
    tear_down_endpoint(BUCKET, name, hurried(), silent).proven()
    assert account.things() == set()


def test_a_runs_last_endpoint_is_the_last_though_others_are_written_down_that_somebody_deleted(
    plan: RunPlan, account: Account
) -> None:
    topics = create_messaging(plan)
    first, second = endpoint_of(plan, "first", topics), endpoint_of(plan, "second", topics)
    sagemaker = boto3.client("sagemaker")
    sagemaker.delete_endpoint(EndpointName=first)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=first, WaiterConfig={"Delay": 0, "MaxAttempts": 5000})
    tear_down_endpoint(BUCKET, second, hurried(), silent).proven()
    assert account.things() == set()


def test_an_id_of_which_nothing_is_known_is_said_to_be_so(plan: RunPlan) -> None:
    said: list[str] = []
    assert tear_down("042348dc", said.append) == Removal((), ())
    assert said == ["nothing of a run 042348dc was found; `stygig inventory` shows the ids of runs"]


def test_an_alarm_that_another_teardown_removed_meanwhile_stops_nothing(
    plan: RunPlan, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint_of(plan)
    look = ALARM.look

    def looked_and_gone(resource: Resource) -> Resource | None:
        seen = look(resource)
        boto3.client("cloudwatch").delete_alarms(AlarmNames=[resource.name])
        return seen

    monkeypatch.setitem(kinds._BY_NAME, "alarm", replace(ALARM, look=looked_and_gone))
    tear_down().proven()
    assert account.things() == set()


def test_an_endpoint_that_is_gone_already_still_leads_to_what_its_run_left(plan: RunPlan, account: Account) -> None:
    name = endpoint_of(plan, "only", create_messaging(plan))
    sagemaker = boto3.client("sagemaker")
    sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 0, "MaxAttempts": 500})
    tear_down_endpoint(BUCKET, name, hurried(), silent).proven()
    assert account.things() == set()


def test_an_endpoint_that_is_not_ours_is_left_alone(plan: RunPlan, account: Account) -> None:
    name = deployed(plan, "real-time").name
    sagemaker = boto3.client("sagemaker")
    arn = sagemaker.describe_endpoint(EndpointName=name)["EndpointArn"]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["stygig:run-id"])
    before = account.things()
    with pytest.raises(
        InputError, match=rf"Endpoint {name} lacks the tag stygig:run-id: it isn't ours.*delete-endpoint"
    ):
        tear_down_endpoint(BUCKET, name, hurried(), silent)
    assert account.things() == before


def test_a_refusal_to_look_is_not_taken_for_an_endpoint_that_is_not_there(
    plan: RunPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", "http://127.0.0.1:9")
    with pytest.raises(ServiceUnreachableError, match="sagemaker:DescribeEndpoint on nobodys"):
        tear_down_endpoint(BUCKET, "nobodys", hurried(), silent)


def test_removing_an_endpoint_that_is_gone_is_no_error(plan: RunPlan) -> None:
    assert tear_down_endpoint(BUCKET, "absent", hurried(), silent) == Removal((), ())


def test_without_a_record_nothing_under_a_prefix_is_ours(plan: RunPlan) -> None:
    theirs = plan.names.inputs.child("theirs.json")
    upload(b"{}", theirs)
    assert tear_down() == Removal((), ())
    assert list(keys_under(plan.names.prefix)) == [theirs.key]


def test_data_stays_with_its_record_for_whoever_removes_the_rest(
    plan: RunPlan, only_allowed: Callable[..., None]
) -> None:
    write_down_data(plan)
    upload(b"{}", plan.names.inputs.child("1.json"))
    create_messaging(plan)
    only_allowed("s3:*", "sns:Get*", "sns:List*", "sns:Unsubscribe", "sqs:*", "monitoring:*")
    left = tear_down().left
    assert [line.split()[0] for line in left] == ["topic", "topic", "data"]
    assert left[-1].endswith("(it is needed by what is left)")
    assert [each.kind for each in existing(BUCKET).resources] == ["data", "topic", "topic"]


def test_a_refused_listing_does_not_keep_the_callers_pictures(plan: RunPlan, only_allowed: Callable[..., None]) -> None:
    write_down_data(plan)
    upload(b"{}", plan.names.inputs.child("1.json"))
    only_allowed("s3:*", "sns:*", "sqs:*")
    assert ["not looked at: cloudwatch:DescribeAlarms" in line for line in tear_down().left] == [True]
    assert list(keys_under(plan.names.prefix)) == []


@pytest.mark.parametrize("named", ["another", "5d1c7a52-9f3e-4c0b-8a1d-0123456789ab"])
def test_what_can_not_be_read_is_left_and_the_rest_of_the_run_is_removed(
    plan: RunPlan, account: Account, named: str
) -> None:
    boto3.client("sqs").create_queue(
        QueueName="stygig-odd", tags={"stygig:run-id": named, "stygig:expires-at": "tomorrow"}
    )
    before = account.things()
    create_messaging(plan)
    left = tear_down().left
    assert account.things() == before
    assert [line.startswith("queue stygig-odd: can't be read") for line in left] == [True] * (named == RUN_ID)


def test_an_endpoint_is_removed_where_its_config_may_not_be_looked_at(
    plan: RunPlan, account: Account, local_aws_faults: Faults
) -> None:
    deployed(plan, "real-time")
    refused = CallRefused(service="sagemaker", operation="DescribeEndpointConfig", code="AccessDeniedException")
    local_aws_faults.add(refused)
    assert "removed endpoint" in " ".join(tear_down().removed)
    assert boto3.client("sagemaker").list_endpoints()["Endpoints"] == []


def test_a_removal_without_leftovers_is_its_own_proof() -> None:
    removal = Removal(("removed model mine",), ())
    assert removal.proven() is removal


@pytest.fixture
def delivered() -> Iterator[list[int]]:
    """The signals that got through to the process's own handlers."""
    got: list[int] = []
    before = {n: signal.signal(n, lambda number, frame: got.append(number)) for n in SIGNALS}
    yield got
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_during_a_teardown_is_held_back_until_it_is_done(number: signal.Signals, delivered: list[int]) -> None:
    said: list[str] = []
    with uninterrupted(said.append):
        signal.raise_signal(number)
        signal.raise_signal(number)
        assert delivered == []
    assert said == [f"{number.name} is held back: the teardown is under way"] * 2
    assert delivered == [number]
    signal.raise_signal(number)
    assert delivered == [number, number]


def test_ctrl_c_in_the_middle_still_removes_everything(plan: RunPlan, account: Account, delivered: list[int]) -> None:
    create_messaging(plan)

    def impatient(line: str) -> None:
        if line.startswith("removed queue"):
            signal.raise_signal(signal.SIGINT)

    tear_down(say=impatient).proven()
    assert account.things() == set()
    assert delivered == [signal.SIGINT]


def test_a_held_back_signal_is_delivered_after_an_error_too(delivered: list[int]) -> None:
    def interrupted() -> None:
        with uninterrupted(silent):
            signal.raise_signal(signal.SIGTERM)
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert delivered == [signal.SIGTERM]


def test_a_signal_that_was_ignored_stays_ignored_as_under_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with uninterrupted(silent):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_handlers_come_back_after_an_error_too() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyError), uninterrupted(silent):
        raise KeyError
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_nothing_is_held_back_and_nothing_breaks() -> None:
    ran: list[bool] = []

    def work() -> None:
        with uninterrupted(silent):
            ran.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ran == [True]
