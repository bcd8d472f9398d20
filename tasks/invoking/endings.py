"""Endings of asynchronous requests: what S3 and notifications say of them, and the answers."""

import hashlib
import json
import os.path
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from tasks.errors import NotFoundError
from tasks.exchange.kinds import AnswerKind
from tasks.hosting.notifications import Notification
from tasks.invoking.answer import Answer, parsed_answer
from tasks.invoking.records import InvocationRecord
from tasks.names import S3Location
from tasks.storage import download, download_with_type, exists, keys_under

FEW = 3
"""The most objects that are asked for one by one, which costs less than a listing."""


def ended_as_notified(record: InvocationRecord, note: Notification, at: datetime) -> InvocationRecord:
    if note.completed:
        return replace(record, state="completed", seen_at=at)
    return replace(record, state="failed", failure_reason=note.failure_reason, seen_at=at)


def present(locations: Iterable[str]) -> set[str]:
    """The objects among these that exist; many are looked up by one listing per bucket, of their common prefix."""
    asked = set(locations)
    if len(asked) <= FEW:
        return {uri for uri in asked if exists(S3Location.parse(uri))}
    wanted: dict[str, set[str]] = {}
    for uri in asked:
        wanted.setdefault(S3Location.parse(uri).bucket, set()).add(uri)
    present: set[str] = set()
    for bucket, uris in wanted.items():
        by_key = {S3Location.parse(uri).key: uri for uri in uris}
        common = os.path.commonprefix(list(by_key))  # noqa: RUF071 - S3's prefixes are characters, not path parts
        present |= {by_key[key] for key in keys_under(S3Location(bucket, common)) if key in by_key}
    return present


def with_failure_object(record: InvocationRecord) -> InvocationRecord:
    """Add the failure object's text, if there is one: the notification says that the model failed, but not why."""
    if record.state != "failed" or not record.failure_location:
        return record
    try:
        text = failure_text(download(record.failure_location))
    except NotFoundError:
        return record
    return replace(record, failure_object=text, failure_reason=record.failure_reason or text)


def failure_text(content: bytes) -> str:
    """The error in a failure object of our handler, or else the first 300 bytes of the object."""
    try:
        error = json.loads(content)["error"]
        return f"{error['code']}: {error['message']}"
    except (ValueError, KeyError, TypeError):  # TorchServe and AWS's toolkit write errors of their own form
        return content[:300].decode("utf-8", "replace")


def read_answer(record: InvocationRecord, kind: AnswerKind) -> tuple[Answer, InvocationRecord]:
    """The answer of a record that has ended, and the record with the answer's checksum.

    The answer's latency runs from the submission until the ending was seen.
    """
    seen = record.seen_at or record.submitted_at
    latency_ms = (seen - record.submitted_at).total_seconds() * 1000
    if record.state != "completed":
        why = record.failure_object or record.failure_reason
        return Answer(record.request, None, f"{record.state}: {why}", latency_ms), record
    body, content_type = download_with_type(record.output_location)
    read = replace(record, output_sha256=hashlib.sha256(body).hexdigest())
    return parsed_answer(record.request, body, content_type, kind, latency_ms), read
