"""SNS's deliveries to queues, and the messages that it drops without telling the publisher."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.services.sns.queue_policy import lets_sns_send
from localaws.services.sns.retry_policy import delays, effective
from tasks.hosting.notifications import queue_policy
from tests.deployments.localaws.cloud import Cloud

QUEUE = "arn:aws:sqs:us-east-1:123456789012:queue"
TOPIC = "arn:aws:sns:us-east-1:123456789012:topic"


@pytest.fixture
def sns(cloud: Cloud) -> Any:
    sns = cloud.client("sns")
    sns.create_topic(Name="topic")
    return sns


def received(cloud: Cloud, url: str) -> list[dict[str, Any]]:
    answer = cloud.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=43_200
    )
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def why_dropped(cloud: Cloud) -> str:
    [entry] = cloud.aws.journal.entries("sns.dropped", topic=TOPIC)
    return str(entry.fields["reason"])


def test_a_queue_that_does_not_exist_is_nothing_to_the_publisher(cloud: Cloud, sns: Any) -> None:
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
    sns.publish(TopicArn=TOPIC, Message="m")
    assert why_dropped(cloud) == f"the queue {QUEUE} does not exist"


def test_a_queue_whose_policy_does_not_let_sns_send_receives_nothing(cloud: Cloud, sns: Any) -> None:
    url = cloud.client("sqs").create_queue(QueueName="queue")["QueueUrl"]
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
    sns.publish(TopicArn=TOPIC, Message="m")
    assert received(cloud, url) == []
    assert why_dropped(cloud).startswith(f"the policy of {QUEUE} does not let sns.amazonaws.com")


def test_what_a_queue_does_not_take_goes_to_the_dead_letter_queue(cloud: Cloud, sns: Any) -> None:
    dead, arn = cloud.queue("dead")
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn}), "RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE, Attributes=redrive)
    sns.publish(TopicArn=TOPIC, Message="m")
    assert [message["Body"] for message in received(cloud, dead)] == ["m"]
    assert cloud.aws.journal.entries("sns.redriven", endpoint=QUEUE)
    assert cloud.aws.journal.entries("sns.dropped") == []


def test_what_cannot_be_published_fails_the_publisher(cloud: Cloud, sns: Any) -> None:
    refused: dict[str, dict[str, str]] = {
        "NotFound.*Topic does not exist": {"TopicArn": f"{TOPIC}2"},
        "InvalidParameter.*TopicArn Reason: An ARN must have at least 6 elements, not 1": {"TopicArn": "topic"},
        "InvalidParameter.*Empty message": {"Message": ""},
        "InvalidParameter.*operation: Invalid parameter: Message too long": {"Message": "ü" * 131_073},
        "InvalidParameter.*parameter: Subject": {"Subject": "two\nlines"},
    }
    for text, wrong in refused.items():
        with pytest.raises(ClientError, match=text):
            sns.publish(**{"TopicArn": TOPIC, "Message": "m", **wrong})
    sns.publish(TopicArn=TOPIC, Message="ü" * 131_072, Subject="s" * 100)


def test_every_entry_of_a_batch_is_told_as_published_or_failed(cloud: Cloud, sns: Any) -> None:
    url, arn = cloud.queue()
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    entries: dict[str, dict[str, str]] = {
        "fine": {"Message": "m"},
        "subject": {"Message": "m", "Subject": "s" * 101},
        "empty": {"Message": ""},
        "json": {"Message": "{}", "MessageStructure": "json"},
        "last": {"Message": "n"},
    }
    answer = sns.publish_batch(
        TopicArn=TOPIC, PublishBatchRequestEntries=[{"Id": name, **entry} for name, entry in entries.items()]
    )
    assert [each["Id"] for each in answer["Successful"]] == ["fine", "last"]
    failed = {each["Id"]: (each["Code"], each["SenderFault"], each["Message"]) for each in answer["Failed"]}
    assert failed == {
        "subject": ("InvalidParameter", True, "Invalid parameter: Subject"),
        "empty": ("InvalidParameter", True, "Invalid parameter: Empty message"),
        "json": (
            "InvalidParameter",
            True,
            "Invalid parameter: Message Structure - No default entry in JSON message body",
        ),
    }
    assert sorted(message["Body"] for message in received(cloud, url)) == ["m", "n"]


def test_a_batch_of_a_fifo_topic_names_the_entry_that_lacks_an_id(cloud: Cloud) -> None:
    sns = cloud.client("sns")
    arn = sns.create_topic(Name="t.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    entries = [{"Id": name, "Message": "m", "MessageGroupId": "g"} for name in ("a", "b")]
    entries[0]["MessageDeduplicationId"] = "d"
    answer = sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries)
    assert [[each["Id"] for each in answer[kind]] for kind in ("Successful", "Failed")] == [["a"], ["b"]]


def test_a_batch_against_the_rules_is_refused_as_a_whole(cloud: Cloud, sns: Any) -> None:
    def refused(*ids: str, topic: str = TOPIC) -> str:
        with pytest.raises(ClientError) as refusal:
            sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[{"Id": each, "Message": "m"} for each in ids])
        return str(refusal.value.response["Error"]["Code"])

    assert refused("a", "a") == "BatchEntryIdsNotDistinct"
    assert refused(*"abcdefghijk") == "TooManyEntriesInBatchRequest"
    assert refused("a", topic=f"{TOPIC}2").startswith("NotFound")


def test_a_queue_keeps_the_attributes_that_are_not_set_and_its_policy_among_them(cloud: Cloud, sns: Any) -> None:
    url, arn = cloud.queue()
    sqs, every = cloud.client("sqs"), {"QueueUrl": url, "AttributeNames": ["All"]}
    before = sqs.get_queue_attributes(**every)["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "77"})
    after = sqs.get_queue_attributes(**every)["Attributes"]
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed - {"LastModifiedTimestamp"} == {"VisibilityTimeout"}
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=TOPIC, Message="m")
    assert len(received(cloud, url)) == 1
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert "Policy" not in sqs.get_queue_attributes(**every)["Attributes"]


def policy(**changes: Any) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": QUEUE,
        "Condition": {"ArnEquals": {"aws:SourceArn": TOPIC}},
        **changes,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


LIKE = {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:top*"}}


@pytest.mark.parametrize(
    ("document", "allowed"),
    [
        (policy(), True),
        (json.dumps(queue_policy(QUEUE, {TOPIC, f"{TOPIC}2"})), True),
        (policy(Principal="*"), True),
        (policy(Principal={"AWS": "*"}), True),
        (policy(Principal={"Service": ["s3.amazonaws.com", "sns.amazonaws.com"]}), True),
        (policy(Action=["sqs:*"], Resource="*"), True),
        (policy(Condition=LIKE), True),
        (policy(Condition={"StringEquals": {"aws:SourceArn": TOPIC}}), True),
        (policy(Condition={"StringEquals": {"AWS:SourceAccount": "123456789012"}}), True),
        (None, False),
        (policy(Effect="Deny"), False),
        (policy(Principal={"Service": "s3.amazonaws.com"}), False),
        (policy(Principal={"AWS": "arn:aws:iam::123456789012:root"}), False),
        (policy(Action="sqs:ReceiveMessage"), False),
        (policy(Resource=f"{QUEUE}2"), False),
        (policy(Condition={"ArnEquals": {"aws:SourceArn": f"{TOPIC}2"}}), False),
        (policy(Condition={"StringEquals": {"aws:SourceAccount": "210987654321"}}), False),
        (policy(Condition={"Bool": {"aws:SecureTransport": "false"}}), False),
    ],
)
def test_which_policies_let_sns_send(document: str | None, allowed: bool) -> None:
    assert lets_sns_send(document, QUEUE, TOPIC) is allowed


BODY_FILTER = {"FilterPolicyScope": "MessageBody", "FilterPolicy": json.dumps({"kind": {"of": ["wanted"]}})}


def test_a_filter_can_be_set_when_subscribing(cloud: Cloud, sns: Any) -> None:
    url, arn = cloud.queue()
    sns.subscribe(
        TopicArn=TOPIC, Protocol="sqs", Endpoint=arn, Attributes={**BODY_FILTER, "RawMessageDelivery": "true"}
    )
    for text in ('{"kind": {"of": "wanted"}}', '{"kind": {"of": "other"}}', "no JSON"):
        sns.publish(TopicArn=TOPIC, Message=text)
    assert [message["Body"] for message in received(cloud, url)] == ['{"kind": {"of": "wanted"}}']


@pytest.mark.parametrize("order", [("FilterPolicy", "FilterPolicyScope"), ("FilterPolicyScope", "FilterPolicy")])
def test_a_filter_and_its_scope_can_be_set_in_either_order(cloud: Cloud, sns: Any, order: tuple[str, ...]) -> None:
    url, arn = cloud.queue()
    wanted = {"FilterPolicy": json.dumps({"kind": ["wanted"]}), "FilterPolicyScope": "MessageBody"}
    subscription = sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
    for name in order:
        sns.set_subscription_attributes(SubscriptionArn=subscription, AttributeName=name, AttributeValue=wanted[name])
    for kind in ("wanted", "other"):
        sns.publish(TopicArn=TOPIC, Message=json.dumps({"kind": kind}))
    [message] = received(cloud, url)
    assert json.loads(json.loads(message["Body"])["Message"]) == {"kind": "wanted"}
    sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="FilterPolicyScope", AttributeValue="MessageAttributes"
    )
    attributes = {"kind": {"DataType": "String", "StringValue": "wanted"}}
    sns.publish(TopicArn=TOPIC, Message="{}", MessageAttributes=attributes)
    sns.publish(TopicArn=TOPIC, Message='{"kind": "wanted"}')
    assert [json.loads(each["Body"])["Message"] for each in received(cloud, url)] == ["{}"]


def test_a_raw_message_carries_its_attributes(cloud: Cloud, sns: Any) -> None:
    url, arn = cloud.queue()
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    attributes = {
        "text": {"DataType": "String", "StringValue": "a"},
        "number": {"DataType": "Number", "StringValue": "1"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sns.publish(TopicArn=TOPIC, Message="m", MessageAttributes=attributes)
    [message] = received(cloud, url)
    assert (message["Body"], message["MessageAttributes"]) == ("m", attributes)


def test_subscribers_are_told_what_is_meant_for_their_protocol(cloud: Cloud, sns: Any) -> None:
    url, arn = cloud.queue()
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    sns.publish(TopicArn=TOPIC, MessageStructure="json", Message=json.dumps({"default": "d", "sqs": "q"}))
    sns.publish(TopicArn=TOPIC, MessageStructure="json", Message=json.dumps({"default": "d", "http": "h"}))
    assert sorted(message["Body"] for message in received(cloud, url)) == ["d", "q"]
    with pytest.raises(ClientError, match="No default entry in JSON message body"):
        sns.publish(TopicArn=TOPIC, MessageStructure="json", Message="{}")


def test_a_topic_delivers_to_more_subscribers_than_a_listing_holds(cloud: Cloud, sns: Any) -> None:
    url, arn = cloud.queue("last")
    for number in range(100):
        sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=f"{QUEUE}{number}")
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=TOPIC, Message="m")
    assert len(received(cloud, url)) == 1


def test_the_delays_of_a_delivery_policy() -> None:
    def of(**retry: Any) -> list[float]:
        return delays(effective("", json.dumps({"healthyRetryPolicy": retry})))

    assert of() == [20, 20, 20]
    assert of(numRetries=6, numNoDelayRetries=1, numMinDelayRetries=1, numMaxDelayRetries=1, maxDelayTarget=60) == [
        *(0, 20),
        *(20, 40, 60),
        60,
    ]
    assert of(numRetries=3, minDelayTarget=1, maxDelayTarget=100, backoffFunction="geometric") == [1, 10, 100]
    assert of(numRetries=3, minDelayTarget=0, maxDelayTarget=90, backoffFunction="arithmetic") == [0, 30, 90]
    assert of(numRetries=3, minDelayTarget=1, maxDelayTarget=16, backoffFunction="exponential") == [1, 2, 16]


def test_a_topics_delivery_policy_can_rule_out_a_subscriptions() -> None:
    own = json.dumps({"healthyRetryPolicy": {"numRetries": 0}})
    topic = {"defaultHealthyRetryPolicy": {"numRetries": 1}}
    assert delays(effective(json.dumps({"http": topic}), "")) == [20]
    assert delays(effective(json.dumps({"http": topic}), own)) == []
    assert delays(effective(json.dumps({"http": {**topic, "disableSubscriptionOverrides": True}}), own)) == [20]
