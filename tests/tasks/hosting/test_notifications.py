"""SageMaker's messages as they were recorded; topics, queue and subscriptions on the embedded AWS."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from tasks.errors import InputError, NotFoundError, PermissionDeniedError
from tasks.hosting.notifications import (
    Notification,
    Topics,
    checked_topic,
    create_messaging,
    listen,
    parse_notification,
    queue_policy,
    receive,
)
from tasks.plan import RunPlan
from tasks.resources.inventory import recorded
from tasks.resources.teardown import tear_down_run
from tests.tasks.deployed import BUCKET, RUN_ID, hurried

# The messages below are recorded ones; what the recordings leave out ("…") is filled in.
SUCCESS = json.loads("""
{"awsRegion":"us-west-2","eventTime":"2025-08-03T12:41:00.586Z","receivedTime":"2025-08-03T12:40:58.414Z",
 "invocationStatus":"Completed",
 "requestParameters":{"accept":"application/json","contentType":"application/octet-stream",
   "endpointName":"endpoint","inputLocation":"s3://bucket/in.bin"},
 "responseParameters":{"contentType":"application/json","outputLocation":"s3://bucket/output/28869378.out"},
 "responseBody":{"content":"e30=","message":"Check S3 path location(if configured) or Cloudwatch for additional details.","encoding":"BASE64"},
 "inferenceId":"ccdad826","eventVersion":"1.0","eventSource":"aws:sagemaker","eventName":"InferenceResult"}
""")  # noqa: E501
REASON = (
    "ClientError: Received client error (400) from model. See the SageMaker Endpoint logs in your account for more "
    "information."
)
FAILURE = json.loads("""
{"awsRegion":"us-east-1","eventTime":"2023-01-29T10:00:02.000Z","receivedTime":"2023-01-29T10:00:01.000Z",
 "invocationStatus":"Failed","failureReason":"",
 "requestParameters":{"endpointName":"endpoint","inputLocation":"s3://bucket/in.bin"},
 "inferenceId":"f00","eventVersion":"1.0","eventSource":"aws:sagemaker","eventName":"InferenceResult"}
""") | {"failureReason": REASON}
TEST = {"eventVersion": "1.0", "eventSource": "aws:sagemaker", "eventName": "TestNotification"}


def parsed(message: Any) -> Notification | None:
    return parse_notification(json.dumps(message))


def enveloped(message: Any) -> dict[str, Any]:
    """The message in the envelope that SNS delivers to a queue without raw delivery."""
    return {
        "Type": "Notification",
        "MessageId": "1",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:topic",
        "Subject": None,
        "Message": json.dumps(message),
        "MessageAttributes": {},
    }


def test_a_recorded_success_says_where_the_answer_is_and_how_long_it_took() -> None:
    assert parsed(SUCCESS) == Notification(
        inference_id="ccdad826",
        status="Completed",
        received_at=datetime(2025, 8, 3, 12, 40, 58, 414_000, UTC),
        completed_at=datetime(2025, 8, 3, 12, 41, 0, 586_000, UTC),
        output_location="s3://bucket/output/28869378.out",
    )


def test_without_the_included_response_it_says_the_same() -> None:
    assert parsed({key: value for key, value in SUCCESS.items() if key != "responseBody"}) == parsed(SUCCESS)


def test_a_recorded_failure_says_why_and_needs_no_response_parameters() -> None:
    found = parsed(FAILURE)
    assert found
    assert (found.completed, found.failure_reason, found.failure_location) == (False, REASON, "")


@pytest.mark.parametrize(
    "where", [{"responseParameters": {"failureLocation": "s3://b-1/e"}}, {"failureLocation": "s3://b-1/e"}]
)
def test_the_failure_location_is_found_in_both_places(where: dict[str, Any]) -> None:
    found = parsed(FAILURE | where)
    assert found
    assert found.failure_location == "s3://b-1/e"


@pytest.mark.parametrize("message", [SUCCESS, FAILURE])
def test_sns_s_envelope_makes_no_difference(message: dict[str, Any]) -> None:
    assert parsed(enveloped(message)) == parsed(message)


@pytest.mark.parametrize(
    "message", [TEST, enveloped(TEST), {"Records": []}, {}, [], "text", 3, None, {"inferenceId": ""}]
)
def test_what_tells_of_no_result_is_none(message: Any) -> None:
    assert parsed(message) is None


@pytest.mark.parametrize("body", ["hello", "", json.dumps(enveloped({}) | {"Message": "hello"})])
def test_what_is_no_json_tells_of_no_result_either(body: str) -> None:
    assert parse_notification(body) is None


def test_the_queue_takes_messages_from_the_topics_and_from_nobody_else() -> None:
    (statement,) = queue_policy("arn:aws:sqs:r:a:queue", {"arn:b", "arn:a"})["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "arn:aws:sqs:r:a:queue",
        "Condition": {"ArnEquals": {"aws:SourceArn": ["arn:a", "arn:b"]}},
    }


def attributes(queue_url: str) -> dict[str, str]:
    found: dict[str, str] = boto3.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])
    return found["Attributes"]  # type: ignore[return-value]


def test_two_topics_are_made_and_one_queue_hears_both(plan: RunPlan) -> None:
    topics = create_messaging(plan)
    assert topics.success_arn != topics.error_arn
    for arn, message in ((topics.success_arn, SUCCESS), (topics.error_arn, FAILURE), (topics.error_arn, TEST)):
        boto3.client("sns").publish(TopicArn=arn, Message=json.dumps(message))
    found = receive(topics.queue_url, 1)
    assert {note.inference_id for note in found} == {"ccdad826", "f00"}
    assert receive(topics.queue_url, 0) == []


def test_the_queue_that_is_made_has_the_policy(plan: RunPlan) -> None:
    topics = create_messaging(plan)
    found = attributes(topics.queue_url)
    assert json.loads(found["Policy"]) == queue_policy(found["QueueArn"], {topics.success_arn, topics.error_arn})


def test_topics_and_queue_are_tagged_and_everything_is_written_down(plan: RunPlan) -> None:
    topics = create_messaging(plan)
    for arn in (topics.success_arn, topics.error_arn):
        assert boto3.client("sns").list_tags_for_resource(ResourceArn=arn)["Tags"] == plan.tags
    marks = boto3.client("sqs").list_queue_tags(QueueUrl=topics.queue_url)["Tags"]
    assert marks == {mark["Key"]: mark["Value"] for mark in plan.tags}
    assert [each.kind for each in recorded(BUCKET)] == ["topic", "topic", "queue", "subscription", "subscription"]


def test_a_topic_that_is_given_is_used_for_both_and_not_taken_for_ours(plan: RunPlan) -> None:
    theirs = boto3.client("sns").create_topic(Name="theirs")["TopicArn"]
    topics = create_messaging(plan, theirs)
    assert (topics.success_arn, topics.error_arn) == (theirs, theirs)
    assert {each.kind for each in recorded(BUCKET)} == {"queue", "subscription"}
    assert len(boto3.client("sns").list_subscriptions_by_topic(TopicArn=theirs)["Subscriptions"]) == 1


def test_a_topic_that_is_given_and_absent_is_made_and_goes_with_the_run(plan: RunPlan) -> None:
    absent = f"arn:aws:sns:{plan.region}:{plan.account}:fashion-results"
    topics = create_messaging(plan, absent)
    assert (topics.success_arn, topics.error_arn) == (absent, absent)
    assert [each.name for each in recorded(BUCKET) if each.kind == "topic"] == [absent]
    tear_down_run(BUCKET, RUN_ID, hurried(), lambda line: None).proven()
    assert boto3.client("sns").list_topics()["Topics"] == []


def test_a_topic_that_was_there_stays_when_the_run_goes(plan: RunPlan) -> None:
    theirs = boto3.client("sns").create_topic(Name="fashion-results")["TopicArn"]
    create_messaging(plan, theirs)
    tear_down_run(BUCKET, RUN_ID, hurried(), lambda line: None).proven()
    assert [topic["TopicArn"] for topic in boto3.client("sns").list_topics()["Topics"]] == [theirs]
    assert boto3.client("sns").list_subscriptions()["Subscriptions"] == []


def test_a_topic_that_may_not_be_made_names_the_action(plan: RunPlan, only_allowed: Callable[..., None]) -> None:
    only_allowed("s3:*", "sns:GetTopicAttributes")
    with pytest.raises(PermissionDeniedError, match=r"sns:CreateTopic on absent was denied.*Allow sns:CreateTopic"):
        create_messaging(plan, f"arn:aws:sns:{plan.region}:{plan.account}:absent")


@pytest.mark.parametrize(
    ("arn", "error", "said"),
    [
        ("arn:aws:sns:us-east-1:999999999999:absent", NotFoundError, "account 999999999999 is not ours"),
        ("arn:aws:sns:eu-west-1:123456789012:absent", InputError, "is in eu-west-1, but the endpoint would be in us-"),
    ],
)
def test_a_topic_that_can_not_be_made_is_named_before_anything_is_made(
    plan: RunPlan, arn: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        create_messaging(plan, arn)
    assert recorded(BUCKET) == []


def test_listening_adds_a_queue_of_the_runs_own(plan: RunPlan) -> None:
    theirs = boto3.client("sns").create_topic(Name="theirs")["TopicArn"]
    topics = listen(plan, Topics(theirs, ""))
    assert replace(topics, queue_url="") == Topics(theirs, "")
    boto3.client("sns").publish(TopicArn=theirs, Message=json.dumps(SUCCESS))
    assert [note.inference_id for note in receive(topics.queue_url, 1)] == ["ccdad826"]


@pytest.mark.parametrize(
    "arn", ["", "arn:aws:sns:us-east-1:123456789012:mine", "arn:aws-cn:sns:cn-north-1:123456789012:mine"]
)
def test_an_arn_or_nothing_passes_for_a_topic(arn: str) -> None:
    assert checked_topic(arn) == arn


def test_what_is_no_topic_arn_is_quoted() -> None:
    with pytest.raises(InputError, match=r"'mine' is no SNS topic ARN: expected arn:aws:sns:REGION:ACCOUNT:NAME"):
        checked_topic("mine")
