"""Delivery of published messages: to queues at once, to web hooks from other threads; none holds up the publisher."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from moto.sns.exceptions import InvalidParameterValue
from moto.sns.models import Subscription
from moto.sqs.models import sqs_backends

from localaws.services.serving import Serving
from localaws.services.sns import envelope, posts, queue_policy

_to_lambda = Subscription.publish


class UndeliverableError(Exception):
    """A message that its subscriber cannot receive; the text says why."""


@dataclass(frozen=True)
class Publication:
    """One published message."""

    message: str
    subject: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    group_id: str | None = None
    deduplication_id: str | None = None
    by_protocol: dict[str, str] | None = None
    message_id: str = field(default_factory=lambda: str(uuid4()))
    timestamp: str = field(default_factory=envelope.timestamp)

    def message_for(self, protocol: str) -> str:
        """The text for subscribers of the protocol; with MessageStructure json, each protocol may have its own."""
        if self.by_protocol is None:
            return self.message
        return self.by_protocol.get(protocol) or self.by_protocol["default"]


def publish(
    topic: Any,
    message: str,
    subject: str | None = None,
    message_attributes: dict[str, Any] | None = None,
    group_id: str | None = None,
    deduplication_id: str | None = None,
    message_structure: str | None = None,
) -> str:
    """Deliver a message to every confirmed subscriber whose filter lets it through, and return its ID.

    Replaces moto's Topic.publish, which fails when one subscriber does, and keeps every message.
    """
    if group_id and topic.content_based_deduplication and not deduplication_id:
        deduplication_id = hashlib.sha256(message.encode()).hexdigest()
    publication = Publication(
        message,
        subject,
        message_attributes or {},
        group_id,
        deduplication_id,
        _by_protocol(message) if message_structure == "json" else None,
    )
    for subscription in list(topic.sns_backend.subscriptions.values()):
        if subscription.topic is topic and _wants(subscription, publication):
            deliver(subscription, publication)
    return publication.message_id


def deliver(subscription: Any, publication: Publication) -> None:
    """Hand one message to one subscriber, and never raise. Every delivery of every topic passes through here."""
    try:
        if subscription.protocol == "sqs":
            _to_queue(subscription.endpoint, subscription, publication)
        elif subscription.protocol in ("http", "https"):
            posts.notify(subscription, publication, lambda reason: drop(subscription, publication, reason))
        elif subscription.protocol == "lambda":
            message = publication.message_for("lambda")
            _to_lambda(subscription, message, publication.message_id, publication.subject, publication.attributes)
    except UndeliverableError as exc:
        drop(subscription, publication, str(exc))
    except Exception as exc:  # a failing subscriber must not fail the publisher
        drop(subscription, publication, repr(exc))


def drop(subscription: Any, publication: Publication, reason: str) -> None:
    """Move an undeliverable message to the subscription's dead-letter queue, if it has one that accepts the message."""
    arn = json.loads(subscription.attributes.get("RedrivePolicy") or "{}").get("deadLetterTargetArn")
    event = "sns.dropped"
    if arn is not None:
        try:
            _to_queue(arn, subscription, publication)
            event = "sns.redriven"
        except UndeliverableError as exc:
            reason = f"{reason}; dead-letter queue: {exc}"
        except Exception as exc:  # nor must its dead-letter queue
            reason = f"{reason}; dead-letter queue: {exc!r}"
    _record(event, subscription, publication, reason)


def _record(event: str, subscription: Any, publication: Publication, reason: str) -> None:
    serving: Serving | None = getattr(subscription, "serving", None)
    if serving is not None:
        serving.hosting.journal.record(
            event,
            topic=subscription.topic.arn,
            subscription=subscription.arn,
            endpoint=subscription.endpoint,
            message_id=publication.message_id,
            reason=reason,
        )


def _wants(subscription: Any, publication: Publication) -> bool:
    if subscription.attributes.get("PendingConfirmation"):
        return False
    matcher = subscription._filter_policy_matcher
    if matcher is None:
        return True
    try:
        return bool(matcher.matches(publication.attributes, publication.message_for(subscription.protocol)))
    except Exception as exc:  # a message that a filter cannot read must not fail the publisher
        _record("sns.filter_failed", subscription, publication, repr(exc))
        return False


def _to_queue(queue_arn: str, subscription: Any, publication: Publication) -> None:
    region, account, name = queue_arn.split(":")[3:6]
    backend = sqs_backends[account][region]
    queue = backend.queues.get(name)
    if queue is None:
        raise UndeliverableError(f"the queue {queue_arn} does not exist")
    if not queue_policy.lets_sns_send(queue.policy, queue_arn, subscription.topic.arn):
        raise UndeliverableError(
            f"the policy of {queue_arn} does not let sns.amazonaws.com send messages of this topic"
        )
    raw = envelope.is_raw(subscription)
    backend.send_message(
        name,
        envelope.body(subscription, publication),
        message_attributes=_queue_attributes(publication.attributes) if raw else None,
        deduplication_id=publication.deduplication_id,
        group_id=publication.group_id,
        validate_group_id=False,
    )


def _queue_attributes(attributes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: {"DataType": each["Type"], **_queue_value(each)} for name, each in attributes.items()}


def _queue_value(attribute: dict[str, Any]) -> dict[str, Any]:
    if attribute["Type"].startswith("Binary"):
        return {"BinaryValue": base64.b64decode(attribute["Value"])}
    return {"StringValue": str(attribute["Value"])}


def _by_protocol(message: str) -> dict[str, str]:
    try:
        texts = json.loads(message)
    except ValueError as exc:
        raise InvalidParameterValue("Invalid parameter: Message Structure - JSON message body failed to parse") from exc
    if not isinstance(texts, dict) or "default" not in texts:
        raise InvalidParameterValue("Invalid parameter: Message Structure - No default entry in JSON message body")
    return texts
