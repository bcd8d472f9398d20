"""The recommender's error tree.

RecommenderError
  - RequestError    the caller's fault; carries a code, a message and a 4xx status
  - SchemaError     a payload which isn't a response of this schema
  - ArtifactError   the model folder is incomplete or contradicts itself
  - EncoderError    the encoder failed or gave no usable embedding; never answered as if it hadn't
"""

from __future__ import annotations


class RecommenderError(Exception):
    """Any failure that the recommender names itself."""


class RequestError(RecommenderError):
    """The request can't be answered; `code` is for programs, the message for people, `status` is the HTTP 4xx."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def to_dict(self) -> dict[str, dict[str, str]]:
        """The error body of the contract."""
        return {"error": {"code": self.code, "message": self.message}}


class SchemaError(RecommenderError):
    """A payload which isn't a response of this schema."""


class ArtifactError(RecommenderError):
    """The model folder is incomplete or contradicts itself."""


class EncoderError(RecommenderError):
    """The encoder failed, or its embedding is zero or not finite."""


def shown(value: object, limit: int = 80) -> str:
    """A caller's value as it may stand in a message: quoted and cut."""
    try:
        text = repr(value)
    except RecursionError:  # JSON may be nested just deeply enough to be read and not to be shown
        text = f"a deeply nested {type(value).__name__}"
    return text if len(text) <= limit else text[: limit - 1] + "…"
