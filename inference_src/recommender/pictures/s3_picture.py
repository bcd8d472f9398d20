"""Fetching the picture of an `image_s3_uri`, from the allowed places only."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recommender.errors import RequestError, shown
from recommender.pictures.image import MAX_IMAGE_BYTES

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

ALLOWED_PREFIXES_VARIABLE = "STYGIG_ALLOWED_S3_PREFIXES"
CONNECT_TIMEOUT_SECONDS = 2
READ_TIMEOUT_SECONDS = 10
FETCH_SECONDS = 20  # for reading the whole picture
PART_BYTES = 2 * 1024  # a read blocks until it has all of them: with small parts it ends soon after FETCH_SECONDS
ATTEMPTS = 3
MAX_KEY_BYTES = 1024  # S3's own limit
MOST_PLACES_SHOWN = 3

LATER = "try again later"
ASK = "trying again won't help: ask whoever runs this endpoint, or send the picture as image"
_ADVICE = {
    "InvalidObjectState": "it is archived: restore it first, or send the picture as image",
    "RequestTimeout": LATER,  # S3 gives it status 400, although it is worth another try
}


@dataclass(frozen=True, slots=True)
class Location:
    """A bucket and a key, or a bucket and a key prefix that ends in a slash."""

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> Location:
        """The location of an s3:// URI; ValueError if it isn't one."""
        scheme, _, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise ValueError(f"{shown(uri)} isn't of the form s3://bucket/key")
        return cls(bucket, key)

    @property
    def uri(self) -> str:
        """The s3:// URI of this location."""
        return f"s3://{self.bucket}/{self.key}"

    def holds(self, other: Location) -> bool:
        """True if `other` lies below this prefix and has no . or .. in its path, which a proxy might resolve."""
        below = self.bucket == other.bucket and other.key.startswith(self.key) and other.key != self.key
        return below and {".", ".."}.isdisjoint(other.key.split("/"))


def allowed_prefixes(environment: Mapping[str, str]) -> tuple[Location, ...]:
    """The places that pictures may be fetched from; none if the variable is unset or empty."""
    given = [each.strip() for each in environment.get(ALLOWED_PREFIXES_VARIABLE, "").split(",")]
    try:
        found = [Location.of(each) for each in given if each]
    except ValueError as error:
        message = f"{ALLOWED_PREFIXES_VARIABLE}: {error}; give s3://bucket/prefix/, separated by commas."
        raise ValueError(message) from error
    # s3://bucket/pictures must not let s3://bucket/pictures-of-others through
    return tuple(
        each if each.key in ("", "/") or each.key.endswith("/") else Location(each.bucket, f"{each.key}/")
        for each in found
    )


def fetch(uri: str, allowed: tuple[Location, ...]) -> bytes:
    """Fetch the object's bytes; RequestError says why that failed."""
    location = _parsed(uri)
    if not any(prefix.holds(location) for prefix in allowed):
        raise _not_allowed(uri, allowed)
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = _client().get_object(Bucket=location.bucket, Key=location.key)
        # closing an unread body drops its connection; the body's own `with` would give urllib3's stream and errors
        with contextlib.closing(answer["Body"]) as body:
            _check_length(uri, answer.get("ContentLength", 0))
            return b"".join(_parts(uri, body))
    except ClientError as error:
        raise _refused(uri, error.response) from error
    except BotoCoreError as error:
        raise _unanswered(uri, error) from error


def _parts(uri: str, body: StreamingBody) -> Iterator[bytes]:
    """Yield the body in small parts, since the time is only checked between them; RequestError if it takes too long."""
    started, length = time.monotonic(), 0
    while part := body.read(PART_BYTES):
        length += len(part)
        _check_length(uri, length)
        if (waited := time.monotonic() - started) > FETCH_SECONDS:
            raise _unavailable(uri, f"{length:,} bytes in {waited:.1f} s", LATER)
        yield part


def _parsed(uri: str) -> Location:
    try:
        location = Location.of(uri)
    except ValueError as error:
        raise RequestError("invalid_image_s3_uri", f"image_s3_uri {error}.") from error
    if not location.key:
        raise RequestError(
            "invalid_image_s3_uri", f"image_s3_uri {shown(uri)} names a bucket but no key: give s3://bucket/key."
        )
    try:
        length = len(location.key.encode())
    except UnicodeEncodeError as error:  # JSON may hold half of a surrogate pair
        message = f"image_s3_uri {shown(uri)} isn't Unicode text: send the key as S3 lists it."
        raise RequestError("invalid_image_s3_uri", message) from error
    if length > MAX_KEY_BYTES:
        message = (
            f"image_s3_uri {shown(uri)} has a key of {length:,} bytes; S3 takes {MAX_KEY_BYTES:,}: give a shorter one."
        )
        raise RequestError("invalid_image_s3_uri", message)
    return location


def _check_length(uri: str, length: int) -> None:
    if length > MAX_IMAGE_BYTES:
        message = f"{shown(uri)} has more than {MAX_IMAGE_BYTES:,} bytes, which is the limit: send a smaller picture."
        raise RequestError("image_too_large", message)


def _not_allowed(uri: str, allowed: tuple[Location, ...]) -> RequestError:
    if allowed:
        places = ", ".join(shown(each.uri) for each in allowed[:MOST_PLACES_SHOWN])
        more = f" and {len(allowed) - MOST_PLACES_SHOWN} more" if len(allowed) > MOST_PLACES_SHOWN else ""
        why = f"lies outside of what this endpoint may read, {places}{more}: put the picture there, or send it as image"
    else:
        why = "can't be read: this endpoint takes no pictures from S3; send the picture as image"
    return RequestError("image_s3_uri_not_allowed", f"{shown(uri)} {why}.")


def _refused(uri: str, response: Mapping[str, object]) -> RequestError:
    """The error for an answer from S3 that isn't the object."""
    details = response.get("Error")
    code = str(details.get("Code", "")) if isinstance(details, Mapping) else ""
    if code in ("NoSuchKey", "NoSuchBucket", "404"):  # botocore takes the status as the code of an empty answer
        message = f"{shown(uri)} doesn't exist ({code}): check its spelling, or upload it first."
        return RequestError("image_s3_uri_not_found", message)
    if code in ("AccessDenied", "403", "AllAccessDisabled"):
        # S3 answers this for a missing key, too, if the role lacks s3:ListBucket
        why = "the key doesn't exist, or the endpoint's role lacks s3:GetObject or the object's KMS key"
        message = f"Access to {shown(uri)} is denied: {why}. Check its spelling, or ask whoever runs this endpoint."
        return RequestError("image_s3_uri_denied", message)
    metadata = response.get("ResponseMetadata")
    status = metadata.get("HTTPStatusCode", 500) if isinstance(metadata, Mapping) else 500
    return _unavailable(uri, code or f"HTTP {status}", _ADVICE.get(code, LATER if status >= 500 else ASK))


def _unanswered(uri: str, error: BotoCoreError) -> RequestError:
    """The error if S3 wasn't asked or didn't answer in full; without botocore's text, which may name internal hosts."""
    from botocore.exceptions import ConnectionError as NoConnectionError
    from botocore.exceptions import HTTPClientError, IncompleteReadError

    passing = isinstance(error, NoConnectionError | HTTPClientError | IncompleteReadError)
    return _unavailable(uri, type(error).__name__, LATER if passing else ASK)


def _unavailable(uri: str, why: str, advice: str) -> RequestError:
    return RequestError("image_s3_uri_unavailable", f"{shown(uri)} couldn't be fetched ({why}); {advice}.")


@functools.lru_cache(maxsize=1)
def _client() -> S3Client:
    """The process's S3 client; boto3's clients may be shared between threads."""
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    config = Config(connect_timeout=CONNECT_TIMEOUT_SECONDS, read_timeout=READ_TIMEOUT_SECONDS, retries=retries)  # type: ignore[arg-type]
    # boto3 itself reads only AWS_DEFAULT_REGION
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("SAGEMAKER_REGION")
    return boto3.client("s3", region_name=region, config=config)
