"""Where IAM is enforced, SageMaker and the container can do what the execution role can, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployments.localaws.callers import ACCOUNT, allow, code, document, error, text
from tests.deployments.localaws.cloud import BUCKET, Cloud, eventually

ROLE = f"arn:aws:iam::{ACCOUNT}:role/execution"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/mine"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"
IN_BUCKET = f"arn:aws:s3:::{BUCKET}"
SAGEMAKER = {"Service": "sagemaker.amazonaws.com"}
LOGS = "logs:*"
PULL = "ecr:*"
READ_MODELS = allow("s3:GetObject", resource=f"{IN_BUCKET}/*.tar.gz")
READ_INPUTS = allow("s3:GetObject", resource=f"{IN_BUCKET}/*.json")
WRITE = allow("s3:PutObject", resource=f"{IN_BUCKET}/out/*")
NOTIFY = allow("sns:Publish")
ENCRYPT = allow("kms:GenerateDataKey", resource=KEY)
SENSITIVE = allow("s3:GetObject", resource=f"{IN_BUCKET}/secret")
ASKS_AS_THE_ROLE = """
import boto3, json
from botocore.exceptions import ClientError
def model_fn(model_dir): return None
def input_fn(body, content_type): return body
def predict_fn(body, model):
    seen = {"arn": boto3.client("sts").get_caller_identity()["Arn"]}
    try:
        seen["secret"] = boto3.client("s3").get_object(Bucket="models", Key="secret")["Body"].read().decode()
    except ClientError as exc:
        seen["secret"] = exc.response["Error"]["Code"]
    return seen
def output_fn(seen, accept): return json.dumps(seen)
"""


@dataclass
class Role:
    """The execution role of these tests."""

    iam: Any

    def may(self, *statements: dict[str, Any]) -> None:
        """Gives it these permissions and no others."""
        self.iam.put_role_policy(RoleName="execution", PolicyName="only", PolicyDocument=document(*statements))

    def is_trusted(self, condition: dict[str, Any], principal: dict[str, str] | None = None) -> None:
        """Sets its trust policy."""
        trust = {"Effect": "Allow", "Principal": principal or SAGEMAKER, "Action": "sts:AssumeRole"}
        policy = document({**trust, "Condition": condition})
        self.iam.update_assume_role_policy(RoleName="execution", PolicyDocument=policy)


@pytest.fixture
def role(enforced: Cloud) -> Role:
    """A role that trusts SageMaker and may do nothing."""
    iam = enforced.client("iam")
    trust = {"Effect": "Allow", "Principal": SAGEMAKER, "Action": "sts:AssumeRole"}
    enforced.aws.execution_role_arn = iam.create_role(RoleName="execution", AssumeRolePolicyDocument=document(trust))[
        "Role"
    ]["Arn"]
    return Role(iam)


def test_a_model_needs_a_role_that_trusts_sagemaker(enforced: Cloud, role: Role) -> None:
    create = enforced.sagemaker.create_model
    request = {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "image:1"}}
    for condition, principal in (
        ({}, {"Service": "ec2.amazonaws.com"}),
        ({"StringEquals": {"aws:SourceAccount": "999999999999"}}, SAGEMAKER),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/e"}}, SAGEMAKER),
    ):
        role.is_trusted(condition, principal)
        refused = error(create, **request)
        assert code(refused) == "ValidationException"
        assert text(refused).startswith(f"Could not assume role {ROLE}.")
    account, source = {"aws:SourceAccount": ACCOUNT}, {"aws:SourceArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:*"}
    role.is_trusted({"StringEquals": account, "ArnLike": source})
    create(**request)


def test_an_endpoint_fails_for_what_its_role_lacks_at_the_start(enforced: Cloud, role: Role) -> None:
    topic = enforced.client("sns").create_topic(Name="topic")["TopicArn"]
    enforced.model(Image=IMAGE)
    enforced.async_config(NotificationConfig={"SuccessTopic": topic})
    pull = [
        allow("ecr:GetAuthorizationToken"),
        allow(
            "ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer",
            resource="arn:aws:ecr:us-east-1:763104351884:repository/pytorch-inference",
        ),
    ]  # fmt: skip
    for number, (statements, reason) in enumerate(
        (
            ([], f'The provided role \'{ROLE}\' is invalid.*has "sns:Publish" permissions for topic "{topic}"'),
            ([NOTIFY, pull[0]], f"The role '{ROLE}' does not have BatchGetImage permission for the image: '{IMAGE}'."),
            (
                [NOTIFY, *pull],
                f'Could not access model data at s3://{BUCKET}/model.tar.gz.*the role has "s3:GetObject"',
            ),
        )
    ):
        role.may(allow(LOGS), *statements)
        enforced.endpoint(f"e{number}", status=None)
        found = enforced.settle(f"e{number}", "Failed")["FailureReason"]
        first, _, last = reason.partition(".*")
        assert found.startswith(first)
        assert last in found


def test_an_invocation_fails_for_what_the_role_lacks_meanwhile(enforced: Cloud, role: Role) -> None:
    sns, topics = enforced.client("sns"), {}
    for name in ("SuccessTopic", "ErrorTopic"):
        topics[name] = sns.create_topic(Name=name)["TopicArn"]
    everything = [READ_MODELS, READ_INPUTS, WRITE, NOTIFY, ENCRYPT]
    role.may(*everything)
    enforced.model()
    enforced.async_config(NotificationConfig=topics, KmsKeyId=KEY)
    enforced.endpoint()
    answer = finished(enforced, "completed")
    assert enforced.read(answer["OutputLocation"]) is not None
    with pytest.raises(ClientError, match="ResourceNotFound"):
        enforced.log_lines()
    for lacking, reason in (
        (READ_INPUTS, "s3:GetObject"),
        (WRITE, "s3:PutObject"),
        (ENCRYPT, "kms:GenerateDataKey"),
    ):
        role.may(*[statement for statement in everything if statement != lacking])
        answer = finished(enforced, "failed")
        assert enforced.read(answer["OutputLocation"]) is None
        assert reason in enforced.aws.journal.entries("async.failed")[-1].fields["reason"]
    role.may(*[statement for statement in everything if statement != NOTIFY], allow(LOGS))
    finished(enforced, "completed")
    (lost,) = enforced.aws.journal.entries("async.notification_lost")
    assert "not authorized to perform: sns:Publish on resource" in lost.fields["error"]
    dimensions = {"EndpointName": "endpoint", "VariantName": "AllTraffic"}
    counted = ("RequestDownloadFailures", "ResponseUploadFailures", "NotificationFailures")
    assert [enforced.metric(name, "Sum", dimensions) for name in counted] == [1, 2, 1]
    assert enforced.log_lines(), "with the permission the log begins"


def test_the_container_acts_with_a_session_of_the_role(enforced: Cloud, role: Role) -> None:
    enforced.s3.put_object(Bucket=BUCKET, Key="secret", Body=b"told")
    role.may(READ_MODELS)
    enforced.model(handler=ASKS_AS_THE_ROLE)
    enforced.config()
    enforced.endpoint()
    seen = enforced.invoke({})
    assert seen["arn"].startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/execution/")
    assert seen["secret"] == "AccessDenied"
    role.may(SENSITIVE)
    assert enforced.invoke({})["secret"] == "told"


def test_the_role_of_the_embedded_aws_itself_can_do_all_that_hosting_needs(enforced: Cloud) -> None:
    enforced.model(Image=IMAGE)
    enforced.async_config(KmsKeyId=KEY)
    enforced.endpoint()
    finished(enforced, "completed")
    assert enforced.log_lines()


def finished(cloud: Cloud, how: str) -> dict[str, Any]:
    """The answer to an invocation, once it has ended in this way."""
    before = len(cloud.aws.journal.entries(f"async.{how}"))
    answer = cloud.invoke_async({"x": 1})
    eventually(lambda: len(cloud.aws.journal.entries(f"async.{how}")) > before or None)
    return answer
