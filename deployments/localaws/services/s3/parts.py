"""Parts of uploads in progress and of multipart objects: listed, read and described."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from moto.core.responses import ActionResult
from moto.s3.models import OWNER
from moto.s3.responses import S3Response

from localaws.errors import AwsError
from localaws.services.s3 import checksums, conditions
from localaws.services.s3.checksums import Checksum
from localaws.services.s3.uploads import algorithm_of, upload_of

_head_object = S3Response.head_object
_HIGHEST = 10_000
_MOST_PARTS = 1000
_ATTRIBUTES = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})


def apply() -> None:
    """Patch moto with the functions of this module; `objects` handles GetObject by part."""
    S3Response.head_object = head_object
    S3Response.get_object_attributes = get_object_attributes
    S3Response.list_parts = list_parts


@dataclass(frozen=True)
class Part:
    """The byte range of an object that one part has become."""

    number: int
    start: int
    size: int
    checksum: Checksum

    @classmethod
    def each(cls, parts: Iterable[Any]) -> tuple[Part, ...]:
        """The byte ranges of moto's parts, in the order in which they are joined."""
        found = list(parts)
        starts = accumulate((part.size for part in found), initial=0)
        return tuple(
            cls(int(part.name), start, part.size, checksums.told(part))
            for part, start in zip(found, starts, strict=False)
        )


def parts_of(key: Any) -> tuple[Part, ...]:
    """The parts that the object was uploaded in; empty for one that was put whole."""
    found: tuple[Part, ...] = getattr(key.multipart, "completed", ())
    return found


def part_of(key: Any, asked: str) -> Part:
    """The part with a number; an object that was put whole is its own first part."""
    if not asked.isdecimal() or not 1 <= int(asked) <= _HIGHEST:
        fields = {"ArgumentName": "partNumber", "ArgumentValue": asked}
        text = f"Part number must be an integer between 1 and {_HIGHEST}, inclusive"
        raise AwsError("InvalidArgument", text, 400, fields)
    whole = Part(1, 0, key.size, checksums.told(key))
    for part in parts_of(key) or (whole,):
        if part.number == int(asked):
            return part
    count = len(parts_of(key)) or 1
    fields = {"PartNumberRequested": asked, "ActualPartCount": str(count)}
    raise AwsError("InvalidPartNumber", "The requested partnumber is not satisfiable", 416, fields)


def part_headers(key: Any, part: Part, with_checksum: bool) -> dict[str, str]:
    """The headers of an answer that contains one part."""
    headers = {"content-length": str(part.size)}
    if key.size:
        headers["content-range"] = f"bytes {part.start}-{part.start + part.size - 1}/{key.size}"
    if parts_of(key):
        headers["x-amz-mp-parts-count"] = str(len(parts_of(key)))
    return {**headers, **(checksum_headers(key, part.checksum) if with_checksum else {})}


def checksum_headers(key: Any, checksum: Checksum) -> dict[str, str]:
    """The headers with the checksum of an object or a part; empty if it has none."""
    if not checksum.value:
        return {}
    return {checksum.header: checksum.value, "x-amz-checksum-type": key.checksum_type or checksums.FULL_OBJECT}


def head_object(response: Any, bucket_name: str, query: dict[str, Any], key_name: str, headers: Any) -> Any:
    """Answer HeadObject, also for a single part."""
    headers = conditions.deciding(headers)
    whole = {name: value for name, value in query.items() if name != "partNumber"}
    status, told, body = _head_object(response, bucket_name, whole, key_name, headers)
    key = response.backend.get_object(bucket_name, key_name, version_id=query.get("versionId", [None])[0])
    if status != 200 or key is None:
        return status, told, body
    with_checksum = headers.get("x-amz-checksum-mode") == "ENABLED"
    if "partNumber" not in query:
        return status, {**told, **(checksum_headers(key, checksums.told(key)) if with_checksum else {})}, body
    if "range" in headers:
        raise range_and_part()
    told = {name: value for name, value in told.items() if not name.startswith("x-amz-checksum-")}
    part = part_of(key, query["partNumber"][0])
    return 206, {**told, **part_headers(key, part, with_checksum)}, body


def range_and_part() -> AwsError:
    """The error for a request that asks for a range and a part."""
    return AwsError("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")


def get_object_attributes(response: Any) -> Any:
    """Answer GetObjectAttributes with the attributes that were asked for."""
    key, _ = response._get_key(validate_storage_class=False)
    asked = {name.strip() for name in response.headers.get("x-amz-object-attributes", "").split(",")}
    if not asked <= _ATTRIBUTES:
        raise AwsError("InvalidArgument", "Invalid attribute name specified.")
    checksum = checksums.told(key)
    found = {
        "ETag": key.etag.strip('"'),
        "Checksum": {**checksum.member, "ChecksumType": key.checksum_type} if checksum.value else None,
        "ObjectParts": _object_parts(response, key) if parts_of(key) else None,
        "StorageClass": key.storage_class,
        "ObjectSize": key.size,
    }
    response.data["Action"] = "GetObjectAttributes"
    answer = {"LastModified": key.last_modified, **{name: found[name] for name in asked}}
    status, headers, body = response.serialized(ActionResult(answer))
    if key.version_id != "null":
        headers["x-amz-version-id"] = key.version_id
    return status, headers, body


def _object_parts(response: Any, key: Any) -> dict[str, Any]:
    parts = parts_of(key)
    marker = int(response.headers.get("x-amz-part-number-marker", 0))
    most = min(int(response.headers.get("x-amz-max-parts", _MOST_PARTS)), _MOST_PARTS)
    after = [part for part in parts if part.number > marker]
    page = after[:most]
    # Without checksums S3 returns only the number of parts.
    listed = [
        {"PartNumber": part.number, "Size": part.size, **part.checksum.member} for part in page if key.checksum_value
    ]
    return {
        "TotalPartsCount": len(parts),
        "PartNumberMarker": marker,
        "NextPartNumberMarker": page[-1].number if page else 0,
        "MaxParts": most,
        "IsTruncated": len(after) > len(page),
        "Parts": listed or None,
    }


def list_parts(response: Any) -> Any:
    """Answer ListParts with the checksums, which a client that resumes an upload needs to complete it."""
    upload_id = response._get_param("uploadId")
    upload, marker = upload_of(response, upload_id), response._get_int_param("part-number-marker", 0)
    most = min(response._get_int_param("max-parts", _MOST_PARTS), _MOST_PARTS)
    after = [part for number, part in sorted(upload.parts.items()) if number > marker]
    page = after[:most]
    answer = {
        "Bucket": response.bucket_name,
        "Key": response.parse_key_name(),
        "UploadId": upload_id,
        "StorageClass": upload.storage,
        "Initiator": {"ID": OWNER},
        "Owner": {"ID": OWNER},
        "PartNumberMarker": marker,
        "NextPartNumberMarker": page[-1].name if page else 0,
        "MaxParts": most,
        "IsTruncated": len(after) > len(page),
        "ChecksumAlgorithm": algorithm_of(upload) or None,
        "Parts": [_listed(part) for part in page],
    }
    response.data["Action"] = "ListParts"
    return response.serialized(ActionResult(answer))


def _listed(part: Any) -> dict[str, Any]:
    told = {"PartNumber": part.name, "LastModified": part.last_modified_ISO8601, "ETag": part.etag, "Size": part.size}
    return {**told, **checksums.told(part).member}
