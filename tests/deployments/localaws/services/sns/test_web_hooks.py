"""Web hooks get requests for confirmation, notifications and signatures as from AWS."""

from __future__ import annotations

import base64
import urllib.error
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from localaws import LocalAws
from tests.deployments.localaws.webhook import Topic, visit


def test_a_web_hook_is_pending_until_its_subscribe_url_is_visited(topic: Topic) -> None:
    sns, hook = topic.sns, topic.hook
    answer = sns.subscribe(TopicArn=topic.arn, Protocol="http", Endpoint=hook.url)
    assert answer["SubscriptionArn"] == "pending confirmation"
    asked = hook.of_kind("SubscriptionConfirmation")
    assert asked.path == "/hook?mine=1"
    assert asked.headers["x-amz-sns-topic-arn"] == asked.message["TopicArn"] == topic.arn
    assert asked.headers["x-amz-sns-message-id"] == asked.message["MessageId"]
    assert "x-amz-sns-subscription-arn" not in asked.headers
    assert asked.message["Message"].startswith(f"You have chosen to subscribe to the topic {topic.arn}.\nTo confirm")
    topic.publish("too early")
    [listed] = sns.list_subscriptions()["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    assert sns.get_topic_attributes(TopicArn=topic.arn)["Attributes"]["SubscriptionsPending"] == "1"

    assert "<ConfirmSubscriptionResult><SubscriptionArn>" in hook.confirm()
    topic.publish("in time")
    assert [each.message["Message"] for each in hook.notifications(1)] == ["in time"]
    [listed] = sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]
    attributes = sns.get_subscription_attributes(SubscriptionArn=listed["SubscriptionArn"])["Attributes"]
    assert (attributes["PendingConfirmation"], attributes["ConfirmationWasAuthenticated"]) == ("false", "false")
    counts = sns.get_topic_attributes(TopicArn=topic.arn)["Attributes"]
    assert (counts["SubscriptionsPending"], counts["SubscriptionsConfirmed"]) == ("0", "1")


def test_the_api_confirms_too_and_refuses_a_wrong_token(topic: Topic) -> None:
    arn = topic.subscribe()
    token = topic.hook.of_kind("SubscriptionConfirmation").message["Token"]
    with pytest.raises(ClientError, match=r"InvalidParameter.*Token"):
        topic.sns.confirm_subscription(TopicArn=topic.arn, Token=f"{token}0")
    answer = topic.sns.confirm_subscription(TopicArn=topic.arn, Token=token, AuthenticateOnUnsubscribe="true")
    assert answer["SubscriptionArn"] == arn
    with pytest.raises(urllib.error.HTTPError, match="403"):
        visit(f"{topic.cloud.aws.endpoint_url}/?Action=Unsubscribe&SubscriptionArn={arn}")


def test_a_notification_has_the_headers_and_members_of_aws(topic: Topic) -> None:
    arn = topic.subscribe_and_confirm()
    kind = {"kind": {"DataType": "String", "StringValue": "a"}}
    message_id = topic.publish("grüße", Subject="greeting", MessageAttributes=kind)
    [received] = topic.hook.notifications(1)
    expected = {
        "x-amz-sns-message-type": "Notification",
        "x-amz-sns-message-id": message_id,
        "x-amz-sns-topic-arn": topic.arn,
        "x-amz-sns-subscription-arn": arn,
        "content-type": "text/plain; charset=UTF-8",
        "user-agent": "Amazon Simple Notification Service Agent",
    }
    assert expected.items() <= received.headers.items()
    assert "x-amz-sns-rawdelivery" not in received.headers
    assert received.body.startswith('{\n  "Type" : "Notification",\n  "MessageId" : ')
    message = received.message
    assert (message["Message"], message["Subject"], message["SignatureVersion"]) == ("grüße", "greeting", "1")
    assert message["MessageAttributes"] == {"kind": {"Type": "String", "Value": "a"}}
    assert message["UnsubscribeURL"] == f"{topic.cloud.aws.endpoint_url}/?Action=Unsubscribe&SubscriptionArn={arn}"


def test_a_raw_message_is_the_body(topic: Topic) -> None:
    topic.subscribe_and_confirm(RawMessageDelivery="true")
    topic.publish('{"bare": 1}')
    [received] = topic.hook.notifications(1)
    assert (received.body, received.headers["x-amz-sns-rawdelivery"]) == ('{"bare": 1}', "true")


def signed(message: dict[str, Any]) -> bytes:
    """The string to sign, from the documentation: names and values, one a line, in byte order of the names."""
    wanted = {
        "Notification": ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
        "SubscriptionConfirmation": [
            "Message",
            "MessageId",
            "SubscribeURL",
            "Timestamp",
            "Token",
            "TopicArn",
            "Type",
        ],
    }[message["Type"]]
    return "".join(f"{name}\n{message[name]}\n" for name in wanted if name in message).encode()


def verify(message: dict[str, Any]) -> None:
    """Verify a message's signature, as a web hook does before it believes the message."""
    certificate = x509.load_pem_x509_certificate(visit(message["SigningCertURL"]).encode())
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    digest = {"1": hashes.SHA1, "2": hashes.SHA256}[message["SignatureVersion"]]()
    key.verify(base64.b64decode(message["Signature"]), signed(message), padding.PKCS1v15(), digest)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_web_hook_can_verify_who_sent_a_message(topic: Topic, version: str) -> None:
    topic.sns.set_topic_attributes(TopicArn=topic.arn, AttributeName="SignatureVersion", AttributeValue=version)
    assert topic.sns.get_topic_attributes(TopicArn=topic.arn)["Attributes"]["SignatureVersion"] == version
    topic.subscribe_and_confirm()
    topic.publish(Subject="with a subject")
    topic.publish("without")
    verify(topic.hook.of_kind("SubscriptionConfirmation").message)
    for received in topic.hook.notifications(2):
        assert received.message["SignatureVersion"] == version
        verify(received.message)
        with pytest.raises(InvalidSignature):
            verify({**received.message, "Message": "tampered with"})


def test_an_unsubscribed_web_hook_is_told_and_can_take_it_back(topic: Topic) -> None:
    arn = topic.subscribe_and_confirm()
    topic.publish("first")
    [first] = topic.hook.notifications(1)
    assert "UnsubscribeResponse" in visit(first.message["UnsubscribeURL"])
    told = topic.hook.of_kind("UnsubscribeConfirmation")
    assert told.headers["x-amz-sns-subscription-arn"] == arn
    assert topic.sns.list_subscriptions()["Subscriptions"] == []
    topic.publish("missed")
    assert arn in visit(told.message["SubscribeURL"])
    topic.publish("back")
    assert [each.message["Message"] for each in topic.hook.notifications(2)] == ["first", "back"]


def test_what_a_subscriber_may_not_ask_for(topic: Topic) -> None:
    refused = {
        "Endpoint must match the specified protocol": {"Protocol": "https", "Endpoint": topic.hook.url},
        "Does not support this protocol string: pigeon": {"Protocol": "pigeon"},
        "Invalid parameter: Endpoint$": {"Endpoint": ""},
        "maxDelayTarget must be greater": {
            "Attributes": {"DeliveryPolicy": '{"healthyRetryPolicy": {"minDelayTarget": 30}}'}
        },
        "failed to parse JSON": {"Attributes": {"FilterPolicy": "{"}},
        "deadLetterTargetArn is an invalid arn": {"Attributes": {"RedrivePolicy": '{"deadLetterTargetArn": "a"}'}},
    }
    for text, wrong in refused.items():
        with pytest.raises(ClientError, match=f"InvalidParameter.*{text}"):
            topic.sns.subscribe(**{"TopicArn": topic.arn, "Protocol": "http", "Endpoint": topic.hook.url, **wrong})
    assert topic.sns.list_subscriptions()["Subscriptions"] == []
    topic.subscribe()
    with pytest.raises(ClientError, match="already exists with different attributes"):
        topic.subscribe(RawMessageDelivery="true")


def test_a_page_of_sns_that_does_not_exist(aws: LocalAws) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        visit(f"{aws.endpoint_url}/SimpleNotificationService-0.pem")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        visit(f"{aws.endpoint_url}/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-east-1:123456789012:t&Token=t")
