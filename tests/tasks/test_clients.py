"""One place makes the clients, and turns what boto3 raises into errors that name action, resource and remedy."""

from collections.abc import Callable

import boto3
import pytest
from botocore.exceptions import ClientError

from localaws import LocalAws
from tasks.clients import account_id, client, explained, is_missing, missing_ok, region
from tasks.errors import InputError, NotFoundError, PermissionDeniedError, ServiceUnreachableError, StygigError

NOBODY_LISTENS = "http://127.0.0.1:9"


def refusal(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


def test_a_client_is_made_once_per_environment(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    first = client("s3")
    assert client("s3") is first
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert client("s3") is not first


def test_a_client_talks_to_what_the_environment_names(local_aws: LocalAws) -> None:
    assert client("sagemaker").meta.endpoint_url == local_aws.endpoint_url


def test_the_region_is_that_of_the_clients(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert region() == "eu-west-1"


def test_no_region_is_an_error_that_says_how_to_set_one(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(InputError, match="No AWS region is set: export AWS_DEFAULT_REGION"):
        region()


def test_an_unknown_profile_is_named(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nightly-account")
    with pytest.raises(InputError, match=r"nightly-account.*Set AWS_PROFILE"):
        client("s3")


def test_the_account_is_that_of_the_credentials(local_aws: LocalAws) -> None:
    assert account_id() == boto3.client("sts").get_caller_identity()["Account"]


def test_an_endpoint_that_nobody_serves_is_named(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOBODY_LISTENS)
    impatient = boto3.client("s3", config=boto3.session.Config(retries={"max_attempts": 0}, connect_timeout=1))
    with pytest.raises(ServiceUnreachableError, match=rf"s3:ListBucket on bucket: .*Is {NOBODY_LISTENS} up\?"):
        with explained("s3:ListBucket", "bucket"):
            impatient.list_objects_v2(Bucket="bucket")


@pytest.mark.parametrize(
    "url",
    ["http://me:secret@127.0.0.1:9", "me:secret@nowhere", "http://me:se'secret@127.0.0.1:9", "http://me:secret@h:x"],
)
def test_a_password_in_the_endpoints_url_is_not_told(
    local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(StygigError) as raised, explained("s3:ListAllMyBuckets"):
        client("s3").list_buckets()
    assert "secret" not in str(raised.value)
    assert "***@" in str(raised.value)


def test_a_credentials_block_that_does_not_exist_is_named(
    local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch, prefect_backend: str
) -> None:
    monkeypatch.setenv("STYGIG_CREDENTIALS_BLOCK", "no-such-block")
    with pytest.raises(InputError, match=r"STYGIG_CREDENTIALS_BLOCK names 'no-such-block', but Prefect has no Aws"):
        client("s3")


def test_a_denied_action_is_named(only_allowed: Callable[..., None]) -> None:
    only_allowed("s3:PutObject")
    with pytest.raises(PermissionDeniedError, match=r"^s3:ListAllMyBuckets was denied: .*Allow s3:ListAllMyBuckets"):
        with explained("s3:ListAllMyBuckets"):
            client("s3").list_buckets()


def test_missing_credentials_are_said_with_the_ways_to_give_them(
    local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(PermissionDeniedError, match=r"sts:GetCallerIdentity: no AWS credentials.*AWS_PROFILE"):
        account_id()


def test_what_does_not_exist_is_named(local_aws: LocalAws) -> None:
    with pytest.raises(NotFoundError, match=r"s3:ListBucket on nowhere: nowhere does not exist \(NoSuchBucket\)"):
        with explained("s3:ListBucket", "nowhere"):
            client("s3").list_objects_v2(Bucket="nowhere")


def test_any_other_refusal_keeps_awss_own_words(local_aws: LocalAws) -> None:
    with pytest.raises(StygigError, match=r"sqs:CreateQueue on a b failed: \w+.*[Cc]an only include alphanumeric"):
        with explained("sqs:CreateQueue", "a b"):
            client("sqs").create_queue(QueueName="a b")


def test_the_original_error_stays_the_cause(local_aws: LocalAws) -> None:
    with pytest.raises(NotFoundError) as found, explained("s3:ListBucket", "nowhere"):
        client("s3").list_objects_v2(Bucket="nowhere")
    assert isinstance(found.value.__cause__, ClientError)


@pytest.mark.parametrize(
    ("service", "call", "request_"),
    [
        ("sagemaker", "describe_endpoint", {"EndpointName": "none"}),
        ("sagemaker", "describe_endpoint_config", {"EndpointConfigName": "none"}),
        ("sagemaker", "delete_model", {"ModelName": "none"}),
        ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "none", "Body": b""}),
        ("s3", "get_object", {"Bucket": "none", "Key": "k"}),
        ("s3", "head_bucket", {"Bucket": "none"}),
        ("sns", "get_topic_attributes", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:none"}),
        ("sns", "list_tags_for_resource", {"ResourceArn": "arn:aws:sns:us-east-1:123456789012:none"}),
        ("sqs", "get_queue_url", {"QueueName": "none"}),
        ("iam", "get_role", {"RoleName": "none"}),
        ("logs", "describe_log_streams", {"logGroupName": "none"}),
        (
            "application-autoscaling",
            "deregister_scalable_target",
            {
                "ServiceNamespace": "sagemaker",
                "ResourceId": "endpoint/none/variant/AllTraffic",
                "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            },
        ),
    ],
)
def test_every_services_way_of_saying_not_found_is_known(
    local_aws: LocalAws, service: str, call: str, request_: dict[str, object]
) -> None:
    with pytest.raises(ClientError) as found:
        getattr(client(service), call)(**request_)
    assert is_missing(found.value)


def test_a_refusal_of_another_kind_is_not_taken_for_missing() -> None:
    assert not is_missing(refusal("ValidationException", 'Cannot update in-progress endpoint "arn:aws:…".'))
    assert not is_missing(refusal("AccessDenied", "does not exist or you may not see it"))


def test_missing_ok_swallows_nothing_but_missing() -> None:
    with missing_ok():
        raise refusal("NoSuchKey")
    with pytest.raises(ClientError), missing_ok():
        raise refusal("ThrottlingException")
