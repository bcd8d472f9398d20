"""Buckets as AWS makes them: their defaults, names, owners and lists."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config

from localaws.services.s3.buckets import is_bucket_name
from tests.deployments.localaws.callers import ACCOUNT, allow, code, document, error, text
from tests.deployments.localaws.cloud import BUCKET, Cloud
from tests.deployments.localaws.plain_http import post_form, send

OBJECT = {"Bucket": BUCKET, "Key": "key"}
ANOTHER_ACCOUNT = "111122223333"
NO_BLOCKS = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    return cloud.s3


def test_a_new_bucket_is_encrypted_closed_and_its_owners(s3: Any) -> None:
    rules = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules == [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
    blocks = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert blocks == dict.fromkeys(NO_BLOCKS, True)
    ownership = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
    assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_every_answer_about_an_object_tells_its_encryption(s3: Any) -> None:
    upload = s3.create_multipart_upload(**OBJECT)
    named = {**OBJECT, "UploadId": upload["UploadId"]}
    part = s3.upload_part(**named, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    answers = [
        upload,
        part,
        s3.complete_multipart_upload(**named, MultipartUpload=parts),
        s3.put_object(**OBJECT, Body=b"x"),
        s3.get_object(**OBJECT),
        s3.head_object(**OBJECT),
        s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=OBJECT),
    ]
    assert [answer["ServerSideEncryption"] for answer in answers] == ["AES256"] * len(answers)


def test_a_buckets_own_encryption_is_what_objects_get_until_it_is_taken_away(s3: Any) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "mine"}}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    answer = s3.put_object(**OBJECT, Body=b"x")
    assert (answer["ServerSideEncryption"], answer["SSEKMSKeyId"]) == ("aws:kms", "mine")
    s3.delete_bucket_encryption(Bucket=BUCKET)
    assert s3.put_object(**OBJECT, Body=b"x")["ServerSideEncryption"] == "AES256"
    rules = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_an_output_of_an_endpoint_is_encrypted_too(cloud: Cloud) -> None:
    cloud.model()
    cloud.async_config()
    cloud.endpoint()
    location = cloud.invoke_async({"x": 1})["OutputLocation"]
    key = location.removeprefix(f"s3://{BUCKET}/")
    cloud.s3.get_waiter("object_exists").wait(Bucket=BUCKET, Key=key, WaiterConfig={"Delay": 1, "MaxAttempts": 1800})
    assert cloud.s3.head_object(Bucket=BUCKET, Key=key)["ServerSideEncryption"] == "AES256"


def test_a_bucket_of_its_owner_takes_no_access_control_list(s3: Any) -> None:
    s3.put_object(**OBJECT, Body=b"x")
    reader = {"Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}}
    policy = {"Owner": {"ID": "me"}, "Grants": [{**reader, "Permission": "READ"}]}
    refused: list[tuple[Any, dict[str, Any]]] = [
        (s3.put_bucket_acl, {"Bucket": BUCKET, "ACL": "private"}),
        (s3.put_bucket_acl, {"Bucket": BUCKET, "AccessControlPolicy": policy}),
        (s3.put_object_acl, {**OBJECT, "ACL": "public-read"}),
        (s3.put_object_acl, {**OBJECT, "AccessControlPolicy": policy}),
        (s3.put_object, {**OBJECT, "ACL": "public-read"}),
        (s3.put_object, {**OBJECT, "GrantRead": "id=1"}),
        (s3.copy_object, {**OBJECT, "CopySource": OBJECT, "ACL": "public-read", "MetadataDirective": "REPLACE"}),
        (s3.create_multipart_upload, {**OBJECT, "ACL": "public-read"}),
    ]
    for call, request in refused:
        assert code(error(call, **request)) == "AccessControlListNotSupported"
    s3.put_object(**OBJECT, Body=b"x", ACL="bucket-owner-full-control")
    assert code(error(s3.put_object, **OBJECT, ACL="everybody")) == "InvalidArgument"


def test_a_form_gives_no_access_control_list_either(s3: Any) -> None:
    wanted = {"acl": "public-read"}
    post = s3.generate_presigned_post(**OBJECT, Fields=wanted, Conditions=[wanted])
    assert post_form(post["url"], post["fields"]).error == (400, "AccessControlListNotSupported")


def test_a_bucket_whose_writers_own_their_objects_takes_lists_that_are_not_public(cloud: Cloud, s3: Any) -> None:
    s3.create_bucket(Bucket="lists", ObjectOwnership="ObjectWriter")
    s3.put_object(Bucket="lists", Key="key", Body=b"x", ACL="private")
    public = {"Bucket": "lists", "Key": "key", "ACL": "public-read"}
    assert code(error(s3.put_object_acl, **public)) == "AccessDenied"
    s3.put_public_access_block(Bucket="lists", PublicAccessBlockConfiguration=NO_BLOCKS)
    s3.put_object_acl(**public)
    assert send("GET", f"{cloud.aws.endpoint_url}/lists/key").body == b"x"


def test_a_bucket_is_not_made_with_a_list_that_it_could_not_have(s3: Any) -> None:
    refused = error(s3.create_bucket, Bucket="public", ACL="public-read")
    assert code(refused) == "InvalidBucketAclWithObjectOwnership"
    refused = error(s3.create_bucket, Bucket="public", ACL="public-read", ObjectOwnership="ObjectWriter")
    assert code(refused) == "InvalidBucketAclWithBlockPublicAccessError"
    assert "public" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    s3.create_bucket(Bucket="private", ACL="private")


def test_a_public_policy_is_refused_while_it_is_blocked(s3: Any) -> None:
    policy = document({**allow("s3:GetObject", resource=f"arn:aws:s3:::{BUCKET}/*"), "Principal": "*"})
    refused = error(s3.put_bucket_policy, Bucket=BUCKET, Policy=policy)
    assert (code(refused), "BlockPublicPolicy" in text(refused)) == ("AccessDenied", True)
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=NO_BLOCKS)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)


NAMES = ["abc", "a.b-c", "1" * 63, "my-bucket.example.com", "256.1.1.1"]
NO_NAMES = [
    "ab", "1" * 64, "Bad_Name", "UPPER", "a_b", "-abc", "abc-", ".abc", "abc.", "a..b", "192.168.5.4", "xn--abc",
    "sthree-abc", "amzn-s3-demo-abc", "abc-s3alias", "abc--ol-s3", "abc.mrap", "abc--x-s3", "abc--table-s3",
]  # fmt: skip


def test_buckets_have_names_by_amazons_rules() -> None:
    assert [name for name in NAMES if not is_bucket_name(name)] == []
    assert [name for name in NO_NAMES if is_bucket_name(name)] == []


def test_a_bucket_of_another_name_is_not_made(cloud: Cloud, s3: Any) -> None:
    for name in ("Bad_Name", "192.168.5.4", "abc-s3alias"):
        refused = error(s3.create_bucket, Bucket=name)
        assert (code(refused), refused.response["ResponseMetadata"]["HTTPStatusCode"]) == ("InvalidBucketName", 400)
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [BUCKET]


def test_a_bucket_of_another_owner_than_expected_is_not_touched(s3: Any) -> None:
    s3.put_object(**OBJECT, Body=b"x", ExpectedBucketOwner=ACCOUNT)
    calls: list[tuple[Any, dict[str, Any]]] = [
        (s3.put_object, {**OBJECT, "Body": b"y"}),
        (s3.get_object, OBJECT),
        (s3.delete_object, OBJECT),
        (s3.list_objects_v2, {"Bucket": BUCKET}),
        (s3.get_bucket_encryption, {"Bucket": BUCKET}),
        (s3.delete_bucket, {"Bucket": BUCKET}),
        (s3.create_multipart_upload, OBJECT),
    ]
    for call, request in calls:
        refused = error(call, **request, ExpectedBucketOwner=ANOTHER_ACCOUNT)
        assert (code(refused), refused.response["ResponseMetadata"]["HTTPStatusCode"]) == ("AccessDenied", 403)
    assert code(error(s3.head_bucket, Bucket=BUCKET, ExpectedBucketOwner=ANOTHER_ACCOUNT)) == "403"
    copy = {"Bucket": BUCKET, "Key": "copy", "CopySource": OBJECT}
    assert code(error(s3.copy_object, **copy, ExpectedSourceBucketOwner=ANOTHER_ACCOUNT)) == "AccessDenied"
    assert code(error(s3.get_object, **OBJECT, ExpectedBucketOwner="me")) == "InvalidBucketOwnerAWSAccountID"
    assert code(error(s3.list_objects_v2, Bucket="nowhere", ExpectedBucketOwner=ANOTHER_ACCOUNT)) == "NoSuchBucket"
    assert s3.get_object(**OBJECT, ExpectedBucketOwner=ACCOUNT)["Body"].read() == b"x"


def test_buckets_are_listed_with_their_regions(s3: Any) -> None:
    s3.create_bucket(Bucket="abroad", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    listed = {bucket["Name"]: bucket["BucketRegion"] for bucket in s3.list_buckets()["Buckets"]}
    assert listed == {"abroad": "eu-west-1", BUCKET: "us-east-1"}
    assert [bucket["Name"] for bucket in s3.list_buckets(BucketRegion="eu-west-1")["Buckets"]] == ["abroad"]


def test_buckets_are_listed_in_pages_and_by_prefix(s3: Any) -> None:
    for number in range(5):
        s3.create_bucket(Bucket=f"page-{number}")
    pages = s3.get_paginator("list_buckets").paginate(Prefix="page-", PaginationConfig={"PageSize": 2})
    names = [[bucket["Name"] for bucket in page["Buckets"]] for page in pages]
    assert names == [["page-0", "page-1"], ["page-2", "page-3"], ["page-4"]]
    assert s3.list_buckets(Prefix="page-")["Prefix"] == "page-"
    assert code(error(s3.list_buckets, MaxBuckets=10_001)) == "InvalidArgument"
    assert code(error(s3.list_buckets, ContinuationToken="?")) == "InvalidArgument"


def test_a_bucket_of_a_region_is_made_from_there(cloud: Cloud) -> None:
    s3 = boto3.client("s3", "eu-west-1", config=Config(retries={"total_max_attempts": 1}))
    s3.create_bucket(Bucket="abroad", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert s3.get_public_access_block(Bucket="abroad")["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
