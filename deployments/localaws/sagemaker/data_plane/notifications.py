"""The messages on the success and error topics, with AWS's members in AWS's order."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from localaws.sagemaker.data_plane.async_invocation import AsyncInvocation, Outcome

TEST_NOTIFICATION = '{"eventVersion":"1.0","eventSource":"aws:sagemaker","eventName":"TestNotification"}'
MAX_INCLUDED_BYTES = 128 * 1024  # AWS's limit for IncludeInferenceResponseIn
_RESPONSE_NOTE = "Check S3 path location(if configured) or Cloudwatch for additional details."


def topic_of(outcome: Outcome, output_config: dict[str, Any]) -> str | None:
    """The topic for this outcome, if one is configured."""
    topics = output_config.get("NotificationConfig", {})
    topic: str | None = topics.get("SuccessTopic" if outcome.completed else "ErrorTopic")
    return topic


def topics_of(output_config: dict[str, Any]) -> list[str]:
    """The configured topics, each once."""
    topics = output_config.get("NotificationConfig", {})
    return list(dict.fromkeys(topics[key] for key in ("SuccessTopic", "ErrorTopic") if key in topics))


def message(invocation: AsyncInvocation, outcome: Outcome, region: str, finished: datetime) -> str:
    """The notification's JSON text."""
    head: dict[str, Any] = {
        "awsRegion": region,
        "eventTime": _timestamp(finished),
        "receivedTime": _timestamp(invocation.received),
        "invocationStatus": "Completed" if outcome.completed else "Failed",
    }
    if outcome.failure_reason is not None:
        head["failureReason"] = outcome.failure_reason
    head["requestParameters"] = _request_parameters(invocation)
    if parameters := _response_parameters(invocation, outcome):
        head["responseParameters"] = parameters
    if (body := _included_response(outcome, invocation.output_config)) is not None:
        head["responseBody"] = body
    tail = {
        "inferenceId": invocation.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    return json.dumps({**head, **tail}, separators=(",", ":"))


def _request_parameters(invocation: AsyncInvocation) -> dict[str, Any]:
    # In AWS's recorded messages members that the caller did not send are absent, and so are the custom attributes.
    request = invocation.request
    parameters = {
        "accept": request.get("Accept"),
        "contentType": request.get("ContentType"),
        "endpointName": request["EndpointName"],
        "inputLocation": request.get("InputLocation"),
    }
    return {name: value for name, value in parameters.items() if value is not None}


def _response_parameters(invocation: AsyncInvocation, outcome: Outcome) -> dict[str, Any]:
    if outcome.completed and outcome.response is not None:
        return {"contentType": outcome.response.content_type, "outputLocation": invocation.output_location}
    return {"failureLocation": invocation.failure_location} if invocation.failure_location else {}


def _included_response(outcome: Outcome, output_config: dict[str, Any]) -> dict[str, str] | None:
    included = output_config.get("NotificationConfig", {}).get("IncludeInferenceResponseIn", [])
    wanted = "SUCCESS_NOTIFICATION_TOPIC" if outcome.completed else "ERROR_NOTIFICATION_TOPIC"
    if wanted not in included or outcome.response is None or len(outcome.response.body) > MAX_INCLUDED_BYTES:
        return None
    content = base64.b64encode(outcome.response.body).decode()
    return {"content": content, "message": _RESPONSE_NOTE, "encoding": "BASE64"}


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
