"""moto's S3 objects: any body accepted, ranges and parts read without a full copy, digests checked, AWS's events."""

from __future__ import annotations

import re
from functools import partial
from typing import Any
from urllib.parse import quote_plus

from moto.s3 import notifications, responses
from moto.s3.models import FakeKey
from moto.s3.responses import S3Response
from werkzeug.datastructures import ImmutableMultiDict

from localaws.services.s3 import checksums, conditions, parts

_RANGE = re.compile(r"bytes=[-0-9, ]+")
_setup_class = S3Response.setup_class
_get_object = S3Response.get_object
_put_object = S3Response.put_object
_handle_range_header = S3Response._handle_range_header


def apply() -> None:
    """Patch moto with the functions of this module."""
    S3Response.setup_class = setup_class
    S3Response.get_object = get_object
    S3Response.put_object = put_object
    S3Response._get_checksum = get_checksum
    S3Response._handle_range_header = handle_range_header
    responses.compute_checksum = checksums.compute
    # AWS encodes the keys in its events like form values, except for slashes; moto encodes those too.
    notifications.quote_plus = partial(quote_plus, safe="/")
    _keep_objects_open_while_used()


class RangedObject:
    """An object whose bytes are read only when a range of them is asked for."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._key, name)

    @property
    def value(self) -> Contents:
        """The unread content."""
        return Contents(self._key)


class Contents:
    """The bytes of an object; each slice is read on its own."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def __len__(self) -> int:
        return int(self._key.size)

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(len(self))
        with self._key.lock:
            self._key._value_buffer.seek(start)
            content: bytes = self._key._value_buffer.read(max(0, stop - start))
        return content


def setup_class(response: Any, request: Any, full_url: Any = None, headers: Any = None) -> None:
    """Read the request, with its body as bytes whatever its content type.

    moto parses a body of type application/x-www-form-urlencoded, which is what curl sends, as form fields, and loses
    the order of the fields in a browser's upload form.
    """
    request.get_data(parse_form_data=False)
    request.form = request.files = ImmutableMultiDict()
    _setup_class(response, request, full_url, headers)


def get_object(response: Any) -> Any:
    """Answer GetObject; read only the range or part that is asked for."""
    response.headers = conditions.deciding(response.headers)
    ranged, asked = response.headers.get("range"), response.querystring.pop("partNumber", [None])[0]
    if not ranged and asked is None:
        return _get_object(response)
    if ranged and asked is not None:
        raise parts.range_and_part()
    key, not_modified = response._get_key()
    response._get_key = lambda *_, **__: (RangedObject(key), not_modified)
    return _get_object(response) if asked is None else _part(response, key, asked)


def _part(response: Any, key: Any, asked: str) -> Any:
    part = parts.part_of(key, asked)
    status, headers, body = _get_object(response)
    if status != 200:
        return status, headers, body
    headers = {name: value for name, value in headers.items() if not name.startswith("x-amz-checksum-")}
    with_checksum = response.headers.get("x-amz-checksum-mode") == "ENABLED"
    headers |= parts.part_headers(key, part, with_checksum)
    return 206, headers, body[part.start : part.start + part.size]


def handle_range_header(response: Any, request: Any, response_headers: Any, response_content: Any) -> Any:
    """Cut the range out of the content; S3 ignores a header that is not a byte range."""
    if not _RANGE.fullmatch(request.headers["range"]):
        return 200, response_headers, response_content[:]
    status, headers, body = _handle_range_header(response, request, response_headers, response_content)
    return status, headers, body[:] if isinstance(body, Contents) else body


def put_object(response: Any) -> Any:
    """Store an object whose digests are right, if the existing one is what the caller expects."""
    response.checksum = checksums.checked(response.headers, response.body or b"", response.raw_body)
    with conditions.conditional_write(response):
        status, headers, body = _put_object(response)
        key = response.backend.get_object(response.bucket_name, response.parse_key_name())
    if response.checksum.value and key is not None:
        key.checksum_type = headers["x-amz-checksum-type"] = checksums.FULL_OBJECT
    return status, headers, body


def get_checksum(response: Any, response_headers: dict[str, Any]) -> tuple[str, str | None]:
    """The algorithm and checksum that the client sent, which AWS keeps, or else the checksum that it asked for."""
    checksum = getattr(response, "checksum", None)
    if checksum is None:
        checksum = checksums.checked(response.headers, response.body or b"", response.raw_body)
    if checksum.value is not None:
        response_headers[checksum.header] = checksum.value
    return checksum


def _keep_objects_open_while_used() -> None:
    """Close an object's buffer when it is collected: moto closes it on overwrite, while another request may read it."""
    close = FakeKey.dispose
    FakeKey.dispose = lambda key, garbage=False: None
    FakeKey.__del__ = close
