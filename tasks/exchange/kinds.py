"""The kinds of answers, chosen by their content type unless one is named."""

from collections.abc import Sequence
from email.message import Message
from typing import Literal

from tasks.errors import InputError
from tasks.exchange.array_content import ArrayContent
from tasks.exchange.content import Content
from tasks.exchange.json_content import JsonContent
from tasks.exchange.json_places import compiled
from tasks.exchange.plain_content import BytesContent, TableContent, TextContent
from tasks.exchange.recommendations import LARGEST_SCORE_DIFFERENCE, RecommendedContent
from tasks.exchange.tolerance import Tolerance

AnswerKind = Literal["auto", "recommendations", "json", "array", "csv", "text", "bytes"]
ARRAYS = {"application/x-npy", "application/x-npz"}
LINES = {"application/jsonlines", "application/jsonl", "application/x-jsonlines", "application/x-ndjson"}


def read_content(body: bytes, content_type: str, kind: AnswerKind) -> Content:
    """Parse an answer; raise UnreadableAnswerError if it isn't of its kind."""
    media, charset = _media_and_charset(content_type)
    match _kind_of(media, body) if kind == "auto" else kind:
        case "recommendations":
            return RecommendedContent.read(body)
        case "json":
            return JsonContent.read_lines(body) if media in LINES else JsonContent.read(body)
        case "array":
            return ArrayContent.read(body)
        case "csv":
            return TableContent.read(body, charset)
        case "text":
            return TextContent.read(body, charset)
        case _:
            return BytesContent.read(body)


def checked_tolerance(kind: AnswerKind, absolute: float, relative: float, ignore: Sequence[str], key: str) -> Tolerance:
    """The tolerance; raise InputError for what can't be one, before anything is deployed."""
    if kind == "recommendations" and absolute >= LARGEST_SCORE_DIFFERENCE:
        raise InputError(f"tolerance is {absolute}; scores lie in [0, 1], so give 0 or more, less than 1.")
    if relative >= 1:
        raise InputError(f"the relative tolerance is {relative}; give less than 1, which is all of a number.")
    for expression in ignore:
        compiled(expression)
    try:
        return Tolerance(absolute, relative, tuple(ignore), key)
    except ValueError as exc:
        raise InputError(f"{exc}.") from exc


def _media_and_charset(content_type: str) -> tuple[str, str]:
    message = Message()
    message["content-type"] = content_type or "application/octet-stream"
    try:
        charset = str(message.get_content_charset() or "")
    except (ValueError, LookupError):  # one that is encoded, and wrongly
        charset = ""
    return message.get_content_type(), charset


def _kind_of(media: str, body: bytes) -> AnswerKind:
    if media in LINES or media == "application/json" or media.endswith("+json"):
        return "json"
    if media in ARRAYS or body.startswith(b"\x93NUMPY"):
        return "array"
    if media == "text/csv":
        return "csv"
    return "text" if media.startswith("text/") else "bytes"
