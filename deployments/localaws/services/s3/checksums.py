"""The checksums of objects and parts: computed where Python can, compared with what clients declare, and kept.

CRC32C and CRC64NVME need the package `awscrt` (boto3[crt]); without it they are kept as declared, unchecked, like those
of the XXHASH family.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from moto.core.compat import HAS_CRT
from moto.s3.exceptions import S3ClientError

from localaws.errors import AwsError

COMPOSITE, FULL_OBJECT = "COMPOSITE", "FULL_OBJECT"
# Python in FIPS mode refuses MD5 and SHA-1 unless they are declared as not used for security.
_ALGORITHMS: dict[str, Callable[[bytes], bytes]] = {
    "CRC32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "SHA1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "SHA256": lambda body: hashlib.sha256(body).digest(),
    "SHA512": lambda body: hashlib.sha512(body).digest(),
    "MD5": lambda body: hashlib.md5(body, usedforsecurity=False).digest(),
}
if HAS_CRT:
    from awscrt import checksums  # type: ignore[import-not-found]

    _ALGORITHMS["CRC32C"] = lambda body: checksums.crc32c(body).to_bytes(4, "big")
    _ALGORITHMS["CRC64NVME"] = lambda body: checksums.crc64nvme(body).to_bytes(8, "big")
NAMES = ("CRC32", "SHA1", "SHA256", "CRC32C", "CRC64NVME", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128")
# The trailers of an aws-chunked body come last.
_TRAILER_BYTES = 1024


class Checksum(NamedTuple):
    """A checksum as S3 returns it; the algorithm is empty if there is none."""

    algorithm: str
    value: str | None

    @property
    def header(self) -> str:
        """The name of its header."""
        return f"x-amz-checksum-{self.algorithm.lower()}"

    @property
    def member(self) -> dict[str, str]:
        """Its member in a response document; empty if there is no checksum."""
        return {f"Checksum{self.algorithm}": self.value} if self.value else {}


NONE = Checksum("", None)


def computable(algorithm: str | None) -> bool:
    """True if checksums of the algorithm can be computed here."""
    return algorithm in _ALGORITHMS


def compute(body: bytes, algorithm: str, encode_base64: bool = True) -> bytes:
    """The body's checksum; refuse an algorithm that cannot be computed here, where moto silently uses another."""
    if not computable(algorithm):
        raise AwsError("NotImplemented", f"The embedded AWS needs awscrt (boto3[crt]) to compute {algorithm}.", 501)
    digest = _ALGORITHMS[algorithm](body)
    return base64.b64encode(digest) if encode_base64 else digest


def checked(headers: Mapping[str, str], body: bytes, raw_body: bytes) -> Checksum:
    """The checksum that the client declared or asked for; raise S3's error if the body has another."""
    if (declared := headers.get("content-md5")) is not None:
        _check_md5(declared, body)
    check_algorithm(headers.get("x-amz-sdk-checksum-algorithm"))
    algorithm, value = _declared(headers, raw_body)
    if not computable(algorithm):
        return Checksum(algorithm, value) if value is not None else NONE
    computed = compute(body, algorithm).decode()
    if value is not None and value != computed:
        if len(_decoded(value)) != len(_decoded(computed)):
            raise S3ClientError("InvalidRequest", f"Value for x-amz-checksum-{algorithm.lower()} header is invalid.")
        raise bad_digest(algorithm)
    return Checksum(algorithm, computed)


def check_algorithm(algorithm: str | None) -> None:
    """Raise S3's error for an unknown algorithm."""
    if algorithm is not None and algorithm.upper() not in NAMES:
        valid = "Please try again with any of the valid types"
        text = f"Checksum algorithm provided is unsupported. {valid}: [{', '.join(NAMES)}]"
        raise S3ClientError("InvalidRequest", text)


def bad_digest(algorithm: str) -> S3ClientError:
    """The error for content with another checksum than the declared one."""
    return S3ClientError("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")


def keep(key: Any, checksum: Checksum, kind: str = FULL_OBJECT, parts: int | None = None) -> None:
    """Store the checksum of an object or a part on moto's key."""
    key.checksum_algorithm, key.checksum_value = checksum.algorithm or None, checksum.value
    key.checksum_type, key.checksum_parts = (kind if checksum.value else None), parts


def told(key: Any) -> Checksum:
    """An object's checksum as S3 returns it; one computed from those of parts ends in their number."""
    if not key.checksum_value or not key.checksum_algorithm:
        return NONE
    suffix = f"-{key.checksum_parts}" if key.checksum_type == COMPOSITE else ""
    return Checksum(key.checksum_algorithm, f"{key.checksum_value}{suffix}")


def _check_md5(declared: str, body: bytes) -> None:
    digest = _decoded(declared)
    if len(digest) != 16:
        raise S3ClientError("InvalidDigest", "The Content-MD5 you specified was invalid.")
    if hashlib.md5(body, usedforsecurity=False).digest() != digest:
        raise S3ClientError("BadDigest", "The Content-MD5 you specified did not match what we received.")


def _declared(headers: Mapping[str, str], raw_body: bytes) -> tuple[str, str | None]:
    """The declared algorithm and checksum; moto finds a trailer anywhere in the body, even in a text about trailers."""
    found = [(name, headers[header]) for name in NAMES if (header := f"x-amz-checksum-{name.lower()}") in headers]
    if len(found) > 1:
        text = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        raise S3ClientError("InvalidRequest", text)
    if found:
        return found[0]
    trailer = headers.get("x-amz-trailer", "").lower()
    algorithm = trailer.removeprefix("x-amz-checksum-").upper()
    if algorithm in NAMES:
        trailers = re.findall(rb"\n?%b:([^\r\n]+)" % trailer.encode(), raw_body[-_TRAILER_BYTES:])
        return algorithm, trailers[-1].decode().strip() if trailers else None
    return headers.get("x-amz-sdk-checksum-algorithm", "").upper(), None


def _decoded(digest: str) -> bytes:
    try:
        return base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError):
        return b""
