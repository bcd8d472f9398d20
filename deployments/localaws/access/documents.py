"""Validation of uploaded policies, as AWS does it: moto stores any text, which then breaks the code that reads it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from localaws.calls import Call
from localaws.errors import AwsError

Texts = str | list[str]
_ERRORS = {
    "s3": ("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'"),
    "iam": ("MalformedPolicyDocument", "Syntax errors in policy."),
    "sns": ("InvalidParameter", "Invalid parameter: Policy Error: null"),
    "sqs": ("InvalidAttributeValue", "Invalid value for the parameter Policy."),
}


class _Statement(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    Sid: str = ""
    Effect: Literal["Allow", "Deny"]
    Action: Texts = ""
    NotAction: Texts = ""
    Resource: Texts = ""
    NotResource: Texts = ""
    Principal: Literal["*"] | dict[str, Texts] = "*"
    NotPrincipal: Literal["*"] | dict[str, Texts] = "*"
    Condition: dict[str, dict[str, Any]] = {}


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    Version: Literal["2012-10-17", "2008-10-17"] = "2008-10-17"
    Id: str = ""
    Statement: _Statement | list[_Statement]


_DOCUMENT = TypeAdapter(_Document)


def gate(call: Call) -> None:
    """Raise the service's error if the call gives a bucket, a role, a topic or a queue a malformed policy."""
    document = _given(call)
    if not document:  # an empty one removes the policy of a topic or queue
        return
    if not is_policy(document):
        raise AwsError(*_ERRORS[call.service])


def is_policy(document: str | bytes) -> bool:
    """True if the text is a policy."""
    try:
        _DOCUMENT.validate_json(document)
    except ValidationError:
        return False
    return True


def _given(call: Call) -> str | bytes | None:
    match call.service, call.operation:
        case "s3", "PutBucketPolicy":
            return call.body()
        case "iam", "CreateRole":
            return call.parameters.get("AssumeRolePolicyDocument")
        case "iam", "UpdateAssumeRolePolicy":
            return call.parameters.get("PolicyDocument")
        case "sns", "SetTopicAttributes" if call.parameters.get("AttributeName") == "Policy":
            return call.parameters.get("AttributeValue")
        case "sns", "CreateTopic":
            # The query protocol sends a map as Attributes.entry.1.key=Policy and Attributes.entry.1.value=…
            entries = {value: name for name, value in call.parameters.items() if name.endswith(".key")}
            named = entries.get("Policy", "").removesuffix("key")
            return call.parameters.get(f"{named}value") if named else None
        case "sqs", "CreateQueue" | "SetQueueAttributes":
            return _policy_of(call.parameters.get("Attributes"))
    return None


def _policy_of(attributes: Any) -> str | None:
    return attributes.get("Policy") if isinstance(attributes, dict) else None
