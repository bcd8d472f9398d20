"""What every reply of the handler must be, whatever was sent: an answer of the schema, or a 4xx with a known code."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from recommender.schema import Response

STATUS_OF_CODE = {
    "broken_image": 400,
    "conflicting_top_k": 400,
    "empty_image": 400,
    "image_required": 400,
    "image_s3_uri_not_allowed": 403,
    "image_too_large": 413,
    "image_too_narrow": 400,
    "invalid_base64": 400,
    "invalid_category": 400,
    "invalid_gender": 400,
    "invalid_image": 400,
    "invalid_image_s3_uri": 400,
    "invalid_include_embedding": 400,
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
LONGEST_MESSAGE = 600


def kept(reply: Any) -> str:
    """The reply's code, or "answered"; AssertionError if it breaks the contract."""
    assert reply.content_type == "application/json", reply
    payload = json.loads(reply.body, parse_constant=_not_json)
    if reply.status == 200:
        Response.from_dict(payload)
        return "answered"
    assert set(payload) == {"error"}, reply
    assert set(payload["error"]) == {"code", "message"}, reply
    code = str(payload["error"]["code"])
    assert reply.status == STATUS_OF_CODE[code], reply
    assert 0 < len(payload["error"]["message"]) < LONGEST_MESSAGE, reply
    return code


def _not_json(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} in a reply")
