"""Requests to the SageMaker runtime, whose members are headers: read and checked by its service model."""

from __future__ import annotations

from typing import Any

from botocore.model import Shape
from werkzeug.datastructures import Headers

from localaws.constraints import service_model, violation_message, violations
from localaws.errors import ValidationError


def read_request(operation: str, endpoint: str, headers: Headers, body: bytes) -> dict[str, Any]:
    """Read the request's members; raise ValidationError for what AWS refuses of them."""
    shape = service_model("sagemaker-runtime").operation_model(operation).input_shape
    request: dict[str, Any] = {"EndpointName": endpoint}
    for name, member in shape.members.items() if shape is not None else ():
        header = member.serialization["name"] if member.serialization.get("location") == "header" else None
        if header is not None and (text := headers.get(header)) is not None:
            request[name] = _parsed(name, member, _as_sent(text))
    if body or (shape is not None and "Body" in shape.required_members):
        request["Body"] = body
    if found := violations("sagemaker-runtime", operation, request):
        raise ValidationError(violation_message(found))
    return request


def _as_sent(text: str) -> str:
    """A header's text as the client meant it: clients send UTF-8, while werkzeug reads headers as HTTP's Latin-1."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def _parsed(name: str, member: Shape, text: str) -> str | int:
    if member.type_name != "integer":
        return text
    try:
        return int(text)
    except ValueError as exc:
        raise ValidationError(f"{name} must be a whole number; found {text!r}.") from exc
