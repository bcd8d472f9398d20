"""Requests to S3 that nobody has signed: buckets are not public unless a policy or a list opens them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.deployments.localaws.callers import allow, code, document, error
from tests.deployments.localaws.cloud import BUCKET, Cloud
from tests.deployments.localaws.plain_http import post_form, send

OBJECT = {"Bucket": BUCKET, "Key": "key"}


@pytest.fixture(params=["cloud", "enforced"])
def owner(request: pytest.FixtureRequest) -> Cloud:
    """An AWS that enforces IAM or not, with an object."""
    cloud: Cloud = request.getfixturevalue(request.param)
    cloud.s3.put_object(**OBJECT, Body=b"content")
    return cloud


@pytest.fixture
def anonymous(owner: Cloud) -> Any:
    """A client without credentials."""
    return owner.client("s3", config=Config(signature_version=UNSIGNED))


def test_nobody_reads_writes_or_lists_without_credentials(owner: Cloud, anonymous: Any) -> None:
    for call, request in (
        (anonymous.get_object, OBJECT),
        (anonymous.put_object, {**OBJECT, "Body": b"other"}),
        (anonymous.delete_object, OBJECT),
        (anonymous.create_multipart_upload, OBJECT),
        (anonymous.list_objects_v2, {"Bucket": BUCKET}),
        (anonymous.delete_objects, {"Bucket": BUCKET, "Delete": {"Objects": [{"Key": "key"}]}}),
        (anonymous.create_bucket, {"Bucket": "another"}),
        (anonymous.list_buckets, {}),
    ):
        if call == anonymous.delete_objects:
            assert [each["Code"] for each in call(**request)["Errors"]] == ["AccessDenied"]
            continue
        assert code(error(call, **request)) == "AccessDenied"
    assert code(error(anonymous.head_object, **OBJECT)) == "403"
    assert owner.s3.get_object(**OBJECT)["Body"].read() == b"content"
    assert [each["Name"] for each in owner.s3.list_buckets()["Buckets"]] == [BUCKET]


def test_the_refusal_is_a_document(owner: Cloud) -> None:
    refused = send("GET", f"{owner.aws.endpoint_url}/{BUCKET}/key")
    assert (refused.error, refused.element("Message")) == ((403, "AccessDenied"), "Access Denied")


def test_a_missing_bucket_is_told_to_everybody_and_a_missing_key_to_nobody(owner: Cloud, anonymous: Any) -> None:
    assert code(error(anonymous.get_object, Bucket="nowhere", Key="key")) == "NoSuchBucket"
    assert code(error(anonymous.get_object, Bucket=BUCKET, Key="missing")) == "AccessDenied"


def test_a_bucket_policy_opens_what_it_names(owner: Cloud, anonymous: Any) -> None:
    owner.s3.delete_public_access_block(Bucket=BUCKET)
    public = {**allow("s3:GetObject", "s3:PutObject", resource=f"arn:aws:s3:::{BUCKET}/k*"), "Principal": "*"}
    owner.s3.put_bucket_policy(Bucket=BUCKET, Policy=document(public))
    assert anonymous.get_object(**OBJECT)["Body"].read() == b"content"
    anonymous.put_object(**OBJECT, Body=b"other")
    assert anonymous.head_object(**OBJECT)["ContentLength"] == len(b"other")
    url = f"{owner.aws.endpoint_url}/{BUCKET}"
    assert post_form(url, {"key": "k2"}).status == 204
    assert post_form(url, {"key": "other"}).error == (403, "AccessDenied")
    assert code(error(anonymous.list_objects_v2, Bucket=BUCKET)) == "AccessDenied"
    assert code(error(anonymous.delete_object, **OBJECT)) == "AccessDenied"


def test_a_policy_for_a_user_opens_nothing_to_everybody(owner: Cloud, anonymous: Any) -> None:
    named = {**allow("s3:GetObject"), "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}
    owner.s3.put_bucket_policy(Bucket=BUCKET, Policy=document({**named, "Resource": f"arn:aws:s3:::{BUCKET}/*"}))
    assert code(error(anonymous.get_object, **OBJECT)) == "AccessDenied"


def test_an_objects_list_opens_it_to_readers_alone(owner: Cloud, anonymous: Any) -> None:
    owner.s3.create_bucket(Bucket="lists", ObjectOwnership="ObjectWriter")
    owner.s3.delete_public_access_block(Bucket="lists")
    named = {"Bucket": "lists", "Key": "key"}
    owner.s3.put_object(**named, Body=b"content", ACL="public-read")
    assert anonymous.get_object(**named)["Body"].read() == b"content"
    assert code(error(anonymous.put_object, **named, Body=b"x")) == "AccessDenied"
    owner.s3.put_public_access_block(Bucket="lists", PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    assert code(error(anonymous.get_object, **named)) == "AccessDenied"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_link_without_its_signature_is_nobodys(owner: Cloud, version: str) -> None:
    s3 = owner.client("s3", config=Config(signature_version=version))
    link = s3.generate_presigned_url("get_object", Params=OBJECT)
    marks = ("X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential", "Signature", "AWSAccessKeyId")
    address, _, query = link.partition("?")
    pairs = query.split("&")
    for lacking in (marks[:2], marks[3:4], marks):
        kept = "&".join(pair for pair in pairs if pair.partition("=")[0] not in lacking)
        if kept != query:
            assert send("GET", f"{address}?{kept}").status in (400, 403)
    assert send("GET", address).error == (403, "AccessDenied")
    assert send("GET", link).body == b"content"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_form_without_its_policy_or_signature_is_nobodys(owner: Cloud, version: str) -> None:
    s3 = owner.client("s3", config=Config(signature_version=version))
    post = s3.generate_presigned_post(BUCKET, "form")
    fields = dict(post["fields"])
    signature = "signature" if "signature" in fields else "x-amz-signature"
    without = {name: value for name, value in fields.items() if name != "policy"}
    assert post_form(post["url"], {"key": "form"}).error == (403, "AccessDenied")
    assert post_form(post["url"], without).error == (403, "AccessDenied")
    unsigned = {name: value for name, value in fields.items() if name != signature}
    assert post_form(post["url"], unsigned).error == (400, "InvalidArgument")
    assert code(error(s3.head_object, Bucket=BUCKET, Key="form")) == "404"
    assert post_form(post["url"], fields).status == 204


def test_a_form_of_a_key_that_nobody_has_must_carry_a_signature(cloud: Cloud) -> None:
    policy = base64.b64encode(json.dumps({"expiration": "2999-01-01T00:00:00Z", "conditions": [{"key": "k"}]}).encode())
    fields = {"key": "k", "AWSAccessKeyId": "unknown", "policy": policy.decode()}
    refused = post_form(f"{cloud.aws.endpoint_url}/{BUCKET}", fields)
    assert refused.error == (400, "InvalidArgument")
    assert "'signature'" in (refused.element("Message") or "")


def test_a_header_that_names_no_key_is_refused(owner: Cloud) -> None:
    refused = send("GET", f"{owner.aws.endpoint_url}/{BUCKET}/key", headers={"Authorization": "Bearer x"})
    assert refused.error == (400, "InvalidArgument")


def test_a_header_signed_the_older_way_is_its_keys(owner: Cloud) -> None:
    s3 = owner.client("s3", config=Config(signature_version="s3"))
    assert s3.get_object(**OBJECT)["Body"].read() == b"content"
