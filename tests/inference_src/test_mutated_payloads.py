from __future__ import annotations

import base64
import json
from collections import Counter
from random import Random
from typing import Any

import pytest

from tests.inference_src.contract import kept
from tests.inference_src.mutation import damaged, damaged_request

JSON = "application/json"
EACH = 300
CONTENT_TYPES = (
    *(
        JSON,
        f"{JSON}; charset=utf-8",
        f'{JSON};charset="utf8"',
        f"{JSON}; charset=latin-1",
        f"{JSON};;=;",
        f"{JSON}, {JSON}",
    ),
    *("image/png", "image/*", "IMAGE/JPEG; q=1", "application/x-image", "image/", "image"),
    *(
        "text/csv",
        "text/plain",
        "application/x-npy",
        "multipart/form-data; boundary=x",
        "*/*",
        "",
        " ",
        ";",
        "é",
        "x" * 900,
    ),
)
ACCEPTS = (
    *(
        "",
        "*/*",
        JSON,
        f"{JSON};q=0",
        f"{JSON};q=nan",
        f"{JSON};q=inf",
        f"{JSON};q=1e999",
        f"{JSON};q=",
        f"{JSON}; q = 0.5",
    ),
    *(
        "text/csv",
        "application/x-npy",
        "application/*;q=0.1",
        "*/*;q=0",
        ",,,",
        ";;;",
        "é",
        f"text/xml, {JSON}",
        "x," * 900,
    ),
)


@pytest.fixture(scope="session")
def request_fields(draw: Any, encoded: Any) -> dict[str, Any]:
    picture = base64.b64encode(encoded(draw("upperwear_shirt", side=32))).decode()
    return {
        "image": picture,
        "top_k": 3,
        "min_score": 0.2,
        "gender": "male",
        "category": "upperwear_shirt",
        "include_embedding": True,
    }


def test_spoiled_fields_are_answered_or_refused(invoke: Any, request_fields: Any) -> None:
    random = Random("fields")
    sent = [damaged_request(request_fields, random).encode("utf-8", "surrogatepass") for _ in range(2 * EACH)]
    endings = Counter(kept(invoke(body, JSON)) for body in sent)
    assert endings.total() == 2 * EACH
    wanted = {"answered", "malformed_json", "unknown_field", "image_required", "invalid_top_k", "invalid_category"}
    wanted |= {"invalid_gender", "invalid_min_score", "invalid_include_embedding", "invalid_image", "invalid_base64"}
    wanted |= {"invalid_request"}
    assert wanted <= set(endings)


def test_spoiled_bytes_are_answered_or_refused(invoke: Any, request_fields: Any) -> None:
    random, body = Random("bytes"), json.dumps(request_fields).encode()
    endings = Counter(kept(invoke(damaged(body, random, most=3), JSON)) for _ in range(EACH))
    assert endings.total() == EACH
    assert "malformed_json" in endings


def test_any_headers_are_answered_or_refused(invoke: Any, draw: Any, encoded: Any, request_fields: Any) -> None:
    random = Random("headers")
    bodies = [json.dumps(request_fields).encode(), encoded(draw("footwear_flats", side=32)), b"", b"\xff\xfe"]
    headers = [(random.choice(CONTENT_TYPES), random.choice(ACCEPTS)) for _ in range(EACH)]
    endings = Counter(kept(invoke(random.choice(bodies), content, accept)) for content, accept in headers)
    assert endings.total() == EACH
    assert {"answered", "unsupported_content_type", "not_acceptable", "empty_image", "malformed_json"} <= set(endings)
