"""Objects, queues and topics have policies of their own, and S3 hides what may not be listed."""

from __future__ import annotations

import inspect
import urllib.error
import urllib.request
from typing import Any

import pytest
from moto.iam.access_control import PermissionResult
from moto.iam.models import IAMBackend
from moto.s3.models import FakeBucket
from moto.sts.models import STSBackend

from tests.deployments.localaws.callers import ACCOUNT, USER, Caller, allow, code, deny, document, error, text
from tests.deployments.localaws.cloud import BUCKET, Cloud

OBJECT = {"Bucket": BUCKET, "Key": "there"}
IN_BUCKET = f"arn:aws:s3:::{BUCKET}"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:topic"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:queue"


@pytest.fixture(autouse=True)
def there(enforced: Cloud) -> None:
    """An object in the bucket."""
    enforced.s3.put_object(**OBJECT, Body=b"content")


def test_resource_policies_allow_and_deny(enforced: Cloud, caller: Caller) -> None:
    def statement(effect: str, action: str, resource: str, principal: Any) -> str:
        return document({"Effect": effect, "Action": action, "Resource": resource, "Principal": principal})

    get, mine = caller.client("s3").get_object, {"AWS": USER}
    enforced.s3.put_bucket_policy(Bucket=BUCKET, Policy=statement("Allow", "s3:GetObject", f"{IN_BUCKET}/*", mine))
    assert get(**OBJECT)["Body"].read() == b"content"
    account = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    enforced.s3.put_bucket_policy(Bucket=BUCKET, Policy=statement("Allow", "s3:GetObject", f"{IN_BUCKET}/*", account))
    assert code(error(get, **OBJECT)) == "AccessDenied", "naming the account leaves it to the account's own policies"
    caller.may(allow("*"))
    enforced.s3.put_bucket_policy(Bucket=BUCKET, Policy=statement("Deny", "s3:GetObject", f"{IN_BUCKET}/*", mine))
    assert text(error(get, **OBJECT)).endswith("with an explicit deny in a resource-based policy")
    enforced.s3.get_object(**OBJECT)
    caller.may(allow("sqs:GetQueueUrl"))
    policy = statement("Allow", "sqs:SendMessage", QUEUE, mine)
    url = enforced.client("sqs").create_queue(QueueName="queue", Attributes={"Policy": policy})["QueueUrl"]
    caller.client("sqs").send_message(QueueUrl=url, MessageBody="m")
    assert code(error(caller.client("sqs").receive_message, QueueUrl=url)) == "AccessDenied"
    topic = enforced.client("sns").create_topic(Name="topic")["TopicArn"]
    assert code(error(caller.client("sns").publish, TopicArn=topic, Message="m")) == "AuthorizationError"
    policy = statement("Allow", "sns:Publish", TOPIC, mine)
    enforced.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    caller.client("sns").publish(TopicArn=topic, Message="m")


@pytest.mark.parametrize("nonsense", ["no JSON", "[]", '{"Statement": [{"Effect": "Allow", "Action": 5}]}'])
def test_what_is_no_policy_is_refused_where_it_is_given(enforced: Cloud, nonsense: str) -> None:
    sns, sqs, iam = (enforced.client(service) for service in ("sns", "sqs", "iam"))
    attributes = {"Policy": nonsense}
    topic = {"TopicArn": sns.create_topic(Name="topic")["TopicArn"], "AttributeName": "Policy"}
    for call, request, expected in (
        (enforced.s3.put_bucket_policy, {"Bucket": BUCKET, "Policy": nonsense}, "MalformedPolicy"),
        (iam.create_role, {"RoleName": "r", "AssumeRolePolicyDocument": nonsense}, "MalformedPolicyDocument"),
        (sns.set_topic_attributes, {**topic, "AttributeValue": nonsense}, "InvalidParameter"),
        (sns.create_topic, {"Name": "other", "Attributes": attributes}, "InvalidParameter"),
        (sqs.create_queue, {"QueueName": "queue", "Attributes": attributes}, "InvalidAttributeValue"),
    ):
        assert code(error(call, **request)) == expected


def test_a_policy_that_insists_on_tls_lets_loopback_pass(enforced: Cloud, caller: Caller) -> None:
    insist = {"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    enforced.s3.put_bucket_policy(Bucket=BUCKET, Policy=document(deny("s3:*", resource=f"{IN_BUCKET}/*", **insist)))
    caller.may(allow("s3:*"))
    assert caller.client("s3").get_object(**OBJECT)["Body"].read() == b"content"


def test_conditions_of_a_bucket_policy_count_where_iam_is_not_enforced_too(cloud: Cloud) -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    by_tls = deny | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    cloud.s3.put_bucket_policy(Bucket=BUCKET, Policy=document(by_tls))
    cloud.s3.put_object(Bucket=BUCKET, Key="one", Body=b"")
    cloud.s3.put_bucket_policy(Bucket=BUCKET, Policy=document(deny))
    assert code(error(cloud.s3.put_object, Bucket=BUCKET, Key="two", Body=b"")) in ("403", "AccessDenied", "Forbidden")


def test_a_missing_key_is_told_only_to_those_who_may_list(caller: Caller) -> None:
    s3, missing = caller.client("s3"), {"Bucket": BUCKET, "Key": "missing"}
    caller.may(allow("s3:GetObject"))
    assert s3.get_object(**OBJECT)["Body"].read() == b"content"
    refused = error(s3.get_object, **missing)
    assert code(refused) == "AccessDenied"
    assert f's3:ListBucket on resource: "{IN_BUCKET}" because' in text(refused)
    assert code(error(s3.head_object, **missing)) == "403"
    caller.may(allow("s3:GetObject"), allow("s3:ListBucket", resource=IN_BUCKET))
    assert code(error(s3.get_object, **missing)) == "NoSuchKey"
    assert code(error(s3.head_object, **missing)) == "404"
    only_below = {"StringLike": {"s3:prefix": "runs/*"}}
    caller.may(allow("s3:GetObject"), allow("s3:ListBucket", resource=IN_BUCKET, Condition=only_below))
    s3.list_objects_v2(Bucket=BUCKET, Prefix="runs/1")
    assert code(error(s3.list_objects_v2, Bucket=BUCKET)) == "AccessDenied"
    assert code(error(s3.head_object, **missing)) == "403"


def test_deleting_many_objects_reports_those_that_may_not_be(enforced: Cloud, caller: Caller) -> None:
    enforced.s3.put_object(Bucket=BUCKET, Key="runs/1", Body=b"")
    caller.may(allow("s3:DeleteObject", resource=f"{IN_BUCKET}/runs/*"))
    objects = [{"Key": "runs/1"}, {"Key": "there"}]
    answer = caller.client("s3").delete_objects(Bucket=BUCKET, Delete={"Objects": objects})
    assert [each["Key"] for each in answer["Deleted"]] == ["runs/1"]
    assert [(each["Key"], each["Code"]) for each in answer["Errors"]] == [("there", "AccessDenied")]
    assert [each["Key"] for each in enforced.s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["there"]


def test_links_carry_the_permissions_of_whoever_signed_them_and_nobody_else_reads(
    enforced: Cloud, caller: Caller
) -> None:
    def status(url: str) -> int:
        try:
            with urllib.request.urlopen(url) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code

    link = caller.client("s3").generate_presigned_url("get_object", Params=OBJECT)
    assert status(link) == 403
    caller.may(allow("s3:GetObject"))
    assert status(link) == 200
    plain = f"{enforced.aws.endpoint_url}/{BUCKET}/there"
    assert status(plain) == 403
    public = {**allow("s3:GetObject", resource=f"{IN_BUCKET}/*"), "Principal": "*"}
    enforced.s3.delete_public_access_block(Bucket=BUCKET)
    enforced.s3.put_bucket_policy(Bucket=BUCKET, Policy=document(public))
    assert status(plain) == 200


def test_an_encrypted_object_needs_its_key(caller: Caller) -> None:
    s3, key = caller.client("s3"), f"arn:aws:kms:us-east-1:{ACCOUNT}:key/mine"
    put = {"Bucket": BUCKET, "Key": "encrypted", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "mine"}
    caller.may(allow("s3:*"))
    assert f'kms:GenerateDataKey on resource: "{key}"' in text(error(s3.put_object, **put, Body=b"x"))
    caller.may(allow("s3:*"), allow("kms:GenerateDataKey", resource=key))
    s3.put_object(**put, Body=b"x")
    assert "kms:Decrypt" in text(error(s3.get_object, Bucket=BUCKET, Key="encrypted"))
    caller.may(allow("s3:*"), allow("kms:Decrypt", resource=key))
    assert s3.get_object(Bucket=BUCKET, Key="encrypted")["Body"].read() == b"x"


def test_what_is_used_of_moto_takes_what_it_is_given() -> None:
    def names(function: Any) -> list[str]:
        return list(inspect.signature(function).parameters)

    assert names(FakeBucket._localaws_get_permission) == ["self", "action", "resource"]
    assert names(STSBackend.assume_role) == [
        "self", "region_name", "role_session_name", "role_arn", "policy", "duration", "external_id",
    ]  # fmt: skip
    assert names(IAMBackend.create_role)[1:] == [
        "role_name", "assume_role_policy_document", "path", "permissions_boundary", "description", "tags",
        "max_session_duration", "linked_service",
    ]  # fmt: skip


def test_without_a_gate_moto_judges_buckets_as_before() -> None:
    bucket = FakeBucket("name", ACCOUNT, "us-east-1")
    bucket.policy = document({**deny("s3:*"), "Principal": "*"}).encode()
    assert bucket.get_permission("s3:GetObject", "arn:aws:s3:::name/key") is PermissionResult.DENIED
