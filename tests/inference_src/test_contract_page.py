"""docs/contract.md against the code: its fields, limits, codes and examples."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from recommender import media
from recommender.aliases import OF_RECOMMENDATION, OF_RESPONSE
from recommender.attributes import CATEGORIES
from recommender.errors import STATUS_OF_CODE
from recommender.pictures import image, s3_picture
from recommender.ranking import WEIGHTS
from recommender.schema import DEFAULT_TOP_K, MAX_TOP_K, REQUEST_FIELDS, Query, Recommendation, Request, Response
from tasks.hosting.notifications import parse_notification
from tasks.invoking.endings import failure_text
from tasks.limits import REALTIME_PAYLOAD_BYTES

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "contract.md").read_text("utf-8")
REQUEST, RESPONSE, ERROR, NOTIFICATION = map(json.loads, re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))


def first_column(heading: str) -> list[str]:
    """The names in the first column of the table with this heading."""
    rows = PAGE.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]


def raised() -> set[str]:
    """Every code that the handler's source may raise."""
    source = "\n".join(file.read_text("utf-8") for file in (REPOSITORY / "inference_src").rglob("*.py"))
    codes = re.findall(r'RequestError\(\s*"(\w+)"', source)
    by_field = re.findall(r'_(?:choice|flag)\("(\w+)"', source)
    assert len(codes) + 2 == len(re.findall(r"RequestError\(\s*f?\"", source))  # the two that name a field
    return {*codes, *(f"invalid_{name}" for name in by_field)}


def test_it_lists_exactly_the_codes_that_can_be_raised_with_their_statuses() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)
    assert [(code, int(status)) for code, status in rows] == list(STATUS_OF_CODE.items())
    assert raised() == set(STATUS_OF_CODE)


def test_it_lists_every_field() -> None:
    assert first_column("field | type | default | meaning") == list(REQUEST_FIELDS)
    assert first_column("field | meaning") == list(RESPONSE)
    assert set(first_column("field of `query` | meaning")) == {each.name for each in fields(Query)}
    assert first_column("field of a recommendation | meaning") == [each.name for each in fields(Recommendation)]
    assert first_column("other name | stands for") == [*OF_RECOMMENDATION, *OF_RESPONSE]
    assert all(f"| `{alias}` | `{name}` |" in PAGE for alias, name in OF_RECOMMENDATION.items())


def test_it_has_the_limits_and_defaults_of_the_code() -> None:
    limits = (image.MAX_IMAGE_BYTES, image.MAX_PIXELS, media.MAX_JSON_BYTES, media.MAX_JSON_MARKS)
    for limit in (*limits, s3_picture.MAX_KEY_BYTES, REALTIME_PAYLOAD_BYTES):
        assert f" {limit:,} " in PAGE
    assert f"| {image.MAX_ASPECT_RATIO} times the shorter one |" in PAGE
    assert f"| {s3_picture.FETCH_SECONDS} s |" in PAGE
    assert f"| `min_score` | number 0–1 | {Request(image=b'').min_score:g} |" in PAGE
    assert f"| `top_k` | whole number 1–{MAX_TOP_K} | {DEFAULT_TOP_K} |" in PAGE
    assert " + ".join(f"{weight} × `{name}`" for name, weight in WEIGHTS.items()) in PAGE
    assert f"| {', '.join(image.FORMATS)}, " in PAGE
    assert f"the {len(CATEGORIES)} categories" in PAGE
    assert set(CATEGORIES) <= set(re.findall(r"`([\w-]+)`", PAGE))


def test_its_request_is_answered_in_the_form_of_its_response(invoke: Any) -> None:
    assert Response.from_dict(RESPONSE).to_dict() == RESPONSE
    reply = invoke(json.dumps(REQUEST).encode(), "application/json", "application/json")
    assert reply.status == 200
    assert shape(reply.json) == shape(RESPONSE)
    assert len(reply.json["recommendations"]) == len(RESPONSE["recommendations"]) == REQUEST["top_k"]


def shape(response: dict[str, Any]) -> dict[str, list[str]]:
    """The response's fields, level by level."""
    parts = {"query": response["query"], "item": response["recommendations"][0], "timings": response["timings_ms"]}
    return {name: list(part) for name, part in {"response": response, **parts}.items()}


def test_its_error_is_what_such_a_request_is_refused_with(invoke: Any) -> None:
    reply = invoke(json.dumps({**REQUEST, "top_k": 99}).encode(), "application/json")
    assert (reply.status, reply.json) == (400, ERROR)


def test_its_notification_is_read_and_carries_the_error() -> None:
    notification = parse_notification(json.dumps(NOTIFICATION))
    assert notification is not None
    assert not notification.completed
    assert "(400)" in notification.failure_reason
    body = base64.b64decode(NOTIFICATION["responseBody"]["content"])
    assert failure_text(body).startswith("invalid_top_k: top_k must be")


def test_a_code_that_is_not_in_the_table_cannot_be_raised() -> None:
    with pytest.raises(KeyError):
        image.RequestError("no_such_code", "")
