"""Writes, copies and deletions that happen only if an object is as the caller believes."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployments.localaws.callers import code, error
from tests.deployments.localaws.cloud import BUCKET, Cloud
from tests.deployments.localaws.plain_http import send

OBJECT = {"Bucket": BUCKET, "Key": "key"}
SOURCE = {"Bucket": BUCKET, "Key": "source"}
COPY = {**OBJECT, "CopySource": SOURCE}
OTHER = '"00000000000000000000000000000000"'
AGO, AHEAD = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    return cloud.s3


@pytest.fixture
def etag(s3: Any) -> str:
    """The entity tag of the object that is copied from."""
    return str(s3.put_object(**SOURCE, Body=b"source")["ETag"])


def status(call: Any, **asked: Any) -> int:
    """The HTTP status of a read."""
    try:
        return int(call(**SOURCE, **asked)["ResponseMetadata"]["HTTPStatusCode"])
    except ClientError as refused:
        return int(refused.response["ResponseMetadata"]["HTTPStatusCode"])


@pytest.mark.parametrize("operation", ["get_object", "head_object"])
def test_of_an_entity_tag_and_a_date_the_tag_decides_whether_an_object_is_read(
    s3: Any, etag: str, operation: str
) -> None:
    read, bare = getattr(s3, operation), etag.strip('"')
    for asked, expected in (
        ({"IfMatch": etag, "IfUnmodifiedSince": AGO}, 200),
        ({"IfMatch": OTHER, "IfUnmodifiedSince": AHEAD}, 412),
        ({"IfNoneMatch": OTHER, "IfModifiedSince": AHEAD}, 200),
        ({"IfNoneMatch": etag, "IfModifiedSince": AGO}, 304),
        ({"IfUnmodifiedSince": AGO}, 412),
        ({"IfUnmodifiedSince": AHEAD}, 200),
        ({"IfModifiedSince": AHEAD}, 304),
        ({"IfModifiedSince": AGO}, 200),
        ({"IfMatch": bare, "IfNoneMatch": OTHER}, 200),
        ({"IfMatch": bare}, 200),
        ({"IfNoneMatch": bare}, 304),
        ({"IfMatch": etag, "IfUnmodifiedSince": AGO, "Range": "bytes=0-1"}, 206),
    ):
        assert status(read, **asked) == expected, asked


def test_a_date_that_is_none_is_ignored(s3: Any, etag: str) -> None:
    link = s3.generate_presigned_url("get_object", Params=SOURCE)
    for name in ("If-Modified-Since", "If-Unmodified-Since"):
        assert send("GET", link, headers={name: "yesterday"}).status == 200


def content(s3: Any) -> bytes | None:
    try:
        body: bytes = s3.get_object(**OBJECT)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    return body


def test_a_copy_whose_source_is_another_than_wanted_is_refused(s3: Any, etag: str) -> None:
    refusing: list[dict[str, Any]] = [
        {"CopySourceIfMatch": OTHER},
        {"CopySourceIfNoneMatch": etag},
        {"CopySourceIfModifiedSince": AHEAD},
        {"CopySourceIfUnmodifiedSince": AGO},
        {"CopySourceIfMatch": OTHER, "CopySourceIfUnmodifiedSince": AHEAD},
        {"CopySourceIfNoneMatch": etag, "CopySourceIfModifiedSince": AGO},
    ]
    for conditions in refusing:
        refused = error(s3.copy_object, **COPY, **conditions)
        assert (code(refused), refused.response["ResponseMetadata"]["HTTPStatusCode"]) == ("PreconditionFailed", 412)
    assert content(s3) is None


def test_a_copy_whose_source_is_as_wanted_is_made(s3: Any, etag: str) -> None:
    permitting: list[dict[str, Any]] = [
        {"CopySourceIfMatch": etag},
        {"CopySourceIfMatch": etag.strip('"')},
        {"CopySourceIfNoneMatch": OTHER},
        {"CopySourceIfModifiedSince": AGO},
        {"CopySourceIfUnmodifiedSince": AHEAD},
        {"CopySourceIfMatch": etag, "CopySourceIfUnmodifiedSince": AGO},
        {"CopySourceIfNoneMatch": OTHER, "CopySourceIfModifiedSince": AHEAD},
    ]
    for conditions in permitting:
        s3.copy_object(**COPY, **conditions)
        assert content(s3) == b"source"
        s3.delete_object(**OBJECT)


def test_a_write_to_a_key_that_is_taken_is_refused(s3: Any, etag: str) -> None:
    s3.put_object(**OBJECT, Body=b"first", IfNoneMatch="*")
    assert code(error(s3.put_object, **OBJECT, Body=b"second", IfNoneMatch="*")) == "PreconditionFailed"
    assert code(error(s3.copy_object, **COPY, IfNoneMatch="*")) == "PreconditionFailed"
    upload, parts = begun(s3)
    refused = error(s3.complete_multipart_upload, **upload, MultipartUpload=parts, IfNoneMatch="*")
    assert code(refused) == "PreconditionFailed"
    assert content(s3) == b"first"
    s3.delete_object(**OBJECT)
    s3.complete_multipart_upload(**upload, MultipartUpload=parts, IfNoneMatch="*")
    assert content(s3) == b"part"


def test_a_write_over_another_object_than_known_is_refused(s3: Any, etag: str) -> None:
    upload, parts = begun(s3)
    completing = {**upload, "MultipartUpload": parts}
    writes: list[tuple[Any, dict[str, Any]]] = [
        (s3.put_object, {**OBJECT, "Body": b"new"}),
        (s3.copy_object, COPY),
        (s3.complete_multipart_upload, completing),
    ]
    for write, request in writes:
        assert code(error(write, **request, IfMatch=OTHER)) == "NoSuchKey"
    known = s3.put_object(**OBJECT, Body=b"known")["ETag"]
    for write, request in writes:
        assert code(error(write, **request, IfMatch=OTHER)) == "PreconditionFailed"
        assert content(s3) == b"known"
    for write, request in writes:
        known = write(**request, IfMatch=known).get("ETag") or s3.head_object(**OBJECT)["ETag"]
    assert content(s3) == b"part"


def begun(s3: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """An upload that is ready to be completed, and its parts."""
    upload = {**OBJECT, "UploadId": s3.create_multipart_upload(**OBJECT)["UploadId"]}
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"]
    return upload, {"Parts": [{"PartNumber": 1, "ETag": etag}]}


def test_of_many_writers_that_want_to_be_the_first_one_is(cloud: Cloud, s3: Any) -> None:
    ready = threading.Barrier(8)

    def write() -> bool:
        ready.wait()
        try:
            s3.put_object(**OBJECT, Body=bytes(100_000), IfNoneMatch="*")
        except ClientError as refused:
            if code(refused) != "PreconditionFailed":
                raise
            return False
        return True

    assert sum(cloud.together(8, write)) == 1


def test_an_object_is_deleted_only_if_it_is_the_known_one(s3: Any) -> None:
    known = s3.put_object(**OBJECT, Body=b"known")["ETag"]
    assert code(error(s3.delete_object, **OBJECT, IfMatch=OTHER)) == "PreconditionFailed"
    s3.delete_object(**OBJECT, IfMatch=known)
    assert content(s3) is None
    s3.put_object(**OBJECT, Body=b"another")
    s3.delete_object(**OBJECT, IfMatch="*")
    assert code(error(s3.delete_object, **OBJECT, IfMatch="*")) == "NoSuchKey"


def test_conditions_that_are_not_implemented_are_named(s3: Any) -> None:
    s3.put_object(**OBJECT, Body=b"x")
    assert code(error(s3.put_object, **OBJECT, IfNoneMatch=OTHER)) == "NotImplemented"
    assert code(error(s3.delete_object, **OBJECT, IfMatchSize=1)) == "NotImplemented"
    objects = {"Objects": [{"Key": "key", "ETag": OTHER}]}
    assert code(error(s3.delete_objects, Bucket=BUCKET, Delete=objects)) == "NotImplemented"
    assert content(s3) == b"x"


def test_a_copy_onto_itself_must_change_something(s3: Any, etag: str) -> None:
    onto_itself = {**SOURCE, "CopySource": SOURCE}
    assert code(error(s3.copy_object, **onto_itself)) == "InvalidRequest"
    s3.copy_object(**onto_itself, MetadataDirective="REPLACE", Metadata={"a": "b"})
    assert s3.head_object(**SOURCE)["Metadata"] == {"a": "b"}
    s3.copy_object(**onto_itself, StorageClass="STANDARD_IA")


def test_a_link_may_carry_conditions(s3: Any, etag: str) -> None:
    link = s3.generate_presigned_url("put_object", Params={**SOURCE, "IfNoneMatch": "*"})
    assert send("PUT", link, b"x", {"If-None-Match": "*", "Content-Type": ""}).error == (412, "PreconditionFailed")
