"""Multipart uploads: each part's checksum is kept, completing refuses what S3 refuses, and the parts stay known.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import xmltodict  # type: ignore[import-untyped]
from moto.core.responses import ActionResult
from moto.s3 import notifications
from moto.s3.exceptions import InvalidMaxPartNumberArgument, InvalidPartOrder, MalformedXML
from moto.s3.responses import S3Response
from moto.settings import S3_UPLOAD_PART_MIN_SIZE

from localaws.errors import AwsError
from localaws.services.s3 import checksums, conditions
from localaws.services.s3.checksums import COMPOSITE, FULL_OBJECT, NONE, Checksum
from localaws.services.s3.parts import Part
from localaws.services.s3.uploads import algorithm_of, check_checksum, is_composite, upload_of

_upload_part = S3Response.upload_part
_upload_part_copy = S3Response.upload_part_copy
_key_response_post = S3Response._key_response_post
_SOURCE_RANGE = "x-amz-copy-source-range"
_PART = "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified "
_PART += "entity tag may not match the part's entity tag."


def apply() -> None:
    """Patch moto with the functions of this module."""
    S3Response.upload_part = upload_part
    S3Response.upload_part_copy = upload_part_copy
    S3Response._key_response_post = key_response_post


def upload_part(response: Any) -> Any:
    """Store a part whose checksums are right and of the upload's algorithm."""
    upload, number = upload_of(response, response._get_param("uploadId")), response._get_int_param("partNumber")
    if number < 1:
        raise InvalidMaxPartNumberArgument(number)
    checksum = checksums.checked(response.headers, response.body or b"", response.raw_body)
    algorithm = algorithm_of(upload)
    if algorithm and checksum.algorithm != algorithm and (checksum.algorithm or is_composite(upload)):
        found = checksum.algorithm.lower() or "null"
        text = f"Checksum Type mismatch occurred, expected checksum Type: {algorithm.lower()}, actual checksum Type:"
        raise AwsError("InvalidRequest", f"{text} {found}")
    response.checksum = checksum
    answer = _upload_part(response)
    checksums.keep(upload.parts[number], checksum)
    return _encrypted(answer, response)


def upload_part_copy(response: Any) -> Any:
    """Copy a part if its source meets the conditions, and compute its checksum."""
    upload = upload_of(response, response._get_param("uploadId"))
    source = conditions.copy_source(response)
    if source is None:
        key = unquote(urlsplit(response.headers["x-amz-copy-source"]).path).lstrip("/").partition("/")[2]
        raise AwsError("NoSuchKey", "The specified key does not exist.", 404, {"Key": key})
    conditions.check_source(response.headers, source)
    _check_source_range(response.headers.get(_SOURCE_RANGE), source.size)
    _, headers, _ = _upload_part_copy(response)
    part = upload.parts[response._get_int_param("partNumber")]
    algorithm = algorithm_of(upload)
    if checksums.computable(algorithm):
        checksums.keep(part, Checksum(algorithm, checksums.compute(part.value, algorithm).decode()))
    result = {"LastModified": part.last_modified_ISO8601, "ETag": part.etag, **checksums.told(part).member}
    status, fresh, body = response.serialized(ActionResult({"CopyPartResult": result}))
    return _encrypted((status, {**headers, **fresh, "content-length": str(len(body))}, body), response)


def _check_source_range(asked: str | None, size: int) -> None:
    """Refuse a malformed range and one beyond the source's end; moto copies the whole source, or what there is."""
    if asked is None:
        return
    fields = {"ArgumentName": _SOURCE_RANGE, "ArgumentValue": asked}
    match = re.fullmatch(r"bytes=([0-9]+)-([0-9]+)", asked)
    if match is None or int(match[1]) > int(match[2]):
        of_the_form = "of the form bytes=first-last where first and last are the zero-based offsets of the first and"
        text = f"The {_SOURCE_RANGE} value must be {of_the_form} last bytes to copy"
        raise AwsError("InvalidArgument", text, 400, fields)
    if int(match[2]) >= size:
        text = f"Range specified is not valid for source object of size: {size}"
        raise AwsError("InvalidArgument", text, 400, fields)


def key_response_post(
    response: Any, request: Any, body: bytes, bucket_name: str, query: dict[str, Any], key_name: str
) -> Any:
    """Start or complete an upload, and leave other posts to a key to moto."""
    if query.get("uploadId"):
        response._set_action("KEY", "POST", query)
        response._authenticate_and_authorize_s3_action(bucket_name=bucket_name, key_name=key_name)
        return complete(response, bucket_name, query["uploadId"][0], key_name)
    if "uploads" in query:
        check_checksum(response.headers)
    answer = _key_response_post(response, request, body, bucket_name, query, key_name)
    return _encrypted(answer, response) if "uploads" in query else answer


def complete(response: Any, bucket_name: str, upload_id: str, key_name: str) -> Any:
    """Join the parts; completing the upload again gives the same answer."""
    existing = response.backend.get_object(bucket_name, key_name)
    if existing is not None and existing.multipart is not None and existing.multipart.id == upload_id:
        return _completed(response, bucket_name, existing)
    with conditions.conditional_write(response):
        upload = upload_of(response, upload_id)
        parts = _claimed(upload, upload_id, response.body)
        _check_claims(response.headers, upload, parts)
        return _completed(response, bucket_name, _join(response, bucket_name, upload, parts))


def _check_claims(headers: Mapping[str, str], upload: Any, parts: list[Any]) -> None:
    """Refuse a request that states another size or checksum type of the object than the upload has."""
    size, claimed = sum(part.size for part in parts), headers.get("x-amz-mp-object-size")
    if claimed is not None and claimed != str(size):
        what = f"The provided 'x-amz-mp-object-size' header value {claimed} does not match what was computed: {size}"
        raise AwsError("InvalidRequest", what)
    kind = COMPOSITE if is_composite(upload) else FULL_OBJECT
    if headers.get("x-amz-checksum-type", kind) != kind:
        needed = "The complete request must use the same checksum mode."
        raise AwsError("InvalidRequest", f"The upload was created using the {kind} checksum mode. {needed}")


def _claimed(upload: Any, upload_id: str, body: bytes) -> list[Any]:
    """The parts that the request lists; refuse parts that differ from the uploaded ones."""
    document = xmltodict.parse(body, force_list=("Part",)).get("CompleteMultipartUpload") or {}
    claims = document.get("Part", [])
    if not claims or any("PartNumber" not in claim or "ETag" not in claim for claim in claims):
        raise MalformedXML
    numbers = [int(claim["PartNumber"]) for claim in claims]
    if numbers != sorted(set(numbers)):
        raise InvalidPartOrder
    parts = [_part(upload, upload_id, number, claim) for number, claim in zip(numbers, claims, strict=True)]
    # Only the last part may be smaller than 5 MiB.
    for number, part in list(zip(numbers, parts, strict=True))[:-1]:
        if part.size < S3_UPLOAD_PART_MIN_SIZE:
            fields = {"ETag": part.etag.strip('"'), "MinSizeAllowed": S3_UPLOAD_PART_MIN_SIZE}
            fields |= {"ProposedSize": part.size, "PartNumber": number}
            raise AwsError(
                "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", 400, fields
            )
    return parts


def _part(upload: Any, upload_id: str, number: int, claim: Mapping[str, str]) -> Any:
    part, algorithm = upload.parts.get(number), algorithm_of(upload)
    told = claim.get(f"Checksum{algorithm}")
    if algorithm and told is None and is_composite(upload):
        created = f"The upload was created using a {algorithm.lower()} checksum."
        needed = f"The complete request must include the checksum for each part. It was missing for part {number} in"
        raise AwsError("InvalidRequest", f"{created} {needed} the request.")
    matches = part is not None and part.etag.strip('"') == claim["ETag"].strip('"')
    if not matches or (told is not None and part.checksum_value not in (None, told)):
        fields = {"UploadId": upload_id, "PartNumber": number, "ETag": claim["ETag"].strip('"')}
        raise AwsError("InvalidPart", _PART, 400, fields)
    return part


def _join(response: Any, bucket_name: str, upload: Any, parts: list[Any]) -> Any:
    backend, bucket = response.backend, response.backend.get_bucket(bucket_name)
    content = b"".join(part.value for part in parts)
    checksum, kind = _checksum(response.headers, upload, parts, content)
    # S3's entity tag of a multipart object is the MD5 of its parts' MD5s, followed by their number.
    digests = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
    key = backend.put_object(
        bucket_name,
        upload.key_name,
        content,
        storage=upload.storage,
        etag=f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}",
        multipart=upload,
        encryption=upload.sse_encryption,
        kms_key_id=upload.kms_key_id,
        disable_notification=True,  # S3 sends one event, for the completed upload
    )
    del bucket.multiparts[upload.id]
    key.set_metadata(upload.metadata)
    checksums.keep(key, checksum, kind, len(parts))
    backend.put_object_tagging(key, upload.tags)
    if upload.acl is not None:
        key.set_acl(upload.acl)
    upload.completed = Part.each(parts)
    _forget_contents(upload)
    event = notifications.S3NotificationEvent.OBJECT_CREATED_COMPLETE_MULTIPART_UPLOAD_EVENT
    notifications.send_event(backend.account_id, event, bucket, key)
    return key


def _checksum(headers: Any, upload: Any, parts: list[Any], content: bytes) -> tuple[Checksum, str]:
    algorithm = algorithm_of(upload)
    kind = COMPOSITE if is_composite(upload) else FULL_OBJECT
    declared = headers.get(f"x-amz-checksum-{algorithm.lower()}") if algorithm else None
    if not checksums.computable(algorithm):
        return (Checksum(algorithm, declared) if declared and kind == FULL_OBJECT else NONE), kind
    if kind == COMPOSITE:
        content = b"".join(base64.b64decode(part.checksum_value) for part in parts)
    value = checksums.compute(content, algorithm).decode()
    if declared is not None and declared.partition("-")[0] != value:
        raise checksums.bad_digest(algorithm)
    return Checksum(algorithm, value), kind


def _forget_contents(upload: Any) -> None:
    """Free the parts' content, which the object contains now; moto keeps it a second time, in a file per part."""
    for part in upload.parts.values():
        part._value_buffer.close()
        part._value_buffer = io.BytesIO()


def _completed(response: Any, bucket_name: str, key: Any) -> Any:
    headers = {name: value for name, value in key.response_dict.items() if "encryption" in name}
    if key.version_id != "null":
        headers["x-amz-version-id"] = key.version_id
    location = f"http://{bucket_name}.s3.amazonaws.com/{key.name}"
    answer = {"Location": location, "Bucket": bucket_name, "Key": key.name, "ETag": key.etag}
    checksum = checksums.told(key)
    if checksum.value:
        answer |= {**checksum.member, "ChecksumType": key.checksum_type}
    response.data["Action"] = "CompleteMultipartUpload"
    status, told, body = response.serialized(ActionResult(answer))
    return status, {**told, **headers}, body


def _encrypted(answer: Any, response: Any) -> Any:
    """The answer with a header for the bucket's default encryption, unless it has one already."""
    status, headers, body = answer
    rule = (response.backend.get_bucket(response.bucket_name).encryption or {}).get("Rule", {})
    algorithm = rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm")
    if algorithm:
        headers.setdefault("x-amz-server-side-encryption", algorithm)
    return status, headers, body
