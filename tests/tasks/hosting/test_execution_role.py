"""The execution role is looked at before anything is spent: whether SageMaker may take it, and what it may do."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from localaws import LocalAws, Options
from stygig.embedded import our_environment
from tasks.errors import InputError
from tasks.hosting.execution_role import check_role, needed
from tasks.plan import RunPlan, plan_run
from tasks.planning.preflight import preflight
from tasks.settings import Settings
from tests.tasks.deployed import BUCKET, RUN_ID

POLICIES = Path(__file__).parents[3] / "deployments" / "aws"
ACCOUNT, REGION = "123456789012", "us-east-1"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"


def rendered(name: str) -> dict[str, Any]:
    text = (POLICIES / f"{name}.json").read_text()
    found: dict[str, Any] = json.loads(
        text.replace("REGION", REGION).replace("ACCOUNT", ACCOUNT).replace("BUCKET", BUCKET)
    )
    return found


@pytest.fixture
def plan(plan: RunPlan) -> RunPlan:
    """The plan with the shipped role and an image in ECR."""
    iam = boto3.client("iam")
    trust = json.dumps(rendered("execution-role-trust"))
    role = iam.create_role(RoleName="shipped", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    allowed(rendered("execution-role"))
    return replace(plan, settings=plan.settings.model_copy(update={"execution_role_arn": role, "image_uri": IMAGE}))


def allowed(policy: dict[str, Any]) -> None:
    boto3.client("iam").put_role_policy(RoleName="shipped", PolicyName="only", PolicyDocument=json.dumps(policy))


def without(action: str) -> dict[str, Any]:
    policy = rendered("execution-role")
    for statement in policy["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        statement["Action"] = [each for each in actions if each != action] or ["s3:ListAllMyBuckets"]
    return policy


def test_the_shipped_role_has_all_that_is_needed(plan: RunPlan) -> None:
    assert check_role(plan).endswith("may do what it must")


def test_each_permission_that_a_role_lacks_is_named_with_the_statement_to_add(plan: RunPlan) -> None:
    actions = sorted({action for actions in needed(plan).values() for action in actions})
    assert len(actions) == 11
    for action in actions:
        allowed(without(action))
        with pytest.raises(InputError, match=rf"lacks {action} on .*Add to its policy: (\[.*\])\.") as raised:
            check_role(plan)
        added = json.loads(str(raised.value).partition("Add to its policy: ")[2].partition(". deployments/")[0])
        assert {each for statement in added for each in statement["Action"]} == {action}
        allowed({"Version": "2012-10-17", "Statement": [*without(action)["Statement"], *added]})
        assert check_role(plan).endswith("may do what it must")


def test_a_role_that_sagemaker_can_not_take_is_told_with_the_statement(plan: RunPlan) -> None:
    theirs = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [theirs]})
    boto3.client("iam").update_assume_role_policy(RoleName="shipped", PolicyDocument=document)
    with pytest.raises(InputError, match=r"can't take the execution role .*Add the statement"):
        check_role(plan)


def test_what_the_bucket_may_allow_is_no_error(plan: RunPlan) -> None:
    allowed(without("s3:GetObject"))
    grant = {"Effect": "Allow", "Principal": {"AWS": plan.settings.execution_role_arn}, "Action": "s3:GetObject"}
    document = {"Version": "2012-10-17", "Statement": [grant | {"Resource": f"arn:aws:s3:::{BUCKET}/*"}]}
    boto3.client("s3").put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(document))
    assert "the bucket's policy may" in check_role(plan)


def test_a_powerless_role_is_refused_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalAws(options=Options(enforce_iam=True)) as aws:
        for name, value in our_environment(aws.environment()).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it would remember the earlier credentials
        trust = json.dumps({"Version": "2012-10-17", "Statement": rendered("execution-role-trust")["Statement"]})
        role = boto3.client("iam").create_role(RoleName="powerless", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        with pytest.raises(InputError, match="s3:GetObject"):
            preflight(plan_run(RUN_ID, Settings(bucket=BUCKET, execution_role_arn=role)))
        assert boto3.client("sagemaker").list_models()["Models"] == []
