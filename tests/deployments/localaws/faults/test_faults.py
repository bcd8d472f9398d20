"""Each fault as a client sees it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from localaws import LocalAws
from localaws.faults import (
    CallRefused,
    ConnectionDropped,
    DeliveredTwice,
    DiskFull,
    Fault,
    Faults,
    HandlerHangs,
    InstanceLost,
    MemoryLimit,
    MissingKeyForbidden,
    NotificationDelayed,
    NotificationDoubled,
    NotificationLost,
    S3Fails,
    SlowColdStart,
    Throttled,
    WorkerKilled,
)
from tests.deployments.localaws.cloud import BUCKET, FOREVER, HANDLER, STANDING, Cloud, eventually, input_key

ONCE = Config(retries={"total_max_attempts": 1})
FAILURES = f"s3://{BUCKET}/failed"
VARIANT = {"EndpointName": "endpoint", "VariantName": "AllTraffic"}


def error(call: Callable[..., Any], **request: Any) -> tuple[str, int]:
    """The code and the HTTP status of the error that the call gets."""
    with pytest.raises(ClientError) as refusal:
        call(**request)
    return refusal.value.response["Error"]["Code"], refusal.value.response["ResponseMetadata"]["HTTPStatusCode"]


def ended(cloud: Cloud, answer: dict[str, Any]) -> tuple[str, str]:
    """The ending of an asynchronous invocation, and its reason."""
    wanted = {"inference_id": answer["InferenceId"]}
    endings = ("async.completed", "async.failed", "async.expired")
    look = cloud.aws.journal.entries
    [entry] = eventually(lambda: [entry for event in endings for entry in look(event, **wanted)] or None)
    return entry.event.removeprefix("async."), str(entry.fields["reason"])


@pytest.fixture
def real_time(cloud: Cloud) -> Cloud:
    cloud.model()
    cloud.config()
    cloud.endpoint()
    return cloud


@pytest.fixture
def asynchronous(cloud: Cloud) -> Cloud:
    cloud.model()
    cloud.async_config(S3FailurePath=FAILURES)
    cloud.endpoint()
    return cloud


def test_a_fault_strikes_as_often_as_told_and_only_where_told(aws: LocalAws) -> None:
    active = aws.faults.add(WorkerKilled(endpoint="night-*", times=2))
    strikes = [aws.faults.strike(WorkerKilled, endpoint=name) for name in ("day", "night-1", "night-2", "night-3")]
    assert [fault is not None for fault in strikes] == [False, True, True, False]
    assert aws.faults.strike(InstanceLost, endpoint="night-1") is None
    assert (active.struck, aws.faults.struck(WorkerKilled), aws.faults.struck(DiskFull)) == (2, 2, 0)
    entries = aws.journal.entries("fault.struck", fault="WorkerKilled")
    assert [entry.fields["endpoint"] for entry in entries] == ["night-1", "night-2"]


def test_chance_repeats_itself_with_its_seed() -> None:
    def run(seed: int) -> list[bool]:
        faults = Faults()
        faults.add(WorkerKilled(probability=0.3))
        faults.seed(seed)
        return [faults.strike(WorkerKilled, endpoint="any") is not None for _ in range(200)]

    assert run(7) == run(7) != run(8)
    assert 30 < sum(run(7)) < 90


def test_clearing_and_resetting_take_every_fault_away(aws: LocalAws) -> None:
    for forget in (aws.faults.clear, aws.reset):
        aws.faults.add(WorkerKilled())
        assert aws.faults
        forget()
        assert not aws.faults
        assert aws.faults.strike(WorkerKilled, endpoint="any") is None


@pytest.mark.parametrize("wrong", [{"times": 0}, {"probability": 0}, {"probability": 1.5}])
def test_a_fault_that_could_never_strike_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Fault(**wrong)


def test_the_fixtures_faults_are_those_of_its_aws(local_aws_faults: Faults, local_aws: LocalAws) -> None:
    assert local_aws_faults is local_aws.faults


def test_a_slow_cold_start_keeps_the_endpoint_creating_for_as_long(cloud: Cloud) -> None:
    cloud.aws.clock.rate = 60
    cloud.aws.faults.add(SlowColdStart(endpoint="endpoint", seconds=90, times=1))
    cloud.model()
    cloud.config()
    before = cloud.aws.clock.now()
    cloud.endpoint()
    assert cloud.aws.clock.now() - before >= 90


def test_a_cold_start_beyond_the_limit_fails_the_endpoint(cloud: Cloud) -> None:
    cloud.aws.faults.add(SlowColdStart(seconds=100_000))
    cloud.model()
    cloud.config(variant={"ContainerStartupHealthCheckTimeoutInSeconds": 60})
    cloud.endpoint(status=None)
    assert "did not pass the ping health check" in cloud.gives_up()["FailureReason"]


def test_a_full_disk_fails_the_endpoint(cloud: Cloud) -> None:
    cloud.aws.faults.add(DiskFull(endpoint="endpoint"))
    cloud.model()
    cloud.config()
    cloud.endpoint(status=None)
    reason = cloud.settle(status="Failed")["FailureReason"]
    assert reason.startswith(f'Failed to extract model data archive from URL "s3://{BUCKET}/model.tar.gz".')
    assert "too large" in reason


def test_a_killed_worker_fails_the_request_in_hand_and_the_next_one_is_answered_by_another(real_time: Cloud) -> None:
    before = real_time.invoke({"x": 1})["pid"]
    real_time.aws.faults.add(WorkerKilled(times=1))
    with pytest.raises(ClientError, match="Worker died"):
        real_time.invoke({"x": 1})
    assert real_time.invoke({"x": 1})["pid"] != before
    assert real_time.aws.faults.struck() == 1


def test_a_killed_worker_fails_an_asynchronous_invocation(asynchronous: Cloud) -> None:
    asynchronous.aws.faults.add(WorkerKilled(endpoint="endpoint", times=1))
    answer = asynchronous.invoke_async({"x": 1})
    assert ended(asynchronous, answer)[0] == "failed"
    assert json.loads(asynchronous.read(answer["FailureLocation"]) or b"")["message"] == "Worker died."
    assert ended(asynchronous, asynchronous.invoke_async({"x": 1}))[0] == "completed"


def test_a_lost_instance_takes_its_request_along_and_another_instance_replaces_it(real_time: Cloud) -> None:
    before = real_time.aws.journal.entries("instance.healthy")[-1].fields["instance"]
    real_time.aws.faults.add(InstanceLost(times=1))
    with pytest.raises(ClientError) as refusal:
        real_time.invoke({"x": 1})
    assert refusal.value.response["Error"]["Code"] == "ModelError"
    assert real_time.invoke({"x": 1})["x"] == 2
    assert real_time.aws.journal.entries("instance.healthy")[-1].fields["instance"] != before
    assert real_time.sagemaker.describe_endpoint(EndpointName="endpoint")["EndpointStatus"] == "InService"


def test_a_handler_that_hangs_ends_by_the_time_limit_of_either_kind(real_time: Cloud) -> None:
    real_time.async_config("queued")
    real_time.endpoint("queued", "queued")
    real_time.aws.faults.add(HandlerHangs())
    real_time.aws.clock.rate = 600
    with pytest.raises(ClientError, match="timed out while waiting for a response from container primary"):
        real_time.invoke({"x": 1})
    answer = real_time.invoke_async({"x": 1}, "queued", InvocationTimeoutSeconds=60)
    ending, reason = ended(real_time, answer)
    assert ending == "failed"
    assert "timed out" in reason


def test_a_reset_does_not_wait_for_a_handler_that_hangs(asynchronous: Cloud) -> None:
    asynchronous.aws.faults.add(HandlerHangs())
    asynchronous.invoke_async({"x": 1})
    eventually(lambda: asynchronous.aws.faults.struck(HandlerHangs) or None)
    asynchronous.aws.reset()
    assert asynchronous.aws.worker_pids() == []


def test_a_leaking_handler_is_killed_at_the_limit_and_replaced(cloud: Cloud) -> None:
    leaking = HANDLER.replace("def predict_fn(", "kept = []\ndef predict_fn(").replace(
        '    if "until"', '    kept.append(b"x" * (data.get("leak", 0) << 20))\n    if "until"'
    )
    cloud.model(handler=leaking)
    cloud.config()
    cloud.endpoint()
    cloud.aws.faults.add(MemoryLimit(mebibytes=150))
    before = cloud.invoke({"leak": 1})["pid"]
    with pytest.raises(ClientError, match="Worker died"):
        cloud.invoke({"leak": 200, **FOREVER})
    assert cloud.invoke({"leak": 1})["pid"] != before
    assert cloud.aws.faults.struck(MemoryLimit) == 1


def test_a_doubly_delivered_invocation_is_worked_on_twice_and_counted_once(asynchronous: Cloud) -> None:
    asynchronous.aws.faults.add(DeliveredTwice(times=1))
    answer = asynchronous.invoke_async({"x": 1})
    journal = asynchronous.aws.journal
    eventually(lambda: (journal.count("async.completed") and journal.count("async.redelivered")) or None)
    [again] = journal.entries("async.redelivered")
    assert again.fields["inference_id"] == answer["InferenceId"]
    assert (journal.count("async.accepted"), journal.count("async.completed")) == (1, 1)
    eventually(lambda: asynchronous.metric("InvocationsProcessed", "Sum", VARIANT) == 2 or None)


@pytest.fixture
def told(cloud: Cloud) -> Callable[[], list[str]]:
    """A function that reads the inference ids sent to the success topic of an endpoint so far."""
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    queue = sqs.create_queue(QueueName="results")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="results")["TopicArn"]
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**allow, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    cloud.model()
    cloud.async_config(concurrency=1, NotificationConfig={"SuccessTopic": topic})
    cloud.endpoint()

    def read() -> list[str]:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        found = [json.loads(json.loads(message["Body"])["Message"]) for message in messages]
        return [each["inferenceId"] for each in found if "inferenceId" in each]

    return read


def finish(cloud: Cloud, *inference_ids: str) -> None:
    """Invokes one after the other, waiting for each to complete."""
    for inference_id in inference_ids:
        assert ended(cloud, cloud.invoke_async({"x": 1}, InferenceId=inference_id))[0] == "completed"


def test_a_lost_notification_never_comes_though_the_output_does(cloud: Cloud, told: Callable[[], list[str]]) -> None:
    cloud.aws.faults.add(NotificationLost(topic="results", times=1))
    finish(cloud, "lost", "kept")
    assert told() == ["kept"]


def test_a_doubled_notification_comes_twice(cloud: Cloud, told: Callable[[], list[str]]) -> None:
    cloud.aws.faults.add(NotificationDoubled(topic="other"))
    cloud.aws.faults.add(NotificationDoubled(topic="res*", times=1))
    finish(cloud, "first", "second")
    assert Counter(told()) == {"first": 2, "second": 1}


def test_a_delayed_notification_comes_after_later_ones(cloud: Cloud, told: Callable[[], list[str]]) -> None:
    cloud.aws.faults.add(NotificationDelayed(seconds=60, times=1))
    cloud.aws.clock.rate = STANDING
    finish(cloud, "first", "second")
    assert told() == ["second"]
    cloud.aws.advance(60)
    assert eventually(lambda: told() or None) == ["first"]


def test_s3_fails_for_a_client(cloud: Cloud) -> None:
    s3 = cloud.client("s3", config=ONCE)
    cloud.aws.faults.add(S3Fails(code="InternalError", key="in/*", operation="PutObject", times=1))
    cloud.aws.faults.add(S3Fails(code="SlowDown", bucket=BUCKET, operation="GetObject", times=1))
    assert error(s3.put_object, Bucket=BUCKET, Key="in/1", Body=bytes(1 << 20)) == ("InternalError", 500)
    s3.put_object(Bucket=BUCKET, Key="in/1", Body=b"1")
    assert error(s3.get_object, Bucket=BUCKET, Key="in/1") == ("SlowDown", 503)
    assert s3.get_object(Bucket=BUCKET, Key="in/1")["Body"].read() == b"1"


def test_the_data_plane_asks_s3_again_before_an_invocation_fails(asynchronous: Cloud) -> None:
    asynchronous.aws.faults.add(S3Fails(key="in/*", caller="data-plane", times=2))
    assert ended(asynchronous, asynchronous.invoke_async({"x": 1}))[0] == "completed"
    asynchronous.aws.faults.clear()
    asynchronous.aws.faults.add(S3Fails(key="in/*", caller="data-plane", times=3))
    answer = asynchronous.invoke_async({"x": 1})
    ending, reason = ended(asynchronous, answer)
    assert ending == "failed"
    location = f"s3://{BUCKET}/{input_key({'x': 1})}"
    assert reason.startswith(f"ClientError: Could not download the input data from {location}: Internal")
    assert asynchronous.metric("RequestDownloadFailures", "Sum", VARIANT) == 1
    assert (asynchronous.read(answer["FailureLocation"]) or b"").decode() == reason


def test_an_output_that_s3_does_not_take_is_a_failure(asynchronous: Cloud) -> None:
    asynchronous.aws.faults.add(S3Fails(code="SlowDown", key="out/*", operation="PutObject"))
    answer = asynchronous.invoke_async({"x": 1})
    ending, reason = ended(asynchronous, answer)
    assert ending == "failed"
    assert f"{answer['OutputLocation']}: SlowDown (503)" in reason
    assert asynchronous.metric("ResponseUploadFailures", "Sum", VARIANT) == 1
    assert asynchronous.read(answer["OutputLocation"]) is None


def test_model_data_that_s3_does_not_give_fails_the_endpoint(cloud: Cloud) -> None:
    cloud.aws.faults.add(S3Fails(key="model.tar.gz", caller="data-plane"))
    cloud.model()
    cloud.config()
    cloud.endpoint(status=None)
    assert "Failed to download model data" in cloud.settle(status="Failed")["FailureReason"]


def test_a_missing_key_is_forbidden_and_one_that_is_there_is_not(cloud: Cloud) -> None:
    cloud.aws.faults.add(MissingKeyForbidden(bucket=BUCKET, key="secret/*"))
    assert error(cloud.s3.get_object, Bucket=BUCKET, Key="secret/1") == ("AccessDenied", 403)
    assert error(cloud.s3.head_object, Bucket=BUCKET, Key="secret/1") == ("403", 403)
    assert error(cloud.s3.get_object, Bucket=BUCKET, Key="open") == ("NoSuchKey", 404)
    cloud.s3.put_object(Bucket=BUCKET, Key="secret/1", Body=b"1")
    assert cloud.s3.get_object(Bucket=BUCKET, Key="secret/1")["Body"].read() == b"1"


def test_a_call_is_throttled_as_its_service_throttles(cloud: Cloud) -> None:
    clients = {name: cloud.client(name, config=ONCE) for name in ("sagemaker", "sagemaker-runtime", "sns", "s3", "sqs")}
    cloud.aws.faults.add(Throttled(service="sagemaker", operation="ListEndpoints", times=3))
    for operation in ("InvokeEndpoint", "Publish", "GetObject", "SendMessage"):
        cloud.aws.faults.add(Throttled(operation=operation))
    for _ in range(3):
        assert error(clients["sagemaker"].list_endpoints) == ("ThrottlingException", 400)
    assert clients["sagemaker"].list_endpoints()["Endpoints"] == []
    invoke, publish = clients["sagemaker-runtime"].invoke_endpoint, clients["sns"].publish
    assert error(invoke, EndpointName="endpoint", Body=b"") == ("ThrottlingException", 400)
    assert error(publish, TopicArn="arn:aws:sns:us-east-1:123456789012:t", Message="m") == ("Throttling", 400)
    assert error(clients["s3"].get_object, Bucket=BUCKET, Key="key") == ("SlowDown", 503)
    url = clients["sqs"].create_queue(QueueName="queue")["QueueUrl"]
    assert error(clients["sqs"].send_message, QueueUrl=url, MessageBody="m") == ("ThrottlingException", 400)


def test_any_error_is_answered_to_the_calls_that_name_the_resource(cloud: Cloud) -> None:
    limit = CallRefused(
        service="sagemaker",
        operation="CreateModel",
        name="big-*",
        code="ResourceLimitExceeded",
        message="The account-level service limit is 0 Instances.",
    )
    cloud.aws.faults.add(limit)
    cloud.aws.faults.add(
        CallRefused(service="sns", operation="Publish", name="mine", code="AuthorizationError", status=403)
    )
    cloud.model("small")
    with pytest.raises(ClientError, match="account-level service limit is 0") as refusal:
        cloud.model("big-1")
    assert refusal.value.response["Error"]["Code"] == "ResourceLimitExceeded"
    assert [model["ModelName"] for model in cloud.sagemaker.list_models()["Models"]] == ["small"]
    sns = cloud.client("sns", config=ONCE)
    mine, yours = (sns.create_topic(Name=name)["TopicArn"] for name in ("mine", "yours"))
    assert error(sns.publish, TopicArn=mine, Message="m") == ("AuthorizationError", 403)
    assert sns.publish(TopicArn=yours, Message="m")["MessageId"]


@pytest.mark.parametrize("took_effect", [False, True])
def test_a_dropped_connection_leaves_the_caller_in_doubt(cloud: Cloud, took_effect: bool) -> None:
    sns, s3 = cloud.client("sns", config=ONCE), cloud.client("s3", config=ONCE)
    cloud.aws.faults.add(ConnectionDropped(operation="CreateTopic", took_effect=took_effect, times=1))
    cloud.aws.faults.add(ConnectionDropped(operation="PutObject", name="*/doubt", took_effect=took_effect, times=1))
    with pytest.raises(ConnectionClosedError):
        sns.create_topic(Name="doubt")
    with pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket=BUCKET, Key="doubt", Body=b"1")
    there = (len(sns.list_topics()["Topics"]), s3.list_objects_v2(Bucket=BUCKET)["KeyCount"])
    assert there == ((1, 1) if took_effect else (0, 0))


def test_the_default_retries_of_an_sdk_outlast_a_dropped_connection(cloud: Cloud) -> None:
    cloud.aws.faults.add(ConnectionDropped(operation="CreateTopic", took_effect=True, times=1))
    assert cloud.client("sns").create_topic(Name="topic")["TopicArn"].endswith(":topic")
    assert cloud.aws.faults.struck(ConnectionDropped) == 1
