"""Content types: reading a request from a body of its Content-Type, and checking the caller's Accept header."""

from __future__ import annotations

import json
from typing import NoReturn

from recommender.errors import RequestError, shown
from recommender.pictures.image import MAX_IMAGE_BYTES
from recommender.schema import Request

JSON_TYPE = "application/json"
RAW_TYPE = "application/x-image"  # accepted by SageMaker's built-in image algorithms, beside image/*
MAX_JSON_BYTES = MAX_IMAGE_BYTES * 4 // 3 + 64 * 1024  # base64 writes 3 bytes as 4; the rest is for other fields
MOST_DIGITS = 20
MAX_JSON_MARKS = 2000  # commas and opening brackets in a request; reading millions of them would fill the memory
_UTF8_NAMES = ("utf-8", "utf8", "us-ascii", "ascii")


def read_request(body: str | bytes | bytearray, content_type: str | None) -> Request:
    """The request in a body of this content type: JSON, or a picture's bytes with default values for the rest."""
    kind, parameters = _media_type(content_type or "")
    if kind == JSON_TYPE:
        _check_charset(parameters.get("charset", "utf-8"))
        return Request.from_dict(_json(body))
    if kind.startswith("image/") or kind == RAW_TYPE:
        if isinstance(body, str):
            message = f"A body of {shown(content_type)} must be bytes; found text: send the file as it is."
            raise RequestError("not_an_image", message)
        return Request(image=bytes(body))
    message = f"Content type {shown(content_type)} isn't supported; send {JSON_TYPE} or image/*."
    raise RequestError("unsupported_content_type", message)


def check_accept(accept: str | None) -> None:
    """Raise RequestError unless the Accept header allows JSON, by name or by wildcard, with a quality above 0."""
    if accept is None or not accept.strip(", "):
        return
    qualities = {kind: parameters.get("q", "1") for kind, parameters in map(_media_type, accept.split(","))}
    for kind in (JSON_TYPE, "application/*", "*/*"):  # the most specific one decides
        if kind in qualities:
            if _positive(qualities[kind]):
                return
            break
    message = f"Accept {shown(accept)} leaves out {JSON_TYPE}, the only answer there is: ask for that."
    raise RequestError("not_acceptable", message)


def _media_type(header: str) -> tuple[str, dict[str, str]]:
    kind, *rest = (part.strip().lower() for part in header.split(";"))
    pairs = (part.partition("=") for part in rest)
    return kind, {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def _positive(quality: str) -> bool:
    try:
        return float(quality) > 0
    except ValueError:
        return False


def _check_charset(charset: str) -> None:
    if charset not in _UTF8_NAMES:
        message = f"Charset {shown(charset)} isn't supported; send JSON in UTF-8."
        raise RequestError("unsupported_content_type", message)


def _json(body: str | bytes | bytearray) -> object:
    if len(body) > MAX_JSON_BYTES:
        message = f"The request has {len(body):,} bytes; the limit is {MAX_JSON_BYTES:,}: send a smaller picture."
        raise RequestError("request_too_large", message)
    try:
        # json.loads refuses text with a byte order mark
        text = body.removeprefix("\ufeff") if isinstance(body, str) else body.decode("utf-8-sig")
        if (marks := sum(text.count(mark) for mark in ",[{")) > MAX_JSON_MARKS:
            found = f"The request has {marks:,} commas and opening brackets; the limit is {MAX_JSON_MARKS:,}"
            raise RequestError("invalid_request", f"{found}: send only the request's own fields.")
        return json.loads(text, object_pairs_hook=_without_doubles, parse_int=_whole, parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        message = f"The request isn't valid JSON ({str(error)[:120]}); send one JSON object in UTF-8."
        raise RequestError("malformed_json", message) from error


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)  # json alone would silently keep the last of two
    if len(fields) != len(pairs):
        raise ValueError("a field is given twice")
    return fields


def _whole(digits: str) -> int | float:
    """A whole number; a float if it is too large for any field, since Python refuses to read very long ints."""
    return int(digits) if len(digits) <= MOST_DIGITS else float(digits)


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
