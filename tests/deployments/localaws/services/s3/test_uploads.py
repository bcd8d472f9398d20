"""Uploads in parts that are under way: whose they are, how they are listed, and what is copied into them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.deployments.localaws.callers import code, error, text
from tests.deployments.localaws.cloud import BUCKET, Cloud

OBJECT = {"Bucket": BUCKET, "Key": "key"}


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    return cloud.s3


def begin(s3: Any, *keys: str) -> list[str]:
    """The ids of uploads to these keys."""
    return [s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"] for key in keys]


def listed(s3: Any, **asked: Any) -> dict[str, Any]:
    answer: dict[str, Any] = s3.list_multipart_uploads(Bucket=BUCKET, **asked)
    return answer


def keys(answer: dict[str, Any]) -> list[str]:
    return [upload["Key"] for upload in answer.get("Uploads", [])]


def test_an_upload_is_its_keys_alone(s3: Any) -> None:
    [upload_id] = begin(s3, "key")
    part = s3.upload_part(**OBJECT, UploadId=upload_id, PartNumber=1, Body=b"part")
    s3.put_object(Bucket=BUCKET, Key="source", Body=b"source")
    other = {"Bucket": BUCKET, "Key": "other", "UploadId": upload_id}
    parts = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}}
    for call, more in (
        (s3.upload_part, {"PartNumber": 1, "Body": b"x"}),
        (s3.upload_part_copy, {"PartNumber": 1, "CopySource": {"Bucket": BUCKET, "Key": "source"}}),
        (s3.list_parts, {}),
        (s3.complete_multipart_upload, parts),
        (s3.abort_multipart_upload, {}),
    ):
        refused = error(call, **other, **more)
        assert (code(refused), refused.response["ResponseMetadata"]["HTTPStatusCode"]) == ("NoSuchUpload", 404)
    s3.complete_multipart_upload(**OBJECT, UploadId=upload_id, **parts)
    assert s3.get_object(**OBJECT)["Body"].read() == b"part"


def test_an_upload_is_given_up_once(s3: Any) -> None:
    [upload_id] = begin(s3, "key")
    s3.abort_multipart_upload(**OBJECT, UploadId=upload_id)
    assert code(error(s3.abort_multipart_upload, **OBJECT, UploadId=upload_id)) == "NoSuchUpload"
    assert keys(listed(s3)) == []


RANGES = ["0-5", "bytes=5-2", "bytes=-5", "bytes=0-", "bytes=0-1,2-3", "items=0-5", "bytes=0-10", "bytes=10-10", ""]


@pytest.mark.parametrize("asked", RANGES)
def test_a_part_is_copied_of_bytes_that_are_there_alone(s3: Any, asked: str) -> None:
    source = {"Bucket": BUCKET, "Key": "source"}
    s3.put_object(**source, Body=b"0123456789")
    [upload_id] = begin(s3, "key")
    upload = {**OBJECT, "UploadId": upload_id, "PartNumber": 1, "CopySource": source}
    refused = error(s3.upload_part_copy, **upload, CopySourceRange=asked)
    assert (code(refused), refused.response["Error"]["ArgumentName"]) == ("InvalidArgument", "x-amz-copy-source-range")
    assert "bytes=first-last" in text(refused) or "source object of size: 10" in text(refused)
    assert "Parts" not in s3.list_parts(**OBJECT, UploadId=upload_id)
    for good, size in (("bytes=0-9", 10), ("bytes=9-9", 1), ("bytes=3-5", 3)):
        s3.upload_part_copy(**upload, CopySourceRange=good)
        [part] = s3.list_parts(**OBJECT, UploadId=upload_id)["Parts"]
        assert part["Size"] == size


def test_uploads_are_listed_with_the_time_at_which_they_were_begun(s3: Any) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    s3.create_multipart_upload(**OBJECT, StorageClass="STANDARD_IA", ChecksumAlgorithm="SHA256")
    [upload] = listed(s3)["Uploads"]
    assert before <= upload["Initiated"] <= datetime.now(UTC)
    assert upload["StorageClass"] == "STANDARD_IA"
    assert (upload["ChecksumAlgorithm"], upload["ChecksumType"]) == ("SHA256", "COMPOSITE")


def test_the_list_of_uploads_comes_in_pages(s3: Any) -> None:
    ids = begin(s3, "b", "a", "b", "c", "b")
    expected = [("a", ids[1]), ("b", ids[0]), ("b", ids[2]), ("b", ids[4]), ("c", ids[3])]
    for most in (1, 2, 3, 5):
        found, asked, sizes = [], {}, []
        while True:
            page = listed(s3, MaxUploads=most, **asked)
            found += [(upload["Key"], upload["UploadId"]) for upload in page["Uploads"]]
            sizes.append(len(page["Uploads"]))
            assert page["MaxUploads"] == most
            if not page["IsTruncated"]:
                break
            asked = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
        assert found == expected
        assert set(sizes[:-1]) <= {most}
    paginator = s3.get_paginator("list_multipart_uploads").paginate(Bucket=BUCKET, PaginationConfig={"PageSize": 2})
    assert [upload["UploadId"] for page in paginator for upload in page["Uploads"]] == [each[1] for each in expected]


def test_a_marker_without_an_id_passes_its_key_over(s3: Any) -> None:
    begin(s3, "a", "b", "b", "c")
    answer = listed(s3, KeyMarker="b")
    assert (keys(answer), answer["KeyMarker"]) == (["c"], "b")
    assert keys(listed(s3, UploadIdMarker="zzz")) == ["a", "b", "b", "c"]  # without a key marker it is ignored


def test_uploads_are_listed_by_prefix_and_rolled_up_by_delimiter(s3: Any) -> None:
    begin(s3, "a/1", "a/2", "a/b/3", "c/4", "d")
    assert keys(listed(s3, Prefix="a/")) == ["a/1", "a/2", "a/b/3"]
    answer = listed(s3, Delimiter="/")
    assert (keys(answer), [each["Prefix"] for each in answer["CommonPrefixes"]]) == (["d"], ["a/", "c/"])
    assert (answer["Delimiter"], answer["IsTruncated"]) == ("/", False)
    answer = listed(s3, Delimiter="/", Prefix="a/", MaxUploads=2)
    assert (keys(answer), answer["IsTruncated"], answer["NextKeyMarker"]) == (["a/1", "a/2"], True, "a/2")
    first = listed(s3, Delimiter="/", MaxUploads=1)
    assert (first["CommonPrefixes"], first["NextKeyMarker"]) == ([{"Prefix": "a/"}], "a/")
    second = listed(s3, Delimiter="/", KeyMarker="a/")
    assert (keys(second), second["CommonPrefixes"]) == (["d"], [{"Prefix": "c/"}])


def test_keys_are_encoded_where_that_is_asked_for(s3: Any) -> None:
    begin(s3, "a b/ü")
    assert keys(listed(s3)) == ["a b/ü"]
    assert keys(listed(s3, EncodingType="url")) == ["a%20b/%C3%BC"]
