"""Subscriptions as SNS keeps them: pending until confirmed, with the attributes that moto leaves out.

Functions with the name of a moto method replace it; `patches` installs them.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from moto.sns.exceptions import SNSException, SNSInvalidParameter, TopicNotFound
from moto.sns.models import SNSBackend, sns_backends

from localaws.services import serving
from localaws.services.sns import posts, retry_policy
from localaws.services.sns.filter_operators import FilterPolicyError
from localaws.services.sns.filter_policy import FilterPolicy

WEB_HOOKS = ("http", "https")
PROTOCOLS = (*WEB_HOOKS, "email", "email-json", "sms", "sqs", "application", "lambda", "firehose")
_CONFIRMED_BY_THEIR_OWNER = (*WEB_HOOKS, "email", "email-json")
_TOKEN_SECONDS = 2 * 24 * 3600.0

_subscribe = SNSBackend.subscribe
_unsubscribe = SNSBackend.unsubscribe
_set_attributes = SNSBackend.set_subscription_attributes
_get_attributes = SNSBackend.get_subscription_attributes


class AuthorizationError(SNSException):  # type: ignore[misc]
    """SNS's 403 error."""

    code = "AuthorizationError"


def subscribe(backend: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
    """The subscription, new or existing; a new one of a web hook or an e-mail address is pending."""
    if protocol not in PROTOCOLS:
        raise SNSInvalidParameter(f"Invalid parameter: Does not support this protocol string: {protocol}")
    if not endpoint:
        raise SNSInvalidParameter("Invalid parameter: Endpoint")
    if protocol in WEB_HOOKS and not endpoint.startswith(f"{protocol}://"):
        raise SNSInvalidParameter("Invalid parameter: Endpoint must match the specified protocol")
    subscription = _subscribe(backend, topic_arn, endpoint, protocol)
    if hasattr(subscription, "serving"):  # it exists already: neither AWS nor moto makes a second one
        return subscription
    subscription.serving = serving.current()
    subscription.authenticates_unsubscribe = False
    if protocol in _CONFIRMED_BY_THEIR_OWNER:
        subscription.attributes |= {"PendingConfirmation": True, "ConfirmationWasAuthenticated": False}
    return subscription


def is_pending(subscription: Any) -> bool:
    """True if the subscription waits for its owner's confirmation; it receives nothing meanwhile."""
    return bool(subscription.attributes["PendingConfirmation"])


def new_token(subscription: Any) -> str:
    """Give the subscription a token that can confirm it for two days, and return the token."""
    subscription.token = secrets.token_hex(112)
    now = subscription.serving.hosting.clock.now() if subscription.serving is not None else 0.0
    subscription.token_expires = now + _TOKEN_SECONDS
    return str(subscription.token)


def ask_for_confirmation(subscription: Any) -> None:
    """Send a pending web hook its token."""
    if subscription.protocol in WEB_HOOKS:
        posts.ask_for_confirmation(subscription, new_token(subscription))


def confirm(topic_arn: str, token: str, authenticate_unsubscribe: bool, authenticated: bool) -> str:
    """Confirm the subscription that the token was sent to, even a cancelled one, and return its ARN."""
    parts = topic_arn.split(":")
    if len(parts) != 6:
        raise SNSInvalidParameter("Invalid parameter: TopicArn")
    backend = sns_backends[parts[4]][parts[3]]
    if topic_arn not in backend.topics:
        raise TopicNotFound
    known = [*list(backend.subscriptions.values()), *_cancelled(backend).values()]
    subscription = next((each for each in known if getattr(each, "token", None) == token), None)
    if subscription is None or subscription.topic.arn != topic_arn or _is_expired(subscription):
        raise SNSInvalidParameter("Invalid parameter: Token")
    _cancelled(backend).pop(token, None)
    backend.subscriptions[subscription.arn] = subscription
    subscription.confirmed = True
    subscription.authenticates_unsubscribe = authenticate_unsubscribe and authenticated
    subscription.attributes |= {"PendingConfirmation": False, "ConfirmationWasAuthenticated": authenticated}
    return str(subscription.arn)


def unsubscribe(backend: Any, subscription_arn: str, authenticated: bool = True) -> None:
    """End the subscription; a web hook is told, and can undo it."""
    subscription = backend.subscriptions.get(subscription_arn)
    if subscription is None:
        return
    if not authenticated and subscription.authenticates_unsubscribe:
        raise AuthorizationError("Unsubscribe of this subscription must be authenticated")
    _unsubscribe(backend, subscription_arn)
    if subscription.protocol in WEB_HOOKS and not is_pending(subscription):
        cancelled = _cancelled(backend)
        for old in [token for token, each in list(cancelled.items()) if _is_expired(each)]:
            cancelled.pop(old, None)
        token = new_token(subscription)
        cancelled[token] = subscription
        posts.tell_of_cancellation(subscription, token)


def set_subscription_attributes(backend: Any, arn: str, name: str, value: Any) -> None:
    """Set one attribute; a filter and its scope can be set in either order."""
    _check(name, value)
    subscription = backend.subscriptions.get(arn)
    if subscription is None or name not in ("FilterPolicy", "FilterPolicyScope"):
        _set_attributes(backend, arn, name, value)
        return
    wanted = {**subscription.attributes, name: value}
    # moto's own checks know fewer operators, and its matcher fails on some messages.
    subscription._filter_policy_matcher = filter_of(wanted.get("FilterPolicy"), wanted.get("FilterPolicyScope"))
    subscription.attributes[name] = value


def filter_of(policy: str | None, scope: str | None, reason: str = "") -> FilterPolicy | None:
    """The filter that decides on messages; None lets all through. Refuse a policy that SNS refuses."""
    if not policy:
        return None
    try:
        found = _parsed(policy)
        if not isinstance(found, dict):
            raise FilterPolicyError("failed to parse JSON.")
        return FilterPolicy(found, scope or "MessageAttributes") if found else None
    except (FilterPolicyError, RecursionError) as exc:
        why = str(exc) if isinstance(exc, FilterPolicyError) else "FilterPolicy: Filter policy is too complex"
        raise SNSInvalidParameter(f"Invalid parameter: {reason}{why}") from exc


def get_subscription_attributes(backend: Any, arn: str) -> dict[str, Any]:
    """The attributes; those of a web hook include the delivery policy in force."""
    attributes: dict[str, Any] = _get_attributes(backend, arn)
    subscription = backend.subscriptions[arn]
    if subscription.protocol in WEB_HOOKS:
        policy = retry_policy.effective(subscription.topic.delivery_policy, attributes.get("DeliveryPolicy"))
        attributes["EffectiveDeliveryPolicy"] = json.dumps(policy, separators=(",", ":"))
    return attributes


def _check(name: str, value: Any) -> None:
    if name == "FilterPolicyScope" and value not in ("MessageAttributes", "MessageBody"):
        raise SNSInvalidParameter(
            f"Invalid parameter: FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or "
            "MessageAttributes"
        )
    if name == "RedrivePolicy" and value:
        policy = _parsed(value)
        target = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
        if not isinstance(target, str) or target.split(":")[2:3] != ["sqs"] or len(target.split(":")) != 6:
            raise SNSInvalidParameter("Invalid parameter: RedrivePolicy: deadLetterTargetArn is an invalid arn")
    if name == "DeliveryPolicy":
        check_delivery_policy(value, of_topic=False)


def check_delivery_policy(value: str, of_topic: bool) -> None:
    """Refuse a delivery policy that SNS refuses."""
    try:
        retry_policy.check(value, of_topic)
    except retry_policy.PolicyError as exc:
        raise SNSInvalidParameter(f"Invalid parameter: {exc}") from exc


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _cancelled(backend: Any) -> dict[str, Any]:
    """The cancelled subscriptions that can be restored, by token; moto's reset forgets them."""
    cancelled: dict[str, Any] = backend.__dict__.setdefault("cancelled_subscriptions", {})
    return cancelled


def _is_expired(subscription: Any) -> bool:
    now = subscription.serving.hosting.clock.now() if subscription.serving is not None else 0.0
    return bool(now > subscription.token_expires)
