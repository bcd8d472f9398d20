"""Conditional writes, deletions and copies, which go ahead only if an object is what the caller expects.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from moto.s3.exceptions import CopyObjectMustChangeSomething
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response
from werkzeug.datastructures import Headers
from werkzeug.http import http_date, parse_date

from localaws.errors import AwsError
from localaws.services.s3 import checksums
from localaws.services.s3.checksums import Checksum

_copy_object = S3Response.copy_object
_copy_in_backend = S3Backend.copy_object
_delete_object = S3Response.delete_object
_delete_keys = S3Response._bucket_response_delete_keys
_FOR_DIRECTORIES = ("x-amz-if-match-last-modified-time", "x-amz-if-match-size")
_OF_READS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
# Makes check and write one step: of several writers with If-None-Match: * only one may win.
_one_at_a_time = threading.RLock()


def apply() -> None:
    """Patch moto with the functions of this module; `objects` handles puts, and `multipart` completed uploads."""
    S3Response.copy_object = copy_object
    S3Response.delete_object = delete_object
    S3Response._bucket_response_delete_keys = bucket_response_delete_keys
    S3Backend.copy_object = copy_in_backend


@contextmanager
def conditional_write(response: Any) -> Iterator[None]:
    """Let a write go ahead if its conditions hold, with no other conditional write between check and write."""
    headers = response.headers
    if_match, if_none_match = headers.get("If-Match"), headers.get("If-None-Match")
    if if_match is None and if_none_match is None:
        yield
        return
    with _one_at_a_time:
        _check(if_match, if_none_match, response)
        yield


def _check(if_match: str | None, if_none_match: str | None, response: Any) -> None:
    name = response.parse_key_name()
    found = response.backend.get_object(response.bucket_name, name)
    # For writes, S3 knows no other value than *.
    if if_none_match not in (None, "*"):
        raise _not_implied("If-None-Match")
    if if_none_match is not None and found is not None:
        raise _failed("If-None-Match")
    if if_match is None:
        return
    if found is None:
        raise AwsError("NoSuchKey", "The specified key does not exist.", 404, {"Key": name})
    if if_match != "*" and not _is(if_match, found):
        raise _failed("If-Match")


def delete_object(response: Any) -> Any:
    """Delete an object if it is the one that the caller expects."""
    if present := [name for name in _FOR_DIRECTORIES if name in response.headers]:
        raise _not_implied(present[0])
    with conditional_write(response):
        if response.headers.get("If-Match") == "*":  # moto takes it for an entity tag
            response.headers = Headers([pair for pair in response.headers if pair[0].lower() != "if-match"])
        return _delete_object(response)


def bucket_response_delete_keys(response: Any, bucket_name: str, authenticated: bool = True) -> Any:
    """Delete many objects; refuse conditions on single ones, which moto would ignore."""
    if b"<ETag>" in response.body:
        raise AwsError("NotImplemented", "The embedded AWS does not implement DeleteObjects with ETag.", 501)
    return _delete_keys(response, bucket_name, authenticated)


def copy_object(response: Any) -> Any:
    """Copy an object if source and target are what the caller expects."""
    checksums.check_algorithm(response.headers.get("x-amz-checksum-algorithm"))
    source = copy_source(response)
    if source is not None:
        check_source(response.headers, source)
        _refuse_pointless(response, source)
    with conditional_write(response):
        status, headers, body = _copy_object(response)
    headers.pop("Checksum", None)  # moto's header of that name has a dictionary as its value
    return status, headers, body


def copy_in_backend(backend: Any, src_key: Any, dest_bucket_name: str, dest_key_name: str, **more: Any) -> None:
    """Copy the content into one piece, even from a source of several parts, with a checksum of the whole."""
    _copy_in_backend(backend, src_key, dest_bucket_name, dest_key_name, **more)
    copy = backend.get_object(dest_bucket_name, dest_key_name)
    copy.multipart = None
    checksum = checksums.told(src_key)
    if src_key.checksum_type == checksums.COMPOSITE:
        value = checksums.compute(copy.value, checksum.algorithm).decode()
        checksum = Checksum(checksum.algorithm, value)
    checksums.keep(copy, checksum)


def copy_source(response: Any) -> Any | None:
    """The object that a request copies from; None if it does not exist."""
    parts = urlsplit(response.headers["x-amz-copy-source"])
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    version = parse_qs(parts.query).get("versionId", [None])[0]
    return response.backend.get_object(bucket, key, version_id=version)


def check_source(headers: Mapping[str, str], source: Any) -> None:
    """Raise PreconditionFailed unless the source meets the conditions; an entity tag overrides a date, as in HTTP."""
    if (wanted := headers.get("x-amz-copy-source-if-match")) is not None:
        if wanted != "*" and not _is(wanted, source):
            raise _failed("x-amz-copy-source-If-Match")
    elif (since := headers.get("x-amz-copy-source-if-unmodified-since")) is not None and _changed(source, since):
        raise _failed("x-amz-copy-source-If-Unmodified-Since")
    if (unwanted := headers.get("x-amz-copy-source-if-none-match")) is not None:
        if unwanted == "*" or _is(unwanted, source):
            raise _failed("x-amz-copy-source-If-None-Match")
    elif (since := headers.get("x-amz-copy-source-if-modified-since")) is not None and not _changed(source, since):
        raise _failed("x-amz-copy-source-If-Modified-Since")


def deciding(headers: Headers) -> Headers:
    """The headers with only those read conditions that decide, in the form that moto understands.

    As in HTTP, an entity tag overrides a date next to it, and an invalid date is ignored.
    """
    told = Headers([pair for pair in headers if pair[0].lower() not in _OF_READS])
    for by_tag, by_date in (("If-Match", "If-Unmodified-Since"), ("If-None-Match", "If-Modified-Since")):
        if (tag := headers.get(by_tag)) is not None:
            told[by_tag] = tag if tag == "*" else f'"{tag.strip(chr(34))}"'
        elif (moment := parse_date(headers.get(by_date))) is not None:
            told[by_date] = http_date(moment)
    return told


def _refuse_pointless(response: Any, source: Any) -> None:
    """Refuse a copy onto itself that changes nothing; moto takes the bucket's default encryption for a change."""
    headers = response.headers
    changes = ("x-amz-storage-class", "x-amz-server-side-encryption", "x-amz-website-redirect-location")
    changed = any(name in headers for name in changes) or headers.get("x-amz-metadata-directive") == "REPLACE"
    same = (source.bucket_name, source.name) == (response.bucket_name, response.parse_key_name())
    versioned = "versionId=" in headers["x-amz-copy-source"]
    if same and not changed and not versioned and source.encryption in (None, "AES256"):
        raise CopyObjectMustChangeSomething


def _is(entity_tag: str, key: Any) -> bool:
    return bool(entity_tag.strip('"') == key.etag.strip('"'))


def _changed(key: Any, since: str) -> bool:
    moment = parse_date(since)
    if moment is None:
        return True
    # HTTP dates have whole seconds, and moto's datetimes are naive UTC.
    return bool(key.last_modified.replace(microsecond=0, tzinfo=UTC) > moment)


def _failed(condition: str) -> AwsError:
    text = "At least one of the pre-conditions you specified did not hold"
    return AwsError("PreconditionFailed", text, 412, {"Condition": condition})


def _not_implied(header: str) -> AwsError:
    text = "A header you provided implies functionality that is not implemented"
    return AwsError("NotImplemented", text, 501, {"Header": header})
