"""SNS's delivery policies, of topics and of subscriptions, which say when an HTTP subscriber is tried again.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
"""

from __future__ import annotations

import json
from typing import Any

MAX_DELAY_SECONDS = 3600
DEFAULT_CONTENT_TYPE = "text/plain; charset=UTF-8"
DEFAULT: dict[str, Any] = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
    "backoffFunction": "linear",
}
_BACKOFF = ("linear", "arithmetic", "geometric", "exponential")


class PolicyError(ValueError):
    """A delivery policy that SNS refuses."""


def effective(topic_policy: str | None, subscription_policy: str | None) -> dict[str, Any]:
    """The policy in force for a subscription: its own if it has one and may override, else the topic's, else AWS's."""
    own = json.loads(subscription_policy or "{}")
    topic = json.loads(topic_policy or "{}").get("http", {})
    if topic.get("disableSubscriptionOverrides"):
        own = {}
    retry = own.get("healthyRetryPolicy") or topic.get("defaultHealthyRetryPolicy") or {}
    request = own.get("requestPolicy") or topic.get("defaultRequestPolicy") or {}
    return {
        "healthyRetryPolicy": {**DEFAULT, **retry},
        "sicklyRetryPolicy": None,
        "throttlePolicy": own.get("throttlePolicy") or topic.get("defaultThrottlePolicy"),
        "requestPolicy": {"headerContentType": request.get("headerContentType", DEFAULT_CONTENT_TYPE)},
        "guaranteed": False,
    }


def effective_of_topic(topic_policy: str | None) -> dict[str, Any]:
    """The policy of a topic, with AWS's defaults for what it leaves open."""
    own = json.loads(topic_policy or "{}").get("http", {})
    policy = effective(topic_policy, None)
    return {
        "http": {
            "defaultHealthyRetryPolicy": policy["healthyRetryPolicy"],
            "disableSubscriptionOverrides": own.get("disableSubscriptionOverrides", False),
            "defaultRequestPolicy": policy["requestPolicy"],
        }
    }


def delays(policy: dict[str, Any]) -> list[float]:
    """The AWS seconds before each retry: first none, then the minimum delay, then growing, then the maximum delay."""
    retry = policy["healthyRetryPolicy"]
    low, high = float(retry["minDelayTarget"]), float(retry["maxDelayTarget"])
    at_once, least, most = (retry[f"num{phase}Retries"] for phase in ("NoDelay", "MinDelay", "MaxDelay"))
    growing = max(0, retry["numRetries"] - at_once - least - most)
    steps = [_grown(low, high, index, growing, retry["backoffFunction"]) for index in range(growing)]
    return [0.0] * at_once + [low] * least + steps + [high] * most


def _grown(low: float, high: float, index: int, count: int, function: str) -> float:
    if count < 2 or low == high:
        return low
    part = index / (count - 1)
    if function == "linear":
        return low + (high - low) * part
    if function == "arithmetic":
        return low + (high - low) * index * (index + 1) / (count * (count - 1))
    return float(low * (high / low) ** (part if function == "geometric" else part**2))


def check(text: str, of_topic: bool) -> None:
    """Raise PolicyError, in AWS's words, for a policy that SNS refuses."""
    if not text:
        return
    try:
        policy = json.loads(text)
    except ValueError as exc:
        raise PolicyError("DeliveryPolicy: failed to parse JSON.") from exc
    if not isinstance(policy, dict):
        raise PolicyError("DeliveryPolicy: failed to parse JSON.")
    where, retry = (
        ("http.defaultHealthyRetryPolicy", policy.get("http", {}).get("defaultHealthyRetryPolicy"))
        if of_topic
        else ("healthyRetryPolicy", policy.get("healthyRetryPolicy"))
    )
    if retry:
        _check_retry(where, {**DEFAULT, **retry})


def _check_retry(where: str, retry: dict[str, Any]) -> None:
    numbers = [name for name in DEFAULT if name != "backoffFunction"]
    for name in numbers:
        if not isinstance(retry[name], int) or retry[name] < 0:
            raise PolicyError(f"DeliveryPolicy: {where}.{name} must be greater than or equal to 0")
    if retry["numRetries"] > 100:
        raise PolicyError(f"DeliveryPolicy: {where}.numRetries must be less than or equal to 100")
    if retry["maxDelayTarget"] > MAX_DELAY_SECONDS:
        raise PolicyError(f"DeliveryPolicy: {where}.maxDelayTarget must be less than or equal to {MAX_DELAY_SECONDS}")
    if not 1 <= retry["minDelayTarget"] <= retry["maxDelayTarget"]:
        raise PolicyError(f"DeliveryPolicy: {where}.maxDelayTarget must be greater than or equal to minDelayTarget")
    if sum(retry[f"num{phase}Retries"] for phase in ("NoDelay", "MinDelay", "MaxDelay")) > retry["numRetries"]:
        raise PolicyError(f"DeliveryPolicy: {where}.numRetries must be greater than or equal to the sum of its phases")
    if retry["backoffFunction"] not in _BACKOFF:
        raise PolicyError(f"DeliveryPolicy: {where}.backoffFunction must be one of {', '.join(_BACKOFF)}")
