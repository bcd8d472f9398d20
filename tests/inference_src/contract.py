"""The contract of each reply of the handler, whatever was sent: an answer of the schema, or a 4xx with a known code."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from recommender.errors import STATUS_OF_CODE
from recommender.schema import Response

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
    assert 400 <= reply.status < 500, reply
    assert code in STATUS_OF_CODE, reply
    assert 0 < len(payload["error"]["message"]) < LONGEST_MESSAGE, reply
    return code


def without_timings(body: str) -> str:
    """A reply's body without its timings, which differ each time."""
    return re.sub(r'"processing_time_ms": [^,}]*', "", re.sub(r'"timings_ms": \{[^}]*\}', "", body))


def _not_json(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} in a reply")
