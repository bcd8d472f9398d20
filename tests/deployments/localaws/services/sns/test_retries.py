"""A web hook that fails is tried again, and never delays the publisher."""

from __future__ import annotations

import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto.sns.models import sns_backends

from localaws import LocalAws
from tests.deployments.localaws.cloud import STANDING, Cloud, eventually
from tests.deployments.localaws.webhook import Topic, webhook

RETRIES_AT_ONCE = json.dumps({"healthyRetryPolicy": {"numRetries": 2, "numNoDelayRetries": 2}})


def test_publishing_does_not_wait_for_a_slow_web_hook(topic: Topic) -> None:
    topic.subscribe_and_confirm()
    topic.hook.answers.clear()
    message_id = topic.publish()
    assert topic.events("sns.posted", message_id=message_id) == []
    topic.hook.answers.set()
    eventually(lambda: topic.events("sns.posted", message_id=message_id, failure="") or None)


def test_a_failing_web_hook_is_tried_again_after_the_delays_of_the_default_policy(topic: Topic) -> None:
    queue, arn = topic.cloud.queue("dead")
    topic.subscribe_and_confirm(RedrivePolicy=json.dumps({"deadLetterTargetArn": arn}))
    topic.hook.statuses = [500, 503, 429, 500]
    clock = topic.cloud.aws.clock
    clock.rate = 600
    started = clock.now()
    message_id = topic.publish("lost?")
    [redriven] = eventually(lambda: topic.events("sns.redriven") or None)
    # Three retries, twenty seconds before each; on a busy machine more time passes, never less.
    assert clock.now() - started >= 60
    assert (redriven["message_id"], redriven["reason"]) == (message_id, "HTTP 500")
    failures = [each["failure"] for each in topic.events("sns.posted", message_id=message_id)]
    assert failures == ["HTTP 500", "HTTP 503", "HTTP 429", "HTTP 500"]
    [message] = topic.cloud.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["Message"] == "lost?"


def test_a_delivery_policy_says_how_often(topic: Topic) -> None:
    topic.subscribe_and_confirm(DeliveryPolicy=RETRIES_AT_ONCE)
    topic.hook.statuses = [500, 500]
    message_id = topic.publish()
    assert {each.headers["x-amz-sns-message-id"] for each in topic.hook.notifications(3)} == {message_id}
    delivered = eventually(lambda: topic.events("sns.posted", message_id=message_id, failure="") or None)
    assert delivered[0]["attempt"] == 3


def test_a_client_error_is_permanent(topic: Topic) -> None:
    topic.subscribe_and_confirm(DeliveryPolicy=RETRIES_AT_ONCE)
    topic.hook.statuses = [404]
    topic.publish()
    [dropped] = eventually(lambda: topic.events("sns.dropped") or None)
    assert (dropped["reason"], len(topic.hook.notifications(1))) == ("HTTP 404", 1)


def test_publish_succeeds_with_nobody_at_the_address(topic: Topic) -> None:
    topic.subscribe_and_confirm(DeliveryPolicy=RETRIES_AT_ONCE)
    backend_address = "http://127.0.0.1:1/"
    for subscription in subscriptions():
        subscription.endpoint = backend_address
    topic.publish()
    [dropped] = eventually(lambda: topic.events("sns.dropped") or None)
    assert "ConnectionRefusedError" in dropped["reason"]
    assert len(topic.events("sns.posted", message_id=dropped["message_id"])) == 3


def self_signed(folder: Path) -> Path:
    """A file with a key and a certificate of 127.0.0.1 that no authority has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web hook")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "certificate.pem"
    file.write_bytes(private + certificate.public_bytes(pem))
    return file


def test_a_certificate_that_nobody_vouches_for_is_a_failure_that_is_retried(
    topic: Topic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic.cloud.aws.clock.rate = STANDING
    file = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with webhook(context) as hook:
        retries = json.dumps({"healthyRetryPolicy": {"numRetries": 3, "numNoDelayRetries": 1}})
        topic.subscribe(hook.url, DeliveryPolicy=retries)
        failed = eventually(lambda: topic.events("sns.posted", subscription=subscriptions()[0].arn)[1:] or None)
        assert all("CERTIFICATE_VERIFY_FAILED" in each["failure"] for each in failed)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        topic.cloud.aws.advance(20)
        assert hook.of_kind("SubscriptionConfirmation").message["TopicArn"] == topic.arn


def subscriptions() -> list[Any]:
    return list(sns_backends["123456789012"]["us-east-1"].subscriptions.values())


def test_nothing_is_tried_again_after_a_reset(topic: Topic) -> None:
    topic.subscribe_and_confirm()
    topic.hook.statuses = [500] * 10
    topic.publish()
    topic.hook.notifications(1)
    senders = [thread for thread in threading.enumerate() if thread.name == "localaws-webhook"]
    topic.cloud.aws.reset()
    topic.cloud.aws.advance(600)
    for sender in senders:
        sender.join()
    assert len(topic.hook.notifications(1)) == 1


def test_stopping_does_not_wait_for_a_web_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as hook:
        with LocalAws() as aws:
            for name, value in aws.environment().items():
                monkeypatch.setenv(name, value)
            cloud = Cloud(aws)
            sns = cloud.client("sns")
            hook.answers.clear()
            arn = sns.create_topic(Name="topic")["TopicArn"]
            sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=hook.url)
            hook.of_kind("SubscriptionConfirmation")
            threads = aws._require().threads
        assert threads.join(0.0) == []
        assert aws.journal.entries("sns.posted", type="SubscriptionConfirmation")
