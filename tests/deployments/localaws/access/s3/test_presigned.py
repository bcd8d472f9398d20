"""Presigned links to S3 are valid for their time, and only for what was signed."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import boto3
import pytest
from botocore.config import Config

from localaws.access.s3 import presigned, signatures
from tests.deployments.localaws.callers import USER, Caller, allow, document
from tests.deployments.localaws.cloud import BUCKET, Cloud
from tests.deployments.localaws.plain_http import post_form, send

OBJECT = {"Bucket": BUCKET, "Key": "a folder/ü+&.png"}
VERSIONS = ["s3v4", "s3"]


@pytest.fixture(params=VERSIONS)
def s3(request: pytest.FixtureRequest, cloud: Cloud) -> Any:
    """A client that signs one way or the other, and an object."""
    cloud.s3.put_object(**OBJECT, Body=b"content")
    return signing(request.param)


def signing(version: str, **options: Any) -> Any:
    return boto3.client("s3", config=Config(signature_version=version), **options)


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let S3 see its requests so many seconds later than they are made."""
    monkeypatch.setattr(presigned, "now", lambda: datetime.now(UTC) + timedelta(seconds=seconds))


def with_query(url: str, **changed: str) -> str:
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), **changed}
    return urlunsplit(parts._replace(query=urlencode(query)))


def test_a_link_works_until_it_expires(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    link = s3.generate_presigned_url("get_object", Params=OBJECT, ExpiresIn=3600)
    assert send("GET", link).body == b"content"
    later(monkeypatch, 3602)
    expired = send("GET", link)
    assert expired.error == (403, "AccessDenied")
    assert expired.element("Message") == "Request has expired"
    assert (expired.element("Expires") or "") < (expired.element("ServerTime") or "")


def test_the_clock_of_links_is_the_signers_not_the_compressed_one(cloud: Cloud, s3: Any) -> None:
    link = s3.generate_presigned_url("get_object", Params=OBJECT, ExpiresIn=3600)
    cloud.aws.clock.rate = 1_000_000
    assert send("GET", link).status == 200


def test_a_link_for_something_else_is_refused(s3: Any) -> None:
    link = s3.generate_presigned_url("get_object", Params=OBJECT)
    for method in ("PUT", "HEAD", "DELETE"):
        assert send(method, link, b"x" if method == "PUT" else None).status == 403
    another = link.replace(quote("a folder"), "another")
    refused = send("GET", another)
    assert refused.error == (403, "SignatureDoesNotMatch")
    assert refused.element("StringToSign")
    assert send("GET", with_query(link, versionId="1")).error == (403, "SignatureDoesNotMatch")
    assert send("GET", link).body == b"content"


def test_a_link_whose_signature_is_wrong_is_refused(s3: Any) -> None:
    link = s3.generate_presigned_url("get_object", Params=OBJECT)
    name = "X-Amz-Signature" if "X-Amz-Signature" in link else "Signature"
    assert send("GET", with_query(link, **{name: "0" * 64})).error == (403, "SignatureDoesNotMatch")
    assert send("GET", with_query(link, **{name: "ü"})).error == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_secret_that_is_not_the_keys_is_found_out(cloud: Cloud, version: str) -> None:
    wrong = signing(version, aws_access_key_id="localaws", aws_secret_access_key="wrong")
    refused = send("GET", wrong.generate_presigned_url("get_object", Params=OBJECT))
    assert refused.error == (403, "SignatureDoesNotMatch")
    assert refused.element("AWSAccessKeyId") == "localaws"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_key_that_nobody_has_is_taken_on_trust_for_the_time_of_its_link(
    cloud: Cloud, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.s3.put_object(**OBJECT, Body=b"content")
    unknown = signing(version, aws_access_key_id="unknown", aws_secret_access_key="x")
    link = unknown.generate_presigned_url("get_object", Params=OBJECT, ExpiresIn=60)
    assert send("GET", link).status == 200
    later(monkeypatch, 62)
    assert send("GET", link).error == (403, "AccessDenied")


@pytest.mark.parametrize("version", VERSIONS)
def test_links_of_users_and_of_roles_are_checked_with_their_own_secrets(enforced: Cloud, version: str) -> None:
    enforced.s3.put_object(**OBJECT, Body=b"content")
    caller = Caller(enforced.aws)
    caller.may(allow("s3:GetObject"), allow("sts:AssumeRole"))
    trust = {"Effect": "Allow", "Principal": {"AWS": USER}, "Action": "sts:AssumeRole"}
    role = caller.iam.create_role(RoleName="reader", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    permissions = document(allow("s3:GetObject"))
    caller.iam.put_role_policy(RoleName="reader", PolicyName="reads", PolicyDocument=permissions)
    for keys in (caller.key, caller.assume(role).key):
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        client = signing(version, **dict(zip(names, keys, strict=False)))
        link = client.generate_presigned_url("get_object", Params=OBJECT)
        assert send("GET", link).body == b"content"
        forged = signing(version, **dict(zip(names, (keys[0], "wrong", *keys[2:]), strict=False)))
        link = forged.generate_presigned_url("get_object", Params=OBJECT)
        assert send("GET", link).error == (403, "SignatureDoesNotMatch")


def test_an_upload_by_link_has_the_type_that_was_signed(s3: Any) -> None:
    link = s3.generate_presigned_url("put_object", Params={**OBJECT, "ContentType": "image/png"})
    assert send("PUT", link, b"x", {"Content-Type": "text/plain"}).error == (403, "SignatureDoesNotMatch")
    assert send("PUT", link, b"new", {"Content-Type": "image/png"}).status == 200
    assert s3.get_object(**OBJECT)["ContentType"] == "image/png"


def test_a_link_takes_no_header_of_amazons_that_was_not_signed(cloud: Cloud) -> None:
    link = signing("s3v4").generate_presigned_url("put_object", Params=OBJECT)
    refused = send("PUT", link, b"x", {"x-amz-storage-class": "GLACIER"})
    assert refused.error == (403, "AccessDenied")
    assert refused.element("HeadersNotSigned") == "x-amz-storage-class"


MALFORMED = [
    ({"X-Amz-Expires": "604801"}, "must be less than 604800 seconds"),
    ({"X-Amz-Expires": "-1"}, "X-Amz-Expires must be non-negative"),
    ({"X-Amz-Expires": "soon"}, "X-Amz-Expires should be a number"),
    ({"X-Amz-Date": "yesterday"}, "X-Amz-Date must be in the ISO8601"),
    ({"X-Amz-Credential": "localaws"}, "the Credential is mal-formed"),
    ({"X-Amz-Algorithm": "AWS4-HMAC-MD5"}, "X-Amz-Algorithm only supports"),
]


@pytest.mark.parametrize(("changed", "why"), MALFORMED, ids=lambda value: str(value)[:30])
def test_a_malformed_link_is_refused(cloud: Cloud, changed: dict[str, str], why: str) -> None:
    link = signing("s3v4").generate_presigned_url("get_object", Params=OBJECT)
    refused = send("GET", with_query(link, **changed))
    assert refused.error == (400, "AuthorizationQueryParametersError")
    assert why in (refused.element("Message") or "")


def test_a_link_that_lacks_something_is_refused(s3: Any) -> None:
    link = s3.generate_presigned_url("get_object", Params=OBJECT)
    lacking = link.replace("X-Amz-Expires", "X-Amz-Other").replace("&Expires", "&Other")
    assert send("GET", lacking).status in (400, 403)
    assert send("GET", link, headers={"Authorization": "AWS localaws:x"}).error == (400, "InvalidArgument")


def in_lower_case(link: str) -> str:
    return re.sub(r"X-Amz-[A-Za-z-]+=", lambda name: name[0].lower(), link)


def test_the_case_of_a_links_parameters_does_not_matter(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    link = in_lower_case(signing("s3v4").generate_presigned_url("get_object", Params=OBJECT, ExpiresIn=60))
    assert "x-amz-expires" in link
    assert send("GET", link).error == (403, "SignatureDoesNotMatch")  # the names are signed as they are sent
    later(monkeypatch, 62)
    assert (send("GET", link).error, send("GET", link).element("X-Amz-Expires")) == ((403, "AccessDenied"), "60")


def test_a_link_that_was_signed_with_names_in_lower_case_works(cloud: Cloud) -> None:
    cloud.s3.put_object(**OBJECT, Body=b"content")
    link = in_lower_case(signing("s3v4").generate_presigned_url("get_object", Params=OBJECT))
    told = send("GET", link)
    text = html.unescape(told.element("StringToSign") or "")
    signature = signatures.v4_signature("localaws", text.split("\n")[2], text)
    assert send("GET", re.sub("x-amz-signature=[0-9a-f]+", f"x-amz-signature={signature}", link)).body == b"content"


@pytest.mark.parametrize("version", VERSIONS)
def test_links_of_a_key_that_was_taken_away_are_refused(cloud: Cloud, version: str) -> None:
    cloud.s3.put_object(**OBJECT, Body=b"content")
    caller = Caller(cloud.aws)
    client = signing(version, aws_access_key_id=caller.key[0], aws_secret_access_key=caller.key[1])
    link, post = client.generate_presigned_url("get_object", Params=OBJECT), client.generate_presigned_post(BUCKET, "k")
    assert send("GET", link).status == 200
    named = {"UserName": "caller", "AccessKeyId": caller.key[0]}
    for status, expected in (("Inactive", (403, "InvalidAccessKeyId")), ("Active", (200, None))):
        caller.iam.update_access_key(**named, Status=status)
        assert send("GET", link).error == expected
    caller.iam.delete_access_key(**named)
    assert send("GET", link).error == (403, "InvalidAccessKeyId")
    assert post_form(post["url"], post["fields"]).error == (403, "InvalidAccessKeyId")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_signs_with_its_own_token_alone(cloud: Cloud, version: str) -> None:
    cloud.s3.put_object(**OBJECT, Body=b"content")
    caller = Caller(cloud.aws)
    role = caller.iam.create_role(RoleName="reader", AssumeRolePolicyDocument=document(allow("sts:AssumeRole")))
    first, second = (caller.assume(role["Role"]["Arn"]).key for _ in range(2))
    for key, expected in (
        ((*first[:2], first[2]), (200, None)),
        ((*first[:2], None), (403, "InvalidAccessKeyId")),
        ((*first[:2], second[2]), (400, "InvalidToken")),
        ((*caller.key, first[2]), (400, "InvalidToken")),
    ):
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        client = signing(version, **dict(zip(names, key, strict=True)))
        assert send("GET", client.generate_presigned_url("get_object", Params=OBJECT)).error == expected


def test_a_link_is_signed_for_the_buckets_region(cloud: Cloud) -> None:
    cloud.s3.put_object(**OBJECT, Body=b"content")
    elsewhere = signing("s3v4", region_name="eu-west-1")
    refused = send("GET", elsewhere.generate_presigned_url("get_object", Params=OBJECT))
    assert refused.error == (400, "AuthorizationQueryParametersError")
    wrong = "the region 'eu-west-1' is wrong; expecting 'us-east-1'"
    assert refused.element("Message") == f"Error parsing the X-Amz-Credential parameter; {wrong}"
    elsewhere.create_bucket(Bucket="europe", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    link = elsewhere.generate_presigned_url("put_object", Params={**OBJECT, "Bucket": "europe"})
    assert send("PUT", link, b"x").status == 200


def test_a_link_that_is_signed_for_tomorrow_is_not_valid_yet(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    link = signing("s3v4").generate_presigned_url("get_object", Params=OBJECT)
    later(monkeypatch, -3600)
    refused = send("GET", link)
    assert (refused.error, refused.element("Message")) == ((403, "AccessDenied"), "Request is not valid yet")


def test_a_browser_may_ask_beforehand_whether_it_may_use_a_link(s3: Any) -> None:
    link = s3.generate_presigned_url("put_object", Params=OBJECT)
    asking = {"Origin": "http://example.com", "Access-Control-Request-Method": "PUT"}
    assert send("OPTIONS", link, headers=asking).error != (403, "SignatureDoesNotMatch")


def test_links_to_parts_of_an_upload_and_to_lists_are_checked_too(s3: Any) -> None:
    upload = {**OBJECT, "UploadId": s3.create_multipart_upload(**OBJECT)["UploadId"]}
    link = s3.generate_presigned_url("upload_part", Params={**upload, "PartNumber": 1})
    headers = {"Content-Type": ""}
    assert send("PUT", link, b"part", headers).status == 200
    assert send("PUT", link.replace("partNumber=1", "partNumber=2"), b"part", headers).status == 403
    link = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": BUCKET, "Prefix": "a f"})
    assert send("GET", link).element("KeyCount") == "1"
