"""S3 as AWS's clients use it: ranges, digests and events."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.s3.models import FakeKey

from localaws.services.s3 import objects
from tests.deployments.localaws.cloud import BUCKET, Cloud
from tests.deployments.localaws.plain_http import send

CONTENT = bytes(range(256)) * 16
OBJECT = {"Bucket": BUCKET, "Key": "key"}


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    return cloud.s3


def test_a_range_of_an_object(s3: Any) -> None:
    s3.put_object(**OBJECT, Body=CONTENT, ContentType="image/png")
    ranges = {
        "bytes=10-19": (206, CONTENT[10:20], "bytes 10-19/4096"),
        "bytes=4090-9999": (206, CONTENT[4090:], "bytes 4090-4095/4096"),
        "bytes=-6": (206, CONTENT[-6:], "bytes 4090-4095/4096"),
        "bytes=4000-": (206, CONTENT[4000:], "bytes 4000-4095/4096"),
        "bytes=0-1,5-6": (200, CONTENT, None),
        "bytes=nonsense": (200, CONTENT, None),
    }
    for asked, (status, body, content_range) in ranges.items():
        answer = s3.get_object(**OBJECT, Range=asked)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
        assert (answer["Body"].read(), answer.get("ContentRange")) == (body, content_range)
        assert (answer["ContentLength"], answer["ContentType"]) == (len(body), "image/png")
    with pytest.raises(ClientError, match="InvalidRange"):
        s3.get_object(**OBJECT, Range="bytes=4096-")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.get_object(**OBJECT, Range="bytes=0-1", IfMatch='"other"')


@pytest.mark.parametrize("asked", ["foo", "0-5", "items=0-5", "bytes", "bytes=", "bytes=0=5", "=", "bytes=a-b"])
def test_a_header_that_is_no_range_is_ignored(s3: Any, asked: str) -> None:
    s3.put_object(**OBJECT, Body=CONTENT)
    whole = s3.get_object(**OBJECT, Range=asked)
    assert (whole["ResponseMetadata"]["HTTPStatusCode"], whole["Body"].read()) == (200, CONTENT)
    head = s3.head_object(**OBJECT, Range=asked)
    assert (head["ResponseMetadata"]["HTTPStatusCode"], head["ContentLength"]) == (200, len(CONTENT))


def test_the_head_of_a_range_tells_its_length(s3: Any) -> None:
    s3.put_object(**OBJECT, Body=CONTENT)
    head = s3.head_object(**OBJECT, Range="bytes=10-19")
    assert (head["ResponseMetadata"]["HTTPStatusCode"], head["ContentLength"]) == (206, 10)


def test_a_download_in_ranges_reads_no_more_than_the_object(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = CONTENT * 1280  # 5 MiB
    s3.put_object(**OBJECT, Body=content)
    read: list[int] = []
    original = objects.Contents.__getitem__

    def counted(contents: Any, part: slice) -> bytes:
        read.append(part.stop - part.start)
        return original(contents, part)

    monkeypatch.setattr(objects.Contents, "__getitem__", counted)
    monkeypatch.setattr(FakeKey, "value", property(lambda key: pytest.fail("the whole object was read")))
    config = TransferConfig(multipart_threshold=1 << 20, multipart_chunksize=1 << 20)
    s3.download_file(BUCKET, "key", str(tmp_path / "file"), Config=config)
    assert (tmp_path / "file").read_bytes() == content
    assert (len(read), sum(read)) == (5, len(content))


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_body_is_stored_as_it_is_even_if_its_type_is_a_forms(cloud: Cloud, content_type: str) -> None:
    s3 = cloud.client("s3", config=Config(signature_version="s3v4"))  # the older signature covers the type
    link = s3.generate_presigned_url("put_object", Params=OBJECT)
    for body in (b"Action=Publish&key=1", b"\xff\x00"):
        headers = {"Content-Type": content_type}  # the former is what curl --data-binary sends
        urllib.request.urlopen(urllib.request.Request(link, body, headers, method="PUT")).close()
        answer = s3.get_object(**OBJECT)
        assert (answer["Body"].read(), answer["ContentType"]) == (body, content_type)
        s3.put_object(**OBJECT, Body=body, ContentType=content_type)
        assert s3.get_object(**OBJECT)["Body"].read() == body


def encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def crc32(body: bytes) -> str:
    return encoded(zlib.crc32(body).to_bytes(4, "big"))


WRONG: list[tuple[dict[str, str], str]] = [
    ({"ContentMD5": encoded(hashlib.md5(b"other").digest())}, "BadDigest.*Content-MD5 you specified did not match"),
    ({"ContentMD5": "bm8="}, "InvalidDigest"),
    ({"ChecksumSHA256": encoded(hashlib.sha256(b"other").digest())}, "BadDigest.*SHA256 you specified did not match"),
    ({"ChecksumSHA1": encoded(hashlib.sha1(b"other").digest())}, "BadDigest"),
    ({"ChecksumSHA512": encoded(hashlib.sha512(b"other").digest())}, "BadDigest"),
    ({"ChecksumCRC32": crc32(b"other")}, "BadDigest.*The CRC32 you specified did not match the calculated"),
    ({"ChecksumCRC32": "bm8="}, "InvalidRequest.*Value for x-amz-checksum-crc32 header is invalid"),
]


@pytest.mark.parametrize(("digest", "refusal"), WRONG, ids=lambda value: str(value)[:30])
def test_a_body_that_is_not_what_its_digest_says_is_refused(cloud: Cloud, digest: dict[str, str], refusal: str) -> None:
    s3 = cloud.client("s3", config=Config(retries={"total_max_attempts": 1}))  # botocore tries again otherwise
    with pytest.raises(ClientError, match=refusal):
        s3.put_object(**OBJECT, Body=b"body", **digest)
    upload = s3.create_multipart_upload(**OBJECT)["UploadId"]
    with pytest.raises(ClientError, match=refusal):
        s3.upload_part(**OBJECT, UploadId=upload, PartNumber=1, Body=b"body", **digest)
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def test_a_body_has_one_checksum_of_a_kind_that_there_is(cloud: Cloud) -> None:
    s3 = cloud.client("s3", config=Config(retries={"total_max_attempts": 1}))
    both = {"ChecksumSHA256": encoded(hashlib.sha256(b"body").digest()), "ChecksumCRC32": crc32(b"body")}
    with pytest.raises(ClientError, match=r"InvalidRequest.*Multiple checksum Types are not allowed"):
        s3.put_object(**OBJECT, Body=b"body", **both)
    upload = s3.create_multipart_upload(**OBJECT)["UploadId"]
    with pytest.raises(ClientError, match=r"InvalidRequest.*Multiple checksum Types are not allowed"):
        s3.upload_part(**OBJECT, UploadId=upload, PartNumber=1, Body=b"body", **both)
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
    s3.put_object(**OBJECT, Body=b"body")
    with pytest.raises(ClientError, match=r"InvalidRequest.*Checksum algorithm provided is unsupported"):
        s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=OBJECT, ChecksumAlgorithm="SHA3")
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=localaws/20260101/us-east-1/s3/aws4_request"}
    url = f"{cloud.aws.endpoint_url}/{BUCKET}/other"
    refused = send("PUT", url, b"body", {**signed, "x-amz-sdk-checksum-algorithm": "SHA3"})
    assert refused.error == (400, "InvalidRequest")
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["key"]


def put_chunked(cloud: Cloud, checksum: str) -> None:
    """Puts as botocore does over https: the checksum follows the body."""
    headers = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=localaws/20260101/us-east-1/s3/aws4_request",
        "Content-Encoding": "aws-chunked",
        "Content-Type": "text/plain",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "27",
        "x-amz-sdk-checksum-algorithm": "CRC32",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    body = f"1b\r\n{TRAILER_TALK}\r\n0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n".encode()
    url = f"{cloud.aws.endpoint_url}/{BUCKET}/key"
    urllib.request.urlopen(urllib.request.Request(url, body, headers, method="PUT")).close()


TRAILER_TALK = "x-amz-checksum-crc32:AAAA=="


def test_a_checksum_that_comes_after_the_body_is_checked_and_kept(cloud: Cloud, s3: Any) -> None:
    checksum = crc32(TRAILER_TALK.encode())
    put_chunked(cloud, checksum)
    answer = s3.get_object(**OBJECT, ChecksumMode="ENABLED")
    assert (answer["Body"].read().decode(), answer["ChecksumCRC32"]) == (TRAILER_TALK, checksum)
    with pytest.raises(urllib.error.HTTPError, match="400"):
        put_chunked(cloud, crc32(b"other"))


def test_a_checksum_that_was_given_is_told_again(s3: Any) -> None:
    digest = encoded(hashlib.sha256(b"body").digest())
    assert s3.put_object(**OBJECT, Body=b"body", ChecksumSHA256=digest)["ChecksumSHA256"] == digest
    assert s3.head_object(**OBJECT, ChecksumMode="ENABLED")["ChecksumSHA256"] == digest


def test_an_event_encodes_the_key_as_aws_does(cloud: Cloud, s3: Any) -> None:
    url, arn = cloud.queue()
    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=configuration)
    sqs = cloud.client("sqs")
    sqs.purge_queue(QueueUrl=url)
    s3.put_object(Bucket=BUCKET, Key="in/a picture+ü.png", Body=b"x")
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    [record] = json.loads(message["Body"])["Records"]
    assert record["s3"]["object"]["key"] == "in/a+picture%2B%C3%BC.png"


def test_what_is_not_implemented_is_not_taken_for_something_else(s3: Any) -> None:
    with pytest.raises(ClientError, match="NotImplemented"):
        s3.delete_bucket_metrics_configuration(Bucket=BUCKET, Id="all")
    with pytest.raises(ClientError, match="NotImplemented"):
        s3.get_object_torrent(**OBJECT)
    s3.head_bucket(Bucket=BUCKET)
