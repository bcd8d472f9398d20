"""The errors that the embedded AWS answers with.

AwsError                 any error answer: code, text, HTTP status
├── ValidationException  of the SageMaker control plane, 400
├── ValidationError      of the SageMaker runtime, 400
└── ModelError           of the SageMaker runtime, 424: the container failed
"""

from __future__ import annotations

from typing import Any


class AwsError(Exception):
    """An error answer in AWS's shape; `fields` are further members of the answer."""

    def __init__(self, code: str, message: str, status: int = 400, fields: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields or {}


class ValidationException(AwsError):  # noqa: N818 - AWS's name
    """The control plane's answer to nearly everything it refuses; callers can tell the reasons apart only by text."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


class ValidationError(AwsError):
    """The runtime's answer to a request that it refuses before the container sees it."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationError", message)


class ModelError(AwsError):
    """A container's answer other than 2xx, or none in time."""

    def __init__(self, message: str, original_status: int, original_message: str, log_stream_arn: str) -> None:
        fields = {
            "OriginalStatusCode": original_status,
            "OriginalMessage": original_message,
            "LogStreamArn": log_stream_arn,
        }
        super().__init__("ModelError", message, status=424, fields=fields)
