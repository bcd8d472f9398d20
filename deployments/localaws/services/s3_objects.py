"""moto's S3 objects: any body taken, ranges read without copying all, digests checked, events with AWS's keys."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote_plus

from moto.s3 import notifications
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeKey, FakeMultipart
from moto.s3.responses import S3Response
from werkzeug.datastructures import ImmutableMultiDict

_setup_class = S3Response.setup_class
_get_object = S3Response.get_object
_put_object = S3Response.put_object
_upload_part = S3Response.upload_part
_handle_range_header = S3Response._handle_range_header
_complete = FakeMultipart.complete
# Those of AWS's algorithms that Python has; a checksum of another (CRC32C, CRC64NVME) is kept as it was sent.
_ALGORITHMS: dict[str, Callable[[bytes], bytes]] = {
    "CRC32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "SHA1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "SHA256": lambda body: hashlib.sha256(body).digest(),
}
_NAMES = (*_ALGORITHMS, "CRC32C", "CRC64NVME")
_TRAILER_BYTES = 1024


def apply() -> None:
    """Puts everything in place."""
    S3Response.setup_class = setup_class
    S3Response.get_object = get_object
    S3Response.put_object = put_object
    S3Response.upload_part = upload_part
    S3Response._get_checksum = get_checksum
    S3Response._handle_range_header = handle_range_header
    FakeMultipart.complete = complete
    # AWS encodes the keys in its events as in a form, but leaves the slashes; moto encodes those too.
    notifications.quote_plus = partial(quote_plus, safe="/")
    _keep_objects_open_while_used()


class RangedObject:
    """An object whose bytes are read when a range of them is asked for."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._key, name)

    @property
    def value(self) -> Contents:
        """The content, not read yet."""
        return Contents(self._key)


class Contents:
    """The bytes of an object, of which each slice is read by itself."""

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
    """Reads the request; its body is bytes whatever its type says, but for a browser's upload form.

    moto takes a body of type application/x-www-form-urlencoded, which is what curl sends, for a form's fields.
    """
    if request.method != "POST" or request.mimetype != "multipart/form-data":
        request.get_data(parse_form_data=False)
        request.form = request.files = ImmutableMultiDict()
    _setup_class(response, request, full_url, headers)


def get_object(response: Any) -> Any:
    """Answers GetObject; a range of it without reading the rest."""
    if not response.headers.get("range"):
        return _get_object(response)
    key, not_modified = response._get_key()
    response._get_key = lambda *_, **__: (RangedObject(key), not_modified)
    return _get_object(response)


def handle_range_header(response: Any, request: Any, response_headers: Any, response_content: Any) -> Any:
    """Cuts the range out of the content."""
    status, headers, body = _handle_range_header(response, request, response_headers, response_content)
    return status, headers, body[:] if isinstance(body, Contents) else body


def put_object(response: Any) -> Any:
    """Stores an object whose digests are right."""
    check_digests(response)
    return _put_object(response)


def upload_part(response: Any) -> Any:
    """Stores a part whose digests are right."""
    check_digests(response)
    return _upload_part(response)


def check_digests(response: Any) -> None:
    """Refuses a body which is not the one that its digests were made of."""
    body = response.body or b""
    if (declared := response.headers.get("Content-MD5")) is not None:
        digest = _decoded(declared)
        if len(digest) != 16:
            raise S3ClientError("InvalidDigest", "The Content-MD5 you specified was invalid.")
        if hashlib.md5(body, usedforsecurity=False).digest() != digest:
            raise S3ClientError("BadDigest", "The Content-MD5 you specified did not match what we received.")
    algorithm, value = _declared_checksum(response)
    if value is None or algorithm not in _ALGORITHMS:
        return
    digest, computed = _decoded(value), _ALGORITHMS[algorithm](body)
    if len(digest) != len(computed):
        raise S3ClientError("InvalidRequest", f"Value for x-amz-checksum-{algorithm.lower()} header is invalid.")
    if digest != computed:
        raise S3ClientError("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")


def get_checksum(response: Any, response_headers: dict[str, Any]) -> tuple[str, str | None]:
    """The algorithm and the checksum that the client sent, which AWS keeps; without one, the one it is to compute.

    moto looks for a trailer anywhere in the body, and so finds one in a text about trailers.
    """
    algorithm, value = _declared_checksum(response)
    if value is None and algorithm in _ALGORITHMS:
        value = base64.b64encode(_ALGORITHMS[algorithm](response.body or b"")).decode()
    if value is not None:
        response_headers[f"x-amz-checksum-{algorithm.lower()}"] = value
    return (algorithm, value) if value is not None else ("", None)


def complete(multipart: Any, body: Any) -> Any:
    """Joins the parts, whose content is then in the object; moto keeps it a second time, in a file for every part."""
    joined = _complete(multipart, body)
    for part in multipart.parts.values():
        part.etag  # noqa: B018 - computed from the content, and remembered
        part._value_buffer.close()
        part._value_buffer = io.BytesIO()
    return joined


def _declared_checksum(response: Any) -> tuple[str, str | None]:
    headers = response.headers
    for name in _NAMES:
        if (value := headers.get(f"x-amz-checksum-{name.lower()}")) is not None:
            return name, value
    trailer = headers.get("x-amz-trailer", "").lower()
    algorithm = trailer.removeprefix("x-amz-checksum-").upper()
    if algorithm in _NAMES:
        found = re.findall(rb"\n?%b:([^\r\n]+)" % trailer.encode(), response.raw_body[-_TRAILER_BYTES:])
        return algorithm, found[-1].decode().strip() if found else None
    return headers.get("x-amz-sdk-checksum-algorithm", "").upper(), None


def _decoded(digest: str) -> bytes:
    try:
        return base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _keep_objects_open_while_used() -> None:
    """moto closes an object's buffer when its key is overwritten, while another request may still be reading it."""
    close = FakeKey.dispose
    FakeKey.dispose = lambda key, garbage=False: None
    FakeKey.__del__ = close
