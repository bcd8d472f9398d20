"""The posts to SNS's web hooks: notifications, and the messages that ask for a confirmation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from localaws.services.serving import Serving
from localaws.services.sns import envelope, retry_policy
from localaws.services.sns.web_hooks import Post

_USER_AGENT = "Amazon Simple Notification Service Agent"


def notify(subscription: Any, publication: Any, give_up: Callable[[str], None]) -> None:
    """Post a published message to a confirmed subscriber."""
    headers = {"x-amz-sns-subscription-arn": subscription.arn}
    if envelope.is_raw(subscription):
        headers["x-amz-sns-rawdelivery"] = "true"
    body = envelope.body(subscription, publication)
    _post(subscription, "Notification", publication.message_id, body, headers, give_up)


def ask_for_confirmation(subscription: Any, token: str) -> None:
    """Post the message whose SubscribeURL confirms the subscription."""
    message_id = str(uuid4())
    body = envelope.text(envelope.confirmation(subscription, token, message_id))
    _post(subscription, "SubscriptionConfirmation", message_id, body, {}, lambda reason: None)


def tell_of_cancellation(subscription: Any, token: str) -> None:
    """Post the message whose SubscribeURL undoes an Unsubscribe."""
    message_id = str(uuid4())
    body = envelope.text(envelope.cancellation(subscription, token, message_id))
    headers = {"x-amz-sns-subscription-arn": subscription.arn}
    _post(subscription, "UnsubscribeConfirmation", message_id, body, headers, lambda reason: None)


def _post(
    subscription: Any, kind: str, message_id: str, body: str, headers: dict[str, str], give_up: Callable[[str], None]
) -> None:
    serving: Serving | None = getattr(subscription, "serving", None)
    if serving is None:
        return  # subscribed while no embedded AWS was running: there is no thread to post from
    policy = retry_policy.effective(subscription.topic.delivery_policy, subscription.attributes.get("DeliveryPolicy"))
    named = {
        "x-amz-sns-message-type": kind,
        "x-amz-sns-message-id": message_id,
        "x-amz-sns-topic-arn": subscription.topic.arn,
        "Content-Type": policy["requestPolicy"]["headerContentType"],
        "User-Agent": _USER_AGENT,
        "Accept-Encoding": "gzip,deflate",
    }
    delays = retry_policy.delays(policy)
    serving.webhooks.post(Post(subscription, kind, message_id, body, {**named, **headers}, delays, give_up))
