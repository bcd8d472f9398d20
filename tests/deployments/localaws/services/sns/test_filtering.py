"""Filter policies through boto3: what subscribers receive, and that no filter affects other subscribers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployments.localaws.cloud import Cloud, eventually

TOPIC = "arn:aws:sns:us-east-1:123456789012:topic"
BODY = {"FilterPolicyScope": "MessageBody", "RawMessageDelivery": "true"}
FAILED_OR_ONE = {"$or": [{"invocationStatus": ["Failed"]}, {"n": [1]}]}


@pytest.fixture
def sns(cloud: Cloud) -> Any:
    sns = cloud.client("sns")
    sns.create_topic(Name="topic")
    return sns


def subscribe(cloud: Cloud, sns: Any, name: str, policy: Any = None, topic: str = TOPIC, **attributes: str) -> str:
    """Subscribe a new queue with these attributes and return its URL."""
    url, arn = cloud.queue(name)
    filtered = {"FilterPolicy": json.dumps(policy)} if policy is not None else {}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={**attributes, **filtered})
    return url


def received(cloud: Cloud, url: str) -> list[str]:
    answer = cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=43_200)
    return sorted(message["Body"] for message in answer.get("Messages", []))


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refusal:
        call(**request)
    error = refusal.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_filter_with_or_lets_either_branch_through_and_later_subscribers_receive_all(cloud: Cloud, sns: Any) -> None:
    filtered = subscribe(cloud, sns, "filtered", FAILED_OR_ONE, **BODY)
    everything = subscribe(cloud, sns, "everything", RawMessageDelivery="true")
    messages = ['{"invocationStatus": "Failed"}', '{"n": 1}', '{"n": [2, {"n": 1}]}', "no JSON", "[" * 50_000]
    for message in messages:
        sns.publish(TopicArn=TOPIC, Message=message)
    assert received(cloud, filtered) == sorted(messages[:2])
    assert received(cloud, everything) == sorted(messages)


def test_message_attributes_are_filtered_when_published_alone_and_in_batches(cloud: Cloud, sns: Any) -> None:
    policy = {"kind": [{"anything-but": {"suffix": "-draft"}}], "sizes": [{"numeric": [">", 40]}]}
    url = subscribe(cloud, sns, "queue", policy, RawMessageDelivery="true")

    def attributes(kind: str, sizes: list[int]) -> dict[str, Any]:
        return {
            "kind": {"DataType": "String", "StringValue": kind},
            "sizes": {"DataType": "String.Array", "StringValue": json.dumps(sizes)},
        }

    sns.publish(TopicArn=TOPIC, Message="alone", MessageAttributes=attributes("dress", [38, 42]))
    entries = {"small": attributes("dress", [38]), "draft": attributes("dress-draft", [42]), "none": {}}
    sns.publish_batch(
        TopicArn=TOPIC,
        PublishBatchRequestEntries=[
            {"Id": name, "Message": name, "MessageAttributes": each} for name, each in entries.items()
        ],
    )
    assert received(cloud, url) == ["alone"]


def test_the_body_that_is_filtered_is_the_one_the_subscriber_would_receive(cloud: Cloud, sns: Any) -> None:
    url = subscribe(cloud, sns, "queue", {"n": [1]}, **BODY)
    for own in ('{"n": 1}', '{"n": 2}'):
        texts = {"default": '{"n": 1}', "sqs": own}
        sns.publish(TopicArn=TOPIC, Message=json.dumps(texts), MessageStructure="json")
    assert received(cloud, url) == ['{"n": 1}']


def test_no_filter_fails_an_invocation_whose_topic_it_is_set_on(cloud: Cloud, sns: Any) -> None:
    everything = subscribe(cloud, sns, "everything", RawMessageDelivery="true")
    failures = subscribe(cloud, sns, "failures", FAILED_OR_ONE, **BODY)
    completed = subscribe(cloud, sns, "completed", {"requestParameters": {"endpointName": [{"suffix": "t"}]}}, **BODY)
    cloud.model()
    cloud.async_config(NotificationConfig={"SuccessTopic": TOPIC, "ErrorTopic": TOPIC})
    cloud.endpoint()
    answer = cloud.invoke_async({"x": 21})
    eventually(lambda: cloud.read(answer["OutputLocation"]))
    [told] = eventually(lambda: received(cloud, completed) or None)
    assert json.loads(told)["invocationStatus"] == "Completed"
    eventually(lambda: cloud.aws.journal.entries("async.completed") or None)
    assert cloud.aws.journal.entries("async.failed") == []
    assert told in received(cloud, everything)
    assert received(cloud, failures) == []


def test_what_is_too_long_for_a_queue_and_its_dead_letter_queue_is_nothing_to_the_publisher(
    cloud: Cloud, sns: Any
) -> None:
    _, dead = cloud.queue("dead")
    subscribe(cloud, sns, "queue", RedrivePolicy=json.dumps({"deadLetterTargetArn": dead}))
    sqs = cloud.client("sqs")
    for name in ("queue", "dead"):
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={**policy, "MaximumMessageSize": "1024"})
    sns.publish(TopicArn=TOPIC, Message="m" * 1024)
    [entry] = cloud.aws.journal.entries("sns.dropped", topic=TOPIC)
    assert str(entry.fields["reason"]).count("must be shorter than 1024 bytes") == 2


def test_a_policy_that_sns_refuses_leaves_no_subscription_and_the_one_before(cloud: Cloud, sns: Any) -> None:
    url, arn = cloud.queue()
    wrong = '{"n": [{"numeric": [">", 3, "<", 1]}]}'
    where = {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": arn}
    text = "FilterPolicy: Bottom must be less than top"
    assert refused(sns.subscribe, **where, Attributes={"FilterPolicy": wrong}) == (
        "InvalidParameter",
        f"Invalid parameter: Attributes Reason: {text}",
    )
    assert sns.list_subscriptions()["Subscriptions"] == []
    kept = {**BODY, "FilterPolicy": '{"n": [1]}'}
    subscription = sns.subscribe(**where, Attributes=kept, ReturnSubscriptionArn=True)["SubscriptionArn"]
    change = {"SubscriptionArn": subscription, "AttributeName": "FilterPolicy"}
    for policy, why in ((wrong, text), ('{"n": 1}', 'FilterPolicy: "n" must be an object or an array')):
        found = refused(sns.set_subscription_attributes, **change, AttributeValue=policy)
        assert found == ("InvalidParameter", f"Invalid parameter: {why}")
    for policy in ("{", "[]", '{"a":' * 5_000):
        code, message = refused(sns.set_subscription_attributes, **change, AttributeValue=policy)
        assert (code, message.startswith("Invalid parameter: FilterPolicy: ")) == ("InvalidParameter", True)
    sns.publish(TopicArn=TOPIC, Message='{"n": 2}')
    sns.publish(TopicArn=TOPIC, Message='{"n": 1}')
    assert received(cloud, url) == ['{"n": 1}']


def test_a_nested_policy_needs_the_scope_of_bodies(cloud: Cloud, sns: Any) -> None:
    _, arn = cloud.queue()
    nested = {"FilterPolicy": '{"a": {"b": [1]}}'}
    where = {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": arn, "ReturnSubscriptionArn": True}
    text = "Filter policy scope MessageAttributes does not support nested filter policy"
    assert refused(sns.subscribe, **where, Attributes=nested)[1] == f"Invalid parameter: Attributes Reason: {text}"
    subscription = sns.subscribe(**where, Attributes={**BODY, **nested})["SubscriptionArn"]
    change = {"SubscriptionArn": subscription, "AttributeName": "FilterPolicyScope"}
    found = refused(sns.set_subscription_attributes, **change, AttributeValue="MessageAttributes")
    assert found == ("InvalidParameter", f"Invalid parameter: {text}")


@pytest.mark.parametrize("removed", ["", "{}"])
def test_an_empty_policy_removes_the_filter(cloud: Cloud, sns: Any, removed: str) -> None:
    url, arn = cloud.queue()
    subscription = sns.subscribe(
        TopicArn=TOPIC, Protocol="sqs", Endpoint=arn, Attributes={**BODY, "FilterPolicy": '{"n": [1]}'}
    )["SubscriptionArn"]
    sns.set_subscription_attributes(SubscriptionArn=subscription, AttributeName="FilterPolicy", AttributeValue=removed)
    sns.publish(TopicArn=TOPIC, Message="m")
    assert received(cloud, url) == ["m"]
