"""Objects uploaded in parts: their checksums, their parts, and what completing refuses."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.deployments.localaws.callers import code, error, text
from tests.deployments.localaws.cloud import BUCKET, Cloud

OBJECT = {"Bucket": BUCKET, "Key": "key"}
LEAST = 5 << 20  # bytes of a part that is not the last
CONTENT = bytes(range(256)) * (LEAST // 256) + b"the last part"
PARTS = (CONTENT[:LEAST], CONTENT[LEAST:])
DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "SHA256": lambda body: hashlib.sha256(body).digest(),
    "SHA1": lambda body: hashlib.sha1(body).digest(),
    "CRC32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
}


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    """A client without retries: botocore would send again what S3 refused as damaged."""
    return cloud.client("s3", config=Config(retries={"total_max_attempts": 1}))


def encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def composite(algorithm: str, parts: tuple[bytes, ...] = PARTS) -> str:
    """The checksum of the parts' checksums, as AWS writes it."""
    digest = DIGESTS[algorithm]
    return f"{encoded(digest(b''.join(digest(part) for part in parts)))}-{len(parts)}"


class Upload:
    """An upload in parts that is under way."""

    def __init__(self, s3: Any, algorithm: str | None = None, **create: Any) -> None:
        asked = {"ChecksumAlgorithm": algorithm} if algorithm else {}
        self.s3, self.algorithm = s3, algorithm
        self.named = {**OBJECT, "UploadId": s3.create_multipart_upload(**OBJECT, **asked, **create)["UploadId"]}

    def put(self, number: int, body: bytes, **more: Any) -> dict[str, Any]:
        """Upload a part and return its entry for CompleteMultipartUpload."""
        asked = {"ChecksumAlgorithm": self.algorithm} if self.algorithm else {}
        answer = self.s3.upload_part(**self.named, PartNumber=number, Body=body, **{**asked, **more})
        told = {name: value for name, value in answer.items() if name == f"Checksum{self.algorithm}"}
        return {"PartNumber": number, "ETag": answer["ETag"], **told}

    def put_all(self, parts: tuple[bytes, ...] = PARTS) -> list[dict[str, Any]]:
        return [self.put(number, part) for number, part in enumerate(parts, 1)]

    def complete(self, parts: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.s3.complete_multipart_upload(
            **self.named, MultipartUpload={"Parts": parts}, **more
        )
        return answer


def uploaded(s3: Any, algorithm: str | None = None, parts: tuple[bytes, ...] = PARTS) -> dict[str, Any]:
    upload = Upload(s3, algorithm)
    return upload.complete(upload.put_all(parts))


@pytest.mark.parametrize("algorithm", DIGESTS)
def test_an_object_of_parts_has_a_checksum_of_checksums(s3: Any, algorithm: str) -> None:
    answer = uploaded(s3, algorithm)
    expected = (composite(algorithm), "COMPOSITE")
    name = f"Checksum{algorithm}"
    head = s3.head_object(**OBJECT, ChecksumMode="ENABLED")
    got = s3.get_object(**OBJECT, ChecksumMode="ENABLED")
    attributes = s3.get_object_attributes(**OBJECT, ObjectAttributes=["Checksum"])["Checksum"]
    for told in (answer, head, got, attributes):
        assert (told[name], told["ChecksumType"]) == expected
    assert got["Body"].read() == CONTENT
    assert re.fullmatch(r'"[0-9a-f]{32}-2"', answer["ETag"])


def test_the_parts_of_an_object_are_listed_with_their_checksums(s3: Any) -> None:
    uploaded(s3, "SHA256")
    asked = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    answer = s3.get_object_attributes(**OBJECT, ObjectAttributes=asked)
    digest = DIGESTS["SHA256"]
    assert answer["ObjectParts"] == {
        "TotalPartsCount": 2,
        "PartNumberMarker": 0,
        "NextPartNumberMarker": 2,
        "MaxParts": 1000,
        "IsTruncated": False,
        "Parts": [
            {"PartNumber": number, "Size": len(part), "ChecksumSHA256": encoded(digest(part))}
            for number, part in enumerate(PARTS, 1)
        ],
    }
    assert (answer["ObjectSize"], answer["StorageClass"]) == (len(CONTENT), "STANDARD")
    assert answer["ETag"] == s3.head_object(**OBJECT)["ETag"].strip('"')


def test_the_list_of_parts_comes_in_pages(s3: Any) -> None:
    uploaded(s3, "CRC32")
    first = s3.get_object_attributes(**OBJECT, ObjectAttributes=["ObjectParts"], MaxParts=1)["ObjectParts"]
    assert (first["IsTruncated"], first["NextPartNumberMarker"], len(first["Parts"])) == (True, 1, 1)
    more = {"MaxParts": 1, "PartNumberMarker": first["NextPartNumberMarker"]}
    second = s3.get_object_attributes(**OBJECT, ObjectAttributes=["ObjectParts"], **more)["ObjectParts"]
    assert (second["IsTruncated"], [part["PartNumber"] for part in second["Parts"]]) == (False, [2])


def test_only_what_is_asked_for_and_there_is_described(s3: Any) -> None:
    s3.put_object(**OBJECT, Body=b"whole")
    answer = s3.get_object_attributes(**OBJECT, ObjectAttributes=["ObjectParts", "ObjectSize"])
    assert answer["ObjectSize"] == 5
    assert not {"ObjectParts", "ETag", "Checksum", "StorageClass"} & answer.keys()
    upload = Upload(s3)
    upload.complete(upload.put_all())
    parts = s3.get_object_attributes(**OBJECT, ObjectAttributes=["ObjectParts"])["ObjectParts"]
    assert (parts["TotalPartsCount"], "Parts" in parts) == (2, False)
    assert code(error(s3.get_object_attributes, **OBJECT, ObjectAttributes=["Colour"])) == "InvalidArgument"


def test_a_part_is_read_by_its_number(s3: Any) -> None:
    etag = uploaded(s3, "SHA256")["ETag"]
    for number, part in enumerate(PARTS, 1):
        got = s3.get_object(**OBJECT, PartNumber=number, ChecksumMode="ENABLED")
        head = s3.head_object(**OBJECT, PartNumber=number, ChecksumMode="ENABLED")
        start = LEAST * (number - 1)
        for answer in (got, head):
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
            assert (answer["ContentLength"], answer["PartsCount"], answer["ETag"]) == (len(part), 2, etag)
            assert answer["ContentRange"] == f"bytes {start}-{start + len(part) - 1}/{len(CONTENT)}"
            assert answer["ChecksumSHA256"] == encoded(DIGESTS["SHA256"](part))
        assert got["Body"].read() == part


def test_an_object_that_was_put_whole_is_its_own_first_part(s3: Any) -> None:
    s3.put_object(**OBJECT, Body=b"whole")
    for answer in (s3.get_object(**OBJECT, PartNumber=1), s3.head_object(**OBJECT, PartNumber=1)):
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert (answer["ContentRange"], answer["ContentLength"]) == ("bytes 0-4/5", 5)
        assert "PartsCount" not in answer


def test_a_part_that_is_not_there_cannot_be_read(s3: Any) -> None:
    uploaded(s3)
    assert code(error(s3.get_object, **OBJECT, PartNumber=3)) == "InvalidPartNumber"
    assert code(error(s3.head_object, **OBJECT, PartNumber=3)) == "416"
    assert code(error(s3.get_object, **OBJECT, PartNumber=10_001)) == "InvalidArgument"
    assert code(error(s3.get_object, **OBJECT, PartNumber=1, Range="bytes=0-1")) == "InvalidRequest"


def test_completing_names_parts_as_they_are(s3: Any) -> None:
    upload = Upload(s3)
    first, second = upload.put_all()
    wrong: list[tuple[list[dict[str, Any]], str]] = [
        ([second, first], "InvalidPartOrder"),
        ([first, first], "InvalidPartOrder"),
        ([first, {**second, "PartNumber": 3}], "InvalidPart"),
        ([first, {**second, "ETag": first["ETag"]}], "InvalidPart"),
        ([], "MalformedXML"),
        ([{"PartNumber": 1}], "MalformedXML"),
    ]
    for parts, expected in wrong:
        assert code(error(upload.complete, parts=parts)) == expected
    upload.complete([first, second])
    assert s3.get_object(**OBJECT)["Body"].read() == CONTENT


def test_parts_that_are_not_named_are_left_out(s3: Any) -> None:
    upload = Upload(s3, "SHA256")
    upload.put(1, b"left out")
    named = [upload.put(2, PARTS[0]), upload.put(5, PARTS[1])]
    assert upload.complete(named)["ChecksumSHA256"] == composite("SHA256")
    assert s3.get_object(**OBJECT)["Body"].read() == CONTENT
    assert s3.get_object(**OBJECT, PartNumber=5)["Body"].read() == PARTS[1]


def test_all_parts_but_the_last_have_five_megabytes(s3: Any) -> None:
    upload = Upload(s3)
    parts = [upload.put(1, CONTENT[: LEAST - 1]), upload.put(2, b"x")]
    refused = error(upload.complete, parts=parts)
    assert code(refused) == "EntityTooSmall"
    assert refused.response["Error"]["ProposedSize"] == str(LEAST - 1)
    upload.put(1, PARTS[0])
    assert code(error(upload.complete, parts=parts)) == "InvalidPart", "the part is another one now"


def test_a_part_has_the_uploads_kind_of_checksum_and_the_right_one(s3: Any) -> None:
    upload = Upload(s3, "SHA256")
    refused = error(upload.put, number=1, body=b"x", ChecksumAlgorithm="CRC32")
    assert text(refused).endswith("expected checksum Type: sha256, actual checksum Type: crc32")
    assert code(error(upload.put, number=1, body=b"x", ChecksumSHA256=encoded(bytes(32)))) == "BadDigest"


def test_completing_tells_each_parts_checksum_and_the_right_one(s3: Any) -> None:
    upload = Upload(s3, "SHA256")
    first, second = upload.put_all()
    without = {name: value for name, value in second.items() if name != "ChecksumSHA256"}
    refused = error(upload.complete, parts=[first, without])
    assert text(refused).endswith("It was missing for part 2 in the request.")
    swapped = {**second, "ChecksumSHA256": first["ChecksumSHA256"]}
    assert code(error(upload.complete, parts=[first, swapped])) == "InvalidPart"
    assert code(error(upload.complete, parts=[first, second], ChecksumSHA256=encoded(bytes(32)))) == "BadDigest"
    upload.complete([first, second], ChecksumSHA256=composite("SHA256").removesuffix("-2"))


def test_completing_tells_the_right_size_and_the_uploads_kind_of_checksum(s3: Any) -> None:
    upload = Upload(s3, "SHA256")
    parts = upload.put_all()
    refused = error(upload.complete, parts=parts, MpuObjectSize=len(CONTENT) + 1)
    assert code(refused) == "InvalidRequest"
    assert f"'x-amz-mp-object-size' header value {len(CONTENT) + 1} does not match" in text(refused)
    refused = error(upload.complete, parts=parts, ChecksumType="FULL_OBJECT")
    assert (code(refused), "COMPOSITE checksum mode" in text(refused)) == ("InvalidRequest", True)
    upload.complete(parts, MpuObjectSize=len(CONTENT), ChecksumType="COMPOSITE")
    whole = Upload(s3, "CRC32", ChecksumType="FULL_OBJECT")
    parts = whole.put_all()
    assert code(error(whole.complete, parts=parts, ChecksumType="COMPOSITE")) == "InvalidRequest"
    whole.complete(parts, ChecksumType="FULL_OBJECT")


def test_an_upload_is_begun_with_a_checksum_that_there_is(s3: Any) -> None:
    for asked in (
        {"ChecksumAlgorithm": "SHA3"},
        {"ChecksumType": "FULL_OBJECT"},
        {"ChecksumAlgorithm": "SHA256", "ChecksumType": "FULL_OBJECT"},
        {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "COMPOSITE"},
        {"ChecksumAlgorithm": "CRC32", "ChecksumType": "OTHER"},
    ):
        assert code(error(s3.create_multipart_upload, **OBJECT, **asked)) == "InvalidRequest", asked
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


def test_an_upload_may_be_gone_on_with_by_what_is_listed_of_it(s3: Any) -> None:
    upload = Upload(s3, "SHA256")
    upload.put(2, PARTS[0])
    upload.put(7, PARTS[1])
    first = s3.list_parts(**upload.named, MaxParts=1)
    assert (first["IsTruncated"], first["NextPartNumberMarker"], first["ChecksumAlgorithm"]) == (True, 2, "SHA256")
    pages = s3.get_paginator("list_parts").paginate(**upload.named, PaginationConfig={"PageSize": 1})
    listed = [part for page in pages for part in page["Parts"]]
    assert [(part["PartNumber"], part["Size"]) for part in listed] == [(2, LEAST), (7, len(PARTS[1]))]
    known = [{name: part[name] for name in ("PartNumber", "ETag", "ChecksumSHA256")} for part in listed]
    assert upload.complete(known)["ChecksumSHA256"] == composite("SHA256")


def test_a_checksum_of_the_whole_object_has_no_count(s3: Any) -> None:
    upload = Upload(s3, "CRC32", ChecksumType="FULL_OBJECT")
    answer = upload.complete(upload.put_all())
    assert (answer["ChecksumCRC32"], answer["ChecksumType"]) == (encoded(DIGESTS["CRC32"](CONTENT)), "FULL_OBJECT")
    s3.put_object(**OBJECT, Body=b"x", ChecksumAlgorithm="SHA256")
    assert s3.head_object(**OBJECT, ChecksumMode="ENABLED")["ChecksumType"] == "FULL_OBJECT"


def test_a_part_may_be_copied(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="source", Body=CONTENT)
    upload, source = Upload(s3, "SHA256"), {"Bucket": BUCKET, "Key": "source"}
    copied = s3.upload_part_copy(
        **upload.named, PartNumber=1, CopySource=source, CopySourceRange=f"bytes=0-{LEAST - 1}"
    )["CopyPartResult"]
    told = {name: copied[name] for name in ("ETag", "ChecksumSHA256")}
    answer = upload.complete([{"PartNumber": 1, **told}, upload.put(2, PARTS[1])])
    assert answer["ChecksumSHA256"] == composite("SHA256")
    missing = {"PartNumber": 2, "CopySource": {**source, "Key": "missing"}}
    assert code(error(s3.upload_part_copy, **Upload(s3).named, **missing)) == "NoSuchKey"
    unlike = {**missing, "CopySource": source, "CopySourceIfMatch": '"other"'}
    assert code(error(s3.upload_part_copy, **Upload(s3).named, **unlike)) == "PreconditionFailed"


def test_a_copy_is_one_piece(s3: Any) -> None:
    uploaded(s3, "SHA256")
    copied = s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=OBJECT)["CopyObjectResult"]
    assert copied["ETag"] == f'"{hashlib.md5(CONTENT).hexdigest()}"'
    assert copied["ChecksumSHA256"] == encoded(DIGESTS["SHA256"](CONTENT))
    assert "PartsCount" not in s3.head_object(Bucket=BUCKET, Key="copy", PartNumber=1)


def test_boto3s_own_transfers_go_through(s3: Any, tmp_path: Path) -> None:
    config = TransferConfig(multipart_threshold=LEAST, multipart_chunksize=LEAST)
    for extra in ({}, {"ChecksumAlgorithm": "SHA256"}):
        s3.upload_fileobj(io.BytesIO(CONTENT), BUCKET, "key", Config=config, ExtraArgs=extra)
        algorithm = extra.get("ChecksumAlgorithm", "CRC32")
        head = s3.head_object(**OBJECT, ChecksumMode="ENABLED")
        assert head[f"Checksum{algorithm}"] in (composite(algorithm), encoded(DIGESTS[algorithm](CONTENT)))
        s3.download_file(BUCKET, "key", str(tmp_path / "file"), Config=config)
        assert (tmp_path / "file").read_bytes() == CONTENT
        s3.copy(OBJECT, BUCKET, "copy", Config=config)
        assert s3.get_object(Bucket=BUCKET, Key="copy")["Body"].read() == CONTENT


def test_an_upload_keeps_one_file_and_what_a_part_was(s3: Any) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    uploaded(s3, parts=(PARTS[0],) * 4)
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 4
    around = s3.get_object(**OBJECT, Range=f"bytes={LEAST - 2}-{LEAST + 1}")["Body"].read()
    assert around == PARTS[0][-2:] + PARTS[0][:2]


def test_completing_twice_gives_the_same_answer_and_an_upload_that_is_gone_none(s3: Any) -> None:
    upload = Upload(s3)
    parts = upload.put_all()
    assert upload.complete(parts)["ETag"] == upload.complete(parts)["ETag"]
    s3.put_object(**OBJECT, Body=b"other")
    assert code(error(upload.complete, parts=parts)) == "NoSuchUpload"
    assert code(error(upload.put, number=3, body=b"x")) == "NoSuchUpload"


def test_a_completed_upload_makes_one_event(cloud: Cloud, s3: Any) -> None:
    url, arn = cloud.queue()
    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=configuration)
    sqs = cloud.client("sqs")
    sqs.purge_queue(QueueUrl=url)
    uploaded(s3)
    [message] = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    [record] = json.loads(message["Body"])["Records"]
    assert (record["eventName"], record["s3"]["object"]["size"]) == (
        "ObjectCreated:CompleteMultipartUpload", len(CONTENT),
    )  # fmt: skip


def test_tags_metadata_and_type_are_those_the_upload_was_begun_with(s3: Any) -> None:
    upload = Upload(s3, Tagging="k=v", Metadata={"owner": "me"}, ContentType="image/png")
    upload.complete(upload.put_all())
    head = s3.head_object(**OBJECT)
    assert (head["ContentType"], head["Metadata"]) == ("image/png", {"owner": "me"})
    assert s3.get_object_tagging(**OBJECT)["TagSet"] == [{"Key": "k", "Value": "v"}]


def test_an_upload_that_is_aborted_cannot_be_completed(s3: Any) -> None:
    upload = Upload(s3)
    parts = upload.put_all()
    s3.abort_multipart_upload(**upload.named)
    with pytest.raises(ClientError, match="NoSuchUpload"):
        upload.complete(parts)
