"""The recommender's error tree.

RecommenderError
  - RequestError    the caller's fault; carries a code, a message and a 4xx status
  - SchemaError     a payload which isn't a response of this schema
  - ArtifactError   the model folder is incomplete or contradicts itself
  - EncoderError    the encoder failed or gave no usable embedding; such a request never gets an answer
"""

from __future__ import annotations

from math import isinf

STATUS_OF_CODE = {
    "broken_image": 400,
    "conflicting_top_k": 400,
    "empty_image": 400,
    "image_required": 400,
    "image_s3_uri_denied": 403,
    "image_s3_uri_not_allowed": 403,
    "image_s3_uri_not_found": 404,
    "image_s3_uri_unavailable": 424,
    "image_too_large": 413,
    "image_too_narrow": 400,
    "invalid_base64": 400,
    "invalid_category": 400,
    "invalid_gender": 400,
    "invalid_image": 400,
    "invalid_image_s3_uri": 400,
    "invalid_include_embedding": 400,
    "invalid_min_score": 400,
    "invalid_request": 400,
    "invalid_top_k": 400,
    "malformed_json": 400,
    "not_acceptable": 406,
    "not_an_image": 400,
    "request_too_large": 413,
    "too_many_pixels": 413,
    "unknown_field": 400,
    "unsupported_content_type": 415,
}
"""Every code that a caller may see, with its HTTP status; docs/contract.md says what to do about each."""


class RecommenderError(Exception):
    """The base of all errors that the recommender raises itself."""


class RequestError(RecommenderError):
    """A request that can't be answered: `code` for programs, `message` for people, `status` the HTTP 4xx."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = STATUS_OF_CODE[code]

    def to_dict(self) -> dict[str, dict[str, str]]:
        """The error body of the contract."""
        return {"error": {"code": self.code, "message": self.message}}


class SchemaError(RecommenderError):
    """A payload which isn't a response of this schema."""


class ArtifactError(RecommenderError):
    """A model folder that is incomplete or contradicts itself."""


class EncoderError(RecommenderError):
    """A failure of the encoder, or an embedding that is zero or not finite."""


def shown(value: object, limit: int = 80) -> str:
    """A caller's value for a message: quoted, and cut to `limit` characters."""
    try:
        text = repr(value)
    except RecursionError:  # json reads deeper nesting than repr can show
        text = f"a deeply nested {type(value).__name__}"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def json_shown(value: object) -> str:
    """A decoded JSON value for a message to its sender, in JSON's own words."""
    if isinstance(value, float) and isinf(value):  # json reads 1e999 as infinity
        return "a number beyond all limits"
    names = {None: "null", True: "true", False: "false"}
    return names[value] if value is None or isinstance(value, bool) else shown(value)
