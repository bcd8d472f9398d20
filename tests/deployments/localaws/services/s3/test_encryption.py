"""Encryption that S3 does not know, or that is not emulated, is refused and not dropped."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from botocore.config import Config

from tests.deployments.localaws.callers import code, error, text
from tests.deployments.localaws.cloud import BUCKET, Cloud
from tests.deployments.localaws.plain_http import post_form, send

OBJECT = {"Bucket": BUCKET, "Key": "key"}
KEY = b"k" * 32
MINE = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY}
MINE_OF_SOURCE = {f"CopySource{name}": value for name, value in MINE.items()}
HEADER = "x-amz-server-side-encryption-customer-algorithm"


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    """A client without retries, and an object."""
    cloud.s3.put_object(**OBJECT, Body=b"content")
    return cloud.client("s3", config=Config(retries={"total_max_attempts": 1}))


def test_keys_of_clients_are_refused_by_name(s3: Any) -> None:
    upload = {**OBJECT, "UploadId": s3.create_multipart_upload(**OBJECT)["UploadId"], "PartNumber": 1}
    for call, request in (
        (s3.put_object, {**OBJECT, "Body": b"x", **MINE}),
        (s3.get_object, {**OBJECT, **MINE}),
        (s3.create_multipart_upload, {**OBJECT, **MINE}),
        (s3.upload_part, {**upload, "Body": b"x", **MINE}),
        (s3.copy_object, {**OBJECT, "CopySource": OBJECT, **MINE}),
        (s3.copy_object, {"Bucket": BUCKET, "Key": "copy", "CopySource": OBJECT, **MINE_OF_SOURCE}),
        (s3.upload_part_copy, {**upload, "CopySource": OBJECT, **MINE_OF_SOURCE}),
    ):
        refused = error(call, **request)
        assert code(refused) == "NotImplemented"
        assert "(SSE-C): x-amz-" in text(refused)
        assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert code(error(s3.head_object, **OBJECT, **MINE)) == "501"
    assert s3.get_object(**OBJECT)["Body"].read() == b"content"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_keys_of_clients_are_refused_in_links_and_forms(cloud: Cloud, version: str) -> None:
    s3 = cloud.client("s3", config=Config(signature_version=version))
    link = s3.generate_presigned_url("put_object", Params={**OBJECT, **MINE})
    digest = base64.b64encode(hashlib.md5(KEY).digest()).decode()
    headers = {HEADER: "AES256", f"{HEADER[:-9]}key": base64.b64encode(KEY).decode(), f"{HEADER[:-9]}key-md5": digest}
    sent = headers if version == "s3v4" else {}  # the older signature has them in the link itself
    assert send("PUT", link, b"x", {**sent, "Content-Type": ""}).error == (501, "NotImplemented")
    post = s3.generate_presigned_post(**OBJECT, Fields={HEADER: "AES256"}, Conditions=[{HEADER: "AES256"}])
    assert post_form(post["url"], post["fields"]).error == (501, "NotImplemented")
    assert code(error(s3.head_object, **OBJECT)) == "404"


def test_an_unknown_encryption_is_refused(s3: Any) -> None:
    for call, more in ((s3.put_object, {"Body": b"x"}), (s3.copy_object, {"CopySource": OBJECT})):
        for unknown in ("aes256", "AWS:KMS", "none"):
            refused = error(call, **OBJECT, **more, ServerSideEncryption=unknown)
            assert (code(refused), text(refused)) == (
                "InvalidArgument",
                "The encryption method specified is not supported",
            )
    assert code(error(s3.create_multipart_upload, **OBJECT, ServerSideEncryption="none")) == "InvalidArgument"
    wanted = {"x-amz-server-side-encryption": "none"}
    post = s3.generate_presigned_post(**OBJECT, Fields=wanted, Conditions=[wanted])
    assert post_form(post["url"], post["fields"]).error == (400, "InvalidArgument")
    assert s3.get_object(**OBJECT)["Body"].read() == b"content"
    for known in ("AES256", "aws:kms", "aws:kms:dsse"):
        assert s3.put_object(**OBJECT, Body=b"x", ServerSideEncryption=known)["ServerSideEncryption"] == known


def test_a_bucket_takes_no_unknown_encryption(s3: Any) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "unknown"}}
    asked = {"Bucket": BUCKET, "ServerSideEncryptionConfiguration": {"Rules": [rule]}}
    assert code(error(s3.put_bucket_encryption, **asked)) == "MalformedXML"
    asked["ServerSideEncryptionConfiguration"] = {"Rules": []}
    assert code(error(s3.put_bucket_encryption, **asked)) == "MalformedXML"
    rules = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
