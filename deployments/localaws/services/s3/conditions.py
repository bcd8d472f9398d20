"""Writes, deletions and copies that go ahead only when an object is as the caller believes it to be.

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
# Of several writers that want there to be nothing yet, one wins.
_one_at_a_time = threading.RLock()


def apply() -> None:
    """Puts everything in place; puts are in `s3_objects`, completed uploads in `s3_multipart`."""
    S3Response.copy_object = copy_object
    S3Response.delete_object = delete_object
    S3Response._bucket_response_delete_keys = bucket_response_delete_keys
    S3Backend.copy_object = copy_in_backend


@contextmanager
def conditional_write(response: Any) -> Iterator[None]:
    """Lets a write go ahead if its conditions hold, and none with conditions between the look and the write."""
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
    """Deletes an object, if it is the one that the caller means."""
    if present := [name for name in _FOR_DIRECTORIES if name in response.headers]:
        raise _not_implied(present[0])
    with conditional_write(response):
        if response.headers.get("If-Match") == "*":  # for moto, an entity tag
            response.headers = Headers([pair for pair in response.headers if pair[0].lower() != "if-match"])
        return _delete_object(response)


def bucket_response_delete_keys(response: Any, bucket_name: str, authenticated: bool = True) -> Any:
    """Deletes many objects; conditions on single ones, which moto would not see, are refused."""
    if b"<ETag>" in response.body:
        raise AwsError("NotImplemented", "The embedded AWS does not implement DeleteObjects with ETag.", 501)
    return _delete_keys(response, bucket_name, authenticated)


def copy_object(response: Any) -> Any:
    """Copies an object, if source and target are as the caller believes."""
    checksums.check_algorithm(response.headers.get("x-amz-checksum-algorithm"))
    source = copy_source(response)
    if source is not None:
        check_source(response.headers, source)
        _refuse_pointless(response, source)
    with conditional_write(response):
        status, headers, body = _copy_object(response)
    headers.pop("Checksum", None)
    return status, headers, body


def copy_in_backend(backend: Any, src_key: Any, dest_bucket_name: str, dest_key_name: str, **more: Any) -> None:
    """Copies the content; the copy is one piece, whatever parts its source had, and so is its checksum."""
    _copy_in_backend(backend, src_key, dest_bucket_name, dest_key_name, **more)
    copy = backend.get_object(dest_bucket_name, dest_key_name)
    copy.multipart = None
    checksum = checksums.told(src_key)
    if src_key.checksum_type == checksums.COMPOSITE:
        value = checksums.compute(copy.value, checksum.algorithm).decode()
        checksum = Checksum(checksum.algorithm, value)
    checksums.keep(copy, checksum)


def copy_source(response: Any) -> Any | None:
    """The object that a request copies from; None where there is none."""
    parts = urlsplit(response.headers["x-amz-copy-source"])
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    version = parse_qs(parts.query).get("versionId", [None])[0]
    return response.backend.get_object(bucket, key, version_id=version)


def check_source(headers: Mapping[str, str], source: Any) -> None:
    """Raises PreconditionFailed where the source is not as wanted; entity tags count before dates, as in HTTP."""
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
    """The headers with only those conditions of a read that decide it, as moto reads them.

    As in HTTP, an entity tag decides where a date comes with it, and a date that is none is ignored.
    """
    told = Headers([pair for pair in headers if pair[0].lower() not in _OF_READS])
    for by_tag, by_date in (("If-Match", "If-Unmodified-Since"), ("If-None-Match", "If-Modified-Since")):
        if (tag := headers.get(by_tag)) is not None:
            told[by_tag] = tag if tag == "*" else f'"{tag.strip(chr(34))}"'
        elif (moment := parse_date(headers.get(by_date))) is not None:
            told[by_date] = http_date(moment)
    return told


def _refuse_pointless(response: Any, source: Any) -> None:
    """moto takes a bucket's default encryption, which every bucket has, for a change."""
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
    return bool(key.last_modified.replace(microsecond=0, tzinfo=UTC) > moment)


def _failed(condition: str) -> AwsError:
    text = "At least one of the pre-conditions you specified did not hold"
    return AwsError("PreconditionFailed", text, 412, {"Condition": condition})


def _not_implied(header: str) -> AwsError:
    text = "A header you provided implies functionality that is not implemented"
    return AwsError("NotImplemented", text, 501, {"Header": header})
