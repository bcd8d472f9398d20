"""moto's SNS made to publish, confirm and describe as AWS does."""

from __future__ import annotations

import json
import re
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, EmptyResult
from moto.sns.exceptions import (
    BatchEntryIdsNotDistinct,
    SNSInvalidParameter,
    TooManyEntriesInBatchRequest,
    TopicNotFound,
)
from moto.sns.models import SNSBackend, Topic
from moto.sns.responses import SNSResponse

from localaws.services.sns import delivery, retry_policy, subscriptions

LONGEST_MESSAGE_BYTES = 262_144
LARGEST_BATCH = 10
# "ASCII text that begins with a letter, number, or punctuation mark", without control characters.
_SUBJECT = re.compile(r"[!-~][ -~]{0,99}")

_get_endpoint = SNSBackend.get_endpoint
_publish = SNSResponse.publish
_subscribe = SNSResponse.subscribe
_get_topic_attributes = SNSResponse.get_topic_attributes
_set_topic_attributes = SNSResponse.set_topic_attributes


def apply() -> None:
    """Patch moto with the functions of this module."""
    Topic.publish = delivery.publish
    for name in ("subscribe", "unsubscribe", "set_subscription_attributes", "get_subscription_attributes"):
        setattr(SNSBackend, name, getattr(subscriptions, name))
    SNSBackend.get_endpoint = get_endpoint
    SNSBackend.publish_batch = publish_batch
    for answer in (
        publish,
        subscribe,
        confirm_subscription,
        list_subscriptions,
        list_subscriptions_by_topic,
        get_topic_attributes,
        set_topic_attributes,
    ):
        setattr(SNSResponse, answer.__name__, answer)


def get_endpoint(backend: Any, arn: str) -> Any:
    """A mobile device's endpoint; for any other ARN the error is the topic's, where moto reports a missing endpoint."""
    if ":endpoint/" not in arn:
        raise TopicNotFound
    return _get_endpoint(backend, arn)


def publish(response: Any) -> Any:
    """Publish a message if SNS would accept it; moto accepts an empty one, and counts characters instead of bytes."""
    _check_message(response._get_param("Message"), response._get_param("Subject"))
    arn = response._get_param("TargetArn") or response._get_param("TopicArn")
    if arn is not None and (found := len(arn.split(":"))) < 6:
        reason = f"An ARN must have at least 6 elements, not {found}"
        raise SNSInvalidParameter(f"Invalid parameter: TopicArn Reason: {reason}")
    return _publish(response)


def _check_message(message: str | None, subject: str | None) -> None:
    if not message:
        raise SNSInvalidParameter("Invalid parameter: Empty message")
    if len(message.encode()) > LONGEST_MESSAGE_BYTES:
        raise SNSInvalidParameter("Invalid parameter: Message too long")
    if subject is not None and not _SUBJECT.fullmatch(subject):
        raise SNSInvalidParameter("Invalid parameter: Subject")


def publish_batch(
    backend: Any, topic_arn: str, publish_batch_request_entries: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The entries that were published, and those that failed with the reasons, most of which moto leaves out."""
    _check_batch(backend.get_topic(topic_arn), publish_batch_request_entries)
    published, failed = [], []
    for entry in publish_batch_request_entries:
        try:
            _check_message(entry["Message"], entry.get("Subject"))
            published.append({"Id": entry["Id"], "MessageId": _publish_entry(backend, topic_arn, entry)})
        except ServiceException as exc:
            failed.append({"Id": entry["Id"], "Code": exc.code, "Message": exc.message, "SenderFault": True})
        except Exception as exc:  # an internal failure must not affect the other entries either
            failed.append({"Id": entry["Id"], "Code": "InternalError", "Message": repr(exc), "SenderFault": False})
    return published, failed


def _check_batch(topic: Any, entries: list[dict[str, Any]]) -> None:
    if len(entries) > LARGEST_BATCH:
        raise TooManyEntriesInBatchRequest
    if len({entry["Id"] for entry in entries}) < len(entries):
        raise BatchEntryIdsNotDistinct
    if topic.fifo_topic and not all("MessageGroupId" in entry for entry in entries):
        raise SNSInvalidParameter("Invalid parameter: The MessageGroupId parameter is required for FIFO topics")


def _publish_entry(backend: Any, topic_arn: str, entry: dict[str, Any]) -> str:
    message_id: str = backend.publish(
        message=entry["Message"],
        arn=topic_arn,
        subject=entry.get("Subject"),
        message_attributes=entry.get("MessageAttributes", {}),
        group_id=entry.get("MessageGroupId"),
        deduplication_id=entry.get("MessageDeduplicationId"),
        message_structure=entry.get("MessageStructure"),
    )
    return message_id


def subscribe(response: Any) -> Any:
    """Subscribe with all attributes or not at all, and ask a web hook to confirm."""
    wanted = (response._get_param(name) for name in ("TopicArn", "Endpoint", "Protocol"))
    attributes = response._get_attributes()
    # AWS's error names the parameter of the policy for Subscribe, but not for SetSubscriptionAttributes.
    subscriptions.filter_of(
        attributes.get("FilterPolicy"), attributes.get("FilterPolicyScope"), reason="Attributes Reason: "
    )
    known = response.backend._find_subscription(*wanted)
    if known is not None:
        _refuse_other_attributes(known, attributes)
    # moto subscribes first and sets the attributes after that, so a refused attribute would leave a subscription.
    before = set(response.backend.subscriptions)
    try:
        result = _subscribe(response)
    except Exception:
        for arn in set(response.backend.subscriptions) - before:
            response.backend.subscriptions.pop(arn, None)
        raise
    subscription = response.backend.subscriptions[result.result["SubscriptionArn"]]
    if not subscriptions.is_pending(subscription):
        return result
    subscriptions.ask_for_confirmation(subscription)
    returned = subscription.arn if response._get_param("ReturnSubscriptionArn") else "pending confirmation"
    return ActionResult({"SubscriptionArn": returned})


def _refuse_other_attributes(subscription: Any, attributes: dict[str, Any]) -> None:
    if any(subscription.attributes.get(name) != value for name, value in attributes.items()):
        raise SNSInvalidParameter(
            "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
        )


def confirm_subscription(response: Any) -> Any:
    """Confirm a subscription through the API, whose caller may reserve the right to unsubscribe."""
    reserved = str(response._get_param("AuthenticateOnUnsubscribe")).lower() == "true"
    arn = subscriptions.confirm(response._get_param("TopicArn"), response._get_param("Token"), reserved, True)
    return ActionResult({"SubscriptionArn": arn})


def list_subscriptions(response: Any) -> Any:
    """A page of the region's subscriptions."""
    found, token = response.backend.list_subscriptions(next_token=response._get_param("NextToken"))
    return ActionResult({"Subscriptions": [_listed(each) for each in found], "NextToken": token})


def list_subscriptions_by_topic(response: Any) -> Any:
    """A page of the topic's subscriptions."""
    found, token = response.backend.list_subscriptions_by_topic(
        response._get_param("TopicArn"), next_token=response._get_param("NextToken")
    )
    return ActionResult({"Subscriptions": [_listed(each) for each in found], "NextToken": token})


def _listed(subscription: Any) -> dict[str, str]:
    return {
        "SubscriptionArn": "PendingConfirmation" if subscriptions.is_pending(subscription) else subscription.arn,
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic.arn,
    }


def get_topic_attributes(response: Any) -> Any:
    """The topic's attributes, with the counts and policies that moto leaves at their defaults."""
    attributes = _get_topic_attributes(response).result["Attributes"]
    topic = response.backend.get_topic(response._get_param("TopicArn"))
    pending = [subscriptions.is_pending(each) for each in response.backend._get_topic_subscriptions(topic)]
    attributes["SubscriptionsPending"] = sum(pending)
    attributes["SubscriptionsConfirmed"] = len(pending) - sum(pending)
    effective = retry_policy.effective_of_topic(topic.delivery_policy)
    attributes["EffectiveDeliveryPolicy"] = json.dumps(effective, separators=(",", ":"))
    if not topic.delivery_policy:
        del attributes["DeliveryPolicy"]
    if version := getattr(topic, "signature_version", None):
        attributes["SignatureVersion"] = version
    return ActionResult({"Attributes": attributes})


def set_topic_attributes(response: Any) -> EmptyResult:
    """Set one attribute if SNS would accept its value."""
    name, value = response._get_param("AttributeName"), response._get_param("AttributeValue")
    if name == "SignatureVersion" and value not in ("1", "2"):
        raise SNSInvalidParameter("Invalid parameter: SignatureVersion")
    if name == "DeliveryPolicy":
        subscriptions.check_delivery_policy(value, of_topic=True)
    return _set_topic_attributes(response)
