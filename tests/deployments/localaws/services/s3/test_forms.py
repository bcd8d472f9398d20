"""Uploads by a browser's form: what their policy allows, what they store, and the answers they get."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localaws.access.s3 import presigned
from tests.deployments.localaws.callers import Caller, allow
from tests.deployments.localaws.cloud import BUCKET, Cloud
from tests.deployments.localaws.plain_http import Answer, post_form, send

OBJECT = {"Bucket": BUCKET, "Key": "user/key"}


@pytest.fixture(params=["s3v4", "s3"])
def s3(request: pytest.FixtureRequest, cloud: Cloud) -> Any:
    """A client that signs forms one way or the other."""
    return boto3.client("s3", config=Config(signature_version=request.param))


def upload(s3: Any, sent: dict[str, str] | None = None, content: bytes = b"content", **form: Any) -> Answer:
    """The answer to a form; `sent` has fields that its maker didn't know of."""
    post = s3.generate_presigned_post(**OBJECT, **form)
    return post_form(post["url"], {**post["fields"], **(sent or {})}, content)


def refusal(answer: Answer) -> tuple[int, str | None, str | None]:
    return answer.status, answer.element("Code"), answer.element("Message")


def by_policy(why: str) -> tuple[int, str, str]:
    return 403, "AccessDenied", f"Invalid according to Policy: {why}"


def nothing_is_stored(s3: Any) -> bool:
    return "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def test_a_form_within_its_policy_is_stored_as_it_says(s3: Any) -> None:
    fields = {
        "Content-Type": "image/png",
        "x-amz-meta-owner": "me",
        "Cache-Control": "max-age=60",
        "x-amz-storage-class": "STANDARD_IA",
        "tagging": "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>",
    }
    conditions = [{name: value} for name, value in fields.items()] + [["content-length-range", 1, 10]]
    answer = upload(s3, Fields=fields, Conditions=conditions)
    assert (answer.status, answer.body) == (204, b"")
    found = s3.get_object(**OBJECT)
    assert (found["Body"].read(), found["ETag"]) == (b"content", answer.headers["ETag"])
    assert (found["ContentType"], found["Metadata"], found["CacheControl"]) == (
        "image/png",
        {"owner": "me"},
        "max-age=60",
    )
    assert (found["StorageClass"], found["ServerSideEncryption"]) == ("STANDARD_IA", "AES256")
    assert s3.get_object_tagging(**OBJECT)["TagSet"] == [{"Key": "k", "Value": "v"}]


def test_a_file_of_another_length_than_allowed_is_refused(s3: Any) -> None:
    allowed = {"Conditions": [["content-length-range", 2, 10]]}
    large = upload(s3, content=bytes(99), **allowed)
    assert (large.error, large.element("ProposedSize"), large.element("MaxSizeAllowed")) == (
        (400, "EntityTooLarge"), "99", "10",
    )  # fmt: skip
    small = upload(s3, content=b"x", **allowed)
    assert (small.error, small.element("MinSizeAllowed")) == ((400, "EntityTooSmall"), "2")
    assert nothing_is_stored(s3)
    assert upload(s3, content=bytes(10), **allowed).status == 204


def test_a_form_for_another_key_or_bucket_is_refused(cloud: Cloud, s3: Any) -> None:
    answer = upload(s3, {"key": "another"})
    assert refusal(answer) == by_policy('Policy Condition failed: ["eq", "$key", "user/key"]')
    s3.create_bucket(Bucket="another")
    post = s3.generate_presigned_post(**OBJECT)
    answer = post_form(f"{cloud.aws.endpoint_url}/another", post["fields"])
    assert refusal(answer) == by_policy(f'Policy Condition failed: ["eq", "$bucket", "{BUCKET}"]')
    assert nothing_is_stored(s3)


FAILING: list[tuple[Any, dict[str, str], str]] = [
    ({"acl": "private"}, {"acl": "public-read"}, '["eq", "$acl", "private"]'),
    ({"acl": "private"}, {}, '["eq", "$acl", "private"]'),
    (["eq", "$Content-Type", "image/png"], {"Content-Type": "text/html"}, '["eq", "$content-type", "image/png"]'),
    (
        ["starts-with", "$Content-Type", "image/"],
        {"Content-Type": "image/png,text/html"},
        '["starts-with", "$content-type", "image/"]',
    ),
    (["starts-with", "$x-amz-meta-a", ""], {}, '["starts-with", "$x-amz-meta-a", ""]'),
]


@pytest.mark.parametrize(("condition", "sent", "told"), FAILING, ids=lambda value: str(value)[:30])
def test_a_field_against_a_condition_is_refused(s3: Any, condition: Any, sent: dict[str, str], told: str) -> None:
    answer = upload(s3, sent, Conditions=[condition])
    assert refusal(answer) == by_policy(f"Policy Condition failed: {told}")
    assert nothing_is_stored(s3)


def test_a_field_that_begins_as_it_should_is_taken(s3: Any) -> None:
    conditions = [["starts-with", "$Content-Type", "image/"], ["starts-with", "$x-amz-meta-a", ""]]
    sent = {"Content-Type": "image/png,image/webp", "X-Amz-Meta-A": "anything"}
    assert upload(s3, sent, Conditions=conditions).status == 204


def test_fields_that_the_policy_does_not_name_are_refused_unless_they_are_to_be_ignored(s3: Any) -> None:
    answer = upload(s3, {"Content-Type": "text/html", "x-ignore-me": "1"})
    assert refusal(answer) == by_policy("Extra input fields: content-type")
    assert upload(s3, {"x-ignore-me": "1"}).status == 204


def test_a_form_expires(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    post = s3.generate_presigned_post(**OBJECT, ExpiresIn=60)
    monkeypatch.setattr(presigned, "now", lambda: datetime.now(UTC) + timedelta(seconds=62))
    assert refusal(post_form(post["url"], post["fields"])) == by_policy("Policy expired.")


def test_a_form_whose_policy_or_signature_was_changed_is_refused(s3: Any) -> None:
    post = s3.generate_presigned_post(**OBJECT)
    signature = "signature" if "signature" in post["fields"] else "x-amz-signature"
    policy = json.loads(base64.b64decode(post["fields"]["policy"]))
    other = base64.b64encode(json.dumps({**policy, "conditions": []}).encode()).decode()
    for changed in ({signature: "0" * 64}, {"policy": other}):
        assert post_form(post["url"], {**post["fields"], **changed}).error == (403, "SignatureDoesNotMatch")
    assert nothing_is_stored(s3)


def signed(document: Any) -> dict[str, str]:
    """A form with any text for a policy, signed with the key's secret."""
    text = document if isinstance(document, str) else json.dumps(document)
    policy = base64.b64encode(text.encode()).decode()
    signature = base64.b64encode(hmac.new(b"localaws", policy.encode(), hashlib.sha1).digest()).decode()
    return {"key": "k", "AWSAccessKeyId": "localaws", "policy": policy, "signature": signature}


NO_POLICIES = [
    "no JSON",
    {"conditions": []},
    {"expiration": "2999-01-01T00:00:00Z"},
    {"expiration": "soon", "conditions": []},
    {"expiration": "2999-01-01T00:00:00Z", "conditions": [["ends-with", "$key", "x"]]},
    {"expiration": "2999-01-01T00:00:00Z", "conditions": [{"key": "k", "acl": "private"}]},
]


@pytest.mark.parametrize("document", NO_POLICIES, ids=str)
def test_what_is_no_policy_is_refused(cloud: Cloud, document: Any) -> None:
    answer = post_form(f"{cloud.aws.endpoint_url}/{BUCKET}", signed(document))
    assert answer.error == (400, "InvalidPolicyDocument")


def test_a_form_must_have_a_key_a_file_and_a_bucket(cloud: Cloud) -> None:
    url = f"{cloud.aws.endpoint_url}/{BUCKET}"
    assert post_form(url, {"acl": "private"}).error == (400, "InvalidArgument")
    body = b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--x--\r\n'
    answer = send("POST", url, body, {"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.element("Message") == "POST requires exactly one file upload per request."
    assert post_form(f"{cloud.aws.endpoint_url}/nowhere", {"key": "k"}).error == (404, "NoSuchBucket")


def send_parts(url: str, *parts: tuple[str, str | None, str]) -> Answer:
    """The answer to a form of parts, each with its name, its file's name and its text, in this order."""
    body = ""
    for name, filename, text in parts:
        of_file = f'; filename="{filename}"' if filename is not None else ""
        body += f'--x\r\nContent-Disposition: form-data; name="{name}"{of_file}\r\n\r\n{text}\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    return send("POST", url, f"{body}--x--\r\n".encode(), headers)


def test_fields_after_the_file_are_ignored(s3: Any) -> None:
    post = s3.generate_presigned_post(**OBJECT)
    fields = [(name, None, value) for name, value in post["fields"].items()]
    after = [("x-amz-meta-late", None, "1"), ("key", None, "another"), ("acl", None, "public-read")]
    assert send_parts(post["url"], *fields, ("file", "f", "content"), *after).status == 204
    found = s3.get_object(**OBJECT)
    assert (found["Body"].read(), found["Metadata"]) == (b"content", {})
    [listed] = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert listed["Key"] == OBJECT["Key"]


def test_a_key_or_a_signature_after_the_file_counts_as_missing(s3: Any) -> None:
    post = s3.generate_presigned_post(**OBJECT)
    for late in ("key", "signature" if "signature" in post["fields"] else "x-amz-signature"):
        before = [(name, None, value) for name, value in post["fields"].items() if name != late]
        answer = send_parts(post["url"], *before, ("file", "f", "content"), (late, None, post["fields"][late]))
        why = "If it is specified, please check the order of the fields."
        needed = f"Bucket POST must contain a field named '{late}'.  {why}"
        assert refusal(answer) == (400, "InvalidArgument", needed)
    assert nothing_is_stored(s3)


def test_a_form_has_one_file(s3: Any) -> None:
    post = s3.generate_presigned_post(**OBJECT)
    fields = [(name, None, value) for name, value in post["fields"].items()]
    for files in (
        [("file", "a", "1"), ("file", "b", "2")],
        [("file", "a", "1"), ("file", None, "2")],
        [("f", "a", "1")],
    ):
        answer = send_parts(post["url"], *fields, *files)
        why = "POST requires exactly one file upload per request."
        assert refusal(answer) == (400, "InvalidArgument", why)
    assert nothing_is_stored(s3)
    assert send_parts(post["url"], *fields, ("file", None, "unnamed")).status == 204
    assert s3.get_object(**OBJECT)["Body"].read() == b"unnamed"


def test_a_form_that_is_none_is_refused(cloud: Cloud) -> None:
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=x"):
        answer = send("POST", f"{cloud.aws.endpoint_url}/{BUCKET}", b"nonsense", {"Content-Type": content_type})
        assert answer.error == (400, "MalformedPOSTRequest")


def test_the_files_name_becomes_part_of_the_key(s3: Any) -> None:
    post = s3.generate_presigned_post(BUCKET, "user/${filename}", Conditions=[["starts-with", "$key", "user/"]])
    for sent in ("a b.png", "/home/me/a b.png"):
        assert post_form(post["url"], post["fields"], sent.encode(), filename=sent).status == 204
        assert s3.get_object(Bucket=BUCKET, Key="user/a b.png")["Body"].read() == sent.encode()


@pytest.mark.parametrize(("asked", "status"), [("200", 200), ("201", 201), ("204", 204), ("302", 204)])
def test_a_form_is_answered_with_the_status_that_it_asks_for(s3: Any, asked: str, status: int) -> None:
    wanted = {"success_action_status": asked}
    answer = upload(s3, Fields=wanted, Conditions=[wanted])
    assert answer.status == status
    assert (answer.body != b"") == (status == 201)
    assert answer.headers["Location"].endswith(f"/{BUCKET}/user%2Fkey")


def test_a_created_object_is_described(s3: Any) -> None:
    wanted = {"success_action_status": "201"}
    answer = upload(s3, Fields=wanted, Conditions=[wanted])
    assert answer.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>')
    assert (answer.element("Bucket"), answer.element("Key")) == (BUCKET, "user/key")
    assert answer.element("ETag") == s3.head_object(**OBJECT)["ETag"]
    assert answer.element("Location") == answer.headers["Location"]


def test_a_form_redirects_where_it_asks_to(s3: Any) -> None:
    wanted = {"success_action_redirect": "http://example.com/done?a=1&b="}
    answer = upload(s3, Fields=wanted, Conditions=[wanted])
    assert answer.status == 303
    query = parse_qs(urlsplit(answer.headers["Location"]).query, keep_blank_values=True)
    etag = s3.head_object(**OBJECT)["ETag"]
    assert query == {"a": ["1"], "b": [""], "bucket": [BUCKET], "key": ["user/key"], "etag": [etag]}


def test_a_forms_checksum_is_checked_and_kept(s3: Any) -> None:
    for content, status in ((b"other", 400), (b"content", 204)):
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        wanted = {"x-amz-checksum-sha256": digest}
        assert upload(s3, Fields=wanted, Conditions=[wanted]).status == status
    assert s3.head_object(**OBJECT, ChecksumMode="ENABLED")["ChecksumSHA256"] == digest


def test_where_permissions_are_judged_a_form_has_its_signers(enforced: Cloud, caller: Caller) -> None:
    s3 = caller.client("s3")
    assert upload(s3).error == (403, "AccessDenied")
    caller.may(allow("s3:PutObject", resource=f"arn:aws:s3:::{BUCKET}/user/*"))
    assert upload(s3).status == 204
    assert post_form(f"{enforced.aws.endpoint_url}/{BUCKET}", {"key": "anonymous"}).error == (403, "AccessDenied")
    unknown = boto3.client("s3", aws_access_key_id="unknown", aws_secret_access_key="x")
    assert upload(unknown).error == (403, "InvalidAccessKeyId")
    assert upload(enforced.s3).status == 204
    with pytest.raises(ClientError, match="404"):
        enforced.s3.head_object(Bucket=BUCKET, Key="anonymous")


def test_a_form_makes_one_event(cloud: Cloud, s3: Any) -> None:
    url, arn = cloud.queue()
    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=configuration)
    sqs = cloud.client("sqs")
    sqs.purge_queue(QueueUrl=url)
    assert upload(s3).status == 204
    [message] = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(message["Body"])["Records"][0]["eventName"] == "ObjectCreated:Post"
