"""Multipart uploads in progress: found by key and ID, listed in pages, aborted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.s3.exceptions import InvalidMaxPartArgument, NoSuchUpload
from moto.s3.models import OWNER, S3Backend
from moto.s3.responses import S3Response

from localaws.errors import AwsError
from localaws.services.s3.checksums import COMPOSITE, FULL_OBJECT, check_algorithm

_create = S3Backend.create_multipart_upload
_abort = S3Response.abort_multipart_upload
# S3 has no such checksums: a type and an algorithm that do not go together.
_NO_KINDS = ((FULL_OBJECT, "SHA1"), (FULL_OBJECT, "SHA256"), (COMPOSITE, "CRC64NVME"))
_MOST = 1000
_HIGHEST = 2**31 - 1


def apply() -> None:
    """Patch moto with the functions of this module."""
    S3Backend.create_multipart_upload = create_multipart_upload
    S3Response.abort_multipart_upload = abort_multipart_upload
    S3Response.list_multipart_uploads = list_multipart_uploads


def upload_of(response: Any, upload_id: str) -> Any:
    """The upload in progress with that ID and the request's key; raise NoSuchUpload if there is none."""
    upload = response.backend.get_bucket(response.bucket_name).multiparts.get(upload_id)
    if upload is None or upload.key_name != response.parse_key_name():
        raise NoSuchUpload(upload_id)
    return upload


def algorithm_of(upload: Any) -> str:
    """The algorithm of the checksums of the upload's parts; empty if it was started without one."""
    return str(upload.metadata.get("x-amz-checksum-algorithm", "")).upper()


def is_composite(upload: Any) -> bool:
    """True if the object's checksum will be computed from its parts' checksums."""
    usual = FULL_OBJECT if algorithm_of(upload) == "CRC64NVME" else COMPOSITE
    return bool(algorithm_of(upload)) and upload.metadata.get("x-amz-checksum-type", usual) == COMPOSITE


def check_checksum(headers: Mapping[str, str]) -> None:
    """Raise S3's error for an upload that asks for a checksum type or algorithm that does not exist."""
    algorithm, kind = headers.get("x-amz-checksum-algorithm"), headers.get("x-amz-checksum-type")
    check_algorithm(algorithm)
    if kind is None:
        return
    if algorithm is None:
        needed = "can only be used with the x-amz-checksum-algorithm header"
        raise AwsError("InvalidRequest", f"The x-amz-checksum-type header {needed}.")
    if kind not in (COMPOSITE, FULL_OBJECT):
        raise AwsError("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
    if (kind, algorithm.upper()) in _NO_KINDS:
        what = f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        raise AwsError("InvalidRequest", what)


def create_multipart_upload(backend: Any, bucket_name: str, key_name: str, *more: Any, **named: Any) -> Any:
    """Start an upload, and note the time."""
    upload = _create(backend, bucket_name, key_name, *more, **named)
    upload.initiated = utcnow()
    return upload


def abort_multipart_upload(response: Any) -> Any:
    """Abort an upload."""
    upload_of(response, response._get_param("uploadId"))
    return _abort(response)


@dataclass(frozen=True)
class _Asked:
    """The uploads that a request wants listed; `after_key` and `after_id` name the last one of the page before."""

    prefix: str
    delimiter: str
    after_key: str
    after_id: str
    most: int
    encodes: bool

    @classmethod
    def of(cls, query: dict[str, list[str]]) -> _Asked:
        asked = {name: values[0] for name, values in query.items()}
        most = asked.get("max-uploads", str(_MOST))
        if not most.isdecimal() or int(most) > _HIGHEST:
            raise InvalidMaxPartArgument("max-uploads", 0, _HIGHEST)
        if asked.get("encoding-type", "url") != "url":
            fields = {"ArgumentName": "encoding-type", "ArgumentValue": asked["encoding-type"]}
            raise AwsError("InvalidArgument", "Invalid Encoding Method specified in Request", 400, fields)
        after_key = asked.get("key-marker", "")
        # S3 ignores the ID of an upload without a key marker.
        after_id = asked.get("upload-id-marker", "") if after_key else ""
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        return cls(prefix, delimiter, after_key, after_id, min(int(most), _MOST), "encoding-type" in asked)

    def told(self, name: str) -> str:
        """A key in the encoding that the request asked for."""
        return quote(name, safe="/") if self.encodes else name

    def rolled_up(self, key_name: str) -> str | None:
        """The common prefix that replaces the key in the list; None if the key itself is listed."""
        # str.partition refuses an empty separator.
        head, found, _ = key_name[len(self.prefix) :].partition(self.delimiter or "\0")
        return f"{self.prefix}{head}{found}" if self.delimiter and found else None

    def rows(self, uploads: Iterable[Any]) -> list[tuple[str, Any | None]]:
        """Pairs of a key and its upload, by key and age; a common prefix appears once, with None for the upload."""
        begun = sorted(uploads, key=lambda upload: (upload.key_name, upload.initiated, upload.id))
        chosen = [upload for upload in begun if upload.key_name.startswith(self.prefix)]
        rows: dict[tuple[str, str], tuple[str, Any | None]] = {}
        for upload in self._not_told_yet(chosen):
            common = self.rolled_up(upload.key_name)
            if common is None:
                rows[upload.key_name, upload.id] = (upload.key_name, upload)
            elif common > self.after_key:
                rows[common, ""] = (common, None)
        return list(rows.values())

    def _not_told_yet(self, uploads: list[Any]) -> list[Any]:
        same = [upload for upload in uploads if upload.key_name == self.after_key]
        ids = [upload.id for upload in same]
        if self.after_id in ids:
            same = same[ids.index(self.after_id) + 1 :]
        else:
            same = [upload for upload in same if self.after_id and upload.id > self.after_id]
        return same + [upload for upload in uploads if upload.key_name > self.after_key]


def list_multipart_uploads(response: Any) -> Any:
    """Answer ListMultipartUploads, one page at a time."""
    asked = _Asked.of(response.querystring)
    rows = asked.rows(response.backend.list_multipart_uploads(response.bucket_name).values())
    page = rows[: asked.most]
    answer = {
        "Bucket": response.bucket_name,
        "KeyMarker": asked.told(asked.after_key),
        "UploadIdMarker": asked.after_id,
        "Prefix": asked.told(asked.prefix) or None,
        "Delimiter": asked.told(asked.delimiter) or None,
        "MaxUploads": asked.most,
        "EncodingType": "url" if asked.encodes else None,
        "IsTruncated": bool(page) and len(rows) > len(page),
        "Uploads": [_described(upload, asked) for _, upload in page if upload is not None],
        "CommonPrefixes": [{"Prefix": asked.told(name)} for name, upload in page if upload is None],
    }
    if answer["IsTruncated"]:
        name, upload = page[-1]
        answer |= {"NextKeyMarker": asked.told(name), "NextUploadIdMarker": upload.id if upload is not None else ""}
    response.data["Action"] = "ListMultipartUploads"
    return response.serialized(ActionResult(answer))


def _described(upload: Any, asked: _Asked) -> dict[str, Any]:
    algorithm = algorithm_of(upload)
    return {
        "Key": asked.told(upload.key_name),
        "UploadId": upload.id,
        "Initiator": {"ID": OWNER},
        "Owner": {"ID": OWNER},
        "StorageClass": upload.storage,
        "Initiated": upload.initiated,
        "ChecksumAlgorithm": algorithm or None,
        "ChecksumType": (COMPOSITE if is_composite(upload) else FULL_OBJECT) if algorithm else None,
    }
