"""The identity of a caller, and what the policy simulator says it may do."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from tests.deployments.localaws.callers import ACCOUNT, Caller, allow, code, deny, document, error, text
from tests.deployments.localaws.cloud import Cloud

BUCKET_ARN = "arn:aws:s3:::bucket"
TRUST = document({"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"})


@pytest.fixture
def iam(cloud: Cloud) -> Any:
    return cloud.client("iam")


def role(iam: Any, *statements: dict[str, Any], **more: Any) -> str:
    """The ARN of a role that may do this."""
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST, **more)
    iam.put_role_policy(RoleName="role", PolicyName="p", PolicyDocument=document(*statements))
    return f"arn:aws:iam::{ACCOUNT}:role/role"


def decisions(simulate: Any, actions: list[str], **request: Any) -> dict[tuple[str, str], str]:
    results = simulate(ActionNames=actions, **request)["EvaluationResults"]
    return {(each["EvalActionName"], each["EvalResourceName"]): each["EvalDecision"] for each in results}


def test_the_key_of_the_environment_is_a_users(cloud: Cloud) -> None:
    name = cloud.aws.environment()["AWS_ACCESS_KEY_ID"]
    assert cloud.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/{name}"
    unknown = boto3.client("sts", aws_access_key_id="unknown", aws_secret_access_key="x")
    answer = unknown.get_caller_identity()
    assert (answer["Arn"], answer["Account"]) == (f"arn:aws:iam::{ACCOUNT}:user/localaws", ACCOUNT)


def test_users_and_sessions_are_who_they_are(cloud: Cloud) -> None:
    caller = Caller(cloud.aws)
    assert caller.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/caller"
    session = caller.assume(cloud.aws.execution_role_arn).client("sts").get_caller_identity()["Arn"]
    assert session == f"arn:aws:sts::{ACCOUNT}:assumed-role/localaws-execution/session"


def test_iam_and_sts_name_the_same_user(cloud: Cloud) -> None:
    caller = Caller(cloud.aws)
    for client in (cloud.client, caller.client):
        user, identity = client("iam").get_user()["User"], client("sts").get_caller_identity()
        assert (user["Arn"], user["UserId"]) == (identity["Arn"], identity["UserId"])
        assert identity["Arn"].endswith(f"/{user['UserName']}")
    assert caller.iam.get_user(UserName="caller")["User"]["UserName"] == "caller"
    session = caller.assume(cloud.aws.execution_role_arn)
    assert code(error(session.client("iam").get_user)) == "ValidationError"


def test_nobody_becomes_a_role_that_is_not_there(enforced: Cloud, caller: Caller) -> None:
    missing = f"arn:aws:iam::{ACCOUNT}:role/missing"
    caller.may(allow("*"))
    for client in (enforced.client, caller.client):
        sts = client("sts")
        who = sts.get_caller_identity()["Arn"]
        refused = error(sts.assume_role, RoleArn=missing, RoleSessionName="session")
        why = f"User: {who} is not authorized to perform: sts:AssumeRole on resource: {missing}"
        assert (code(refused), text(refused)) == ("AccessDenied", why)
    there = enforced.client("sts").assume_role(RoleArn=enforced.aws.execution_role_arn, RoleSessionName="session")
    assert there["Credentials"]["SessionToken"]


def test_a_roles_policies_decide(iam: Any) -> None:
    arn = role(iam, allow("s3:Get*", resource=f"{BUCKET_ARN}/*"), deny("s3:GetObject", resource=f"{BUCKET_ARN}/secret"))
    asked = ["s3:GetObject", "s3:PutObject"]
    resources = [f"{BUCKET_ARN}/a", f"{BUCKET_ARN}/secret"]
    assert decisions(iam.simulate_principal_policy, asked, PolicySourceArn=arn, ResourceArns=resources) == {
        ("s3:GetObject", f"{BUCKET_ARN}/a"): "allowed",
        ("s3:GetObject", f"{BUCKET_ARN}/secret"): "explicitDeny",
        ("s3:PutObject", f"{BUCKET_ARN}/a"): "implicitDeny",
        ("s3:PutObject", f"{BUCKET_ARN}/secret"): "implicitDeny",
    }
    everywhere = decisions(iam.simulate_principal_policy, ["s3:GetObject"], PolicySourceArn=arn)
    assert everywhere == {("s3:GetObject", "*"): "implicitDeny"}, "what is allowed somewhere is not allowed everywhere"


def test_the_demos_role_may_what_its_policy_says(cloud: Cloud, iam: Any) -> None:
    asked = {"PolicySourceArn": cloud.aws.execution_role_arn, "ResourceArns": [f"{BUCKET_ARN}/key"]}
    found = decisions(iam.simulate_principal_policy, ["s3:GetObject", "iam:CreateUser"], **asked)
    assert list(found.values()) == ["allowed", "implicitDeny"]


def test_a_users_groups_and_managed_policies_decide(cloud: Cloud, iam: Any) -> None:
    caller = Caller(cloud.aws)
    user, group = f"arn:aws:iam::{ACCOUNT}:user/caller", f"arn:aws:iam::{ACCOUNT}:group/group"
    assert decisions(iam.simulate_principal_policy, ["sns:Publish"], PolicySourceArn=user) == {
        ("sns:Publish", "*"): "implicitDeny"
    }
    policy = iam.create_policy(PolicyName="publishes", PolicyDocument=document(allow("sns:Publish")))["Policy"]["Arn"]
    iam.create_group(GroupName="group")
    iam.attach_group_policy(GroupName="group", PolicyArn=policy)
    iam.add_user_to_group(GroupName="group", UserName=caller.name)
    for arn in (user, group):
        assert decisions(iam.simulate_principal_policy, ["sns:Publish"], PolicySourceArn=arn) == {
            ("sns:Publish", "*"): "allowed"
        }


def test_a_boundary_limits_and_is_told(iam: Any) -> None:
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=document(allow("s3:*")))["Policy"]["Arn"]
    arn = role(iam, allow("*"), PermissionsBoundary=boundary)
    results = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["s3:GetObject", "sns:Publish"])
    told = [
        (each["EvalDecision"], each["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"])
        for each in results["EvaluationResults"]
    ]
    assert told == [("allowed", True), ("implicitDeny", False)]


def test_conditions_are_judged_by_the_context_that_is_given(iam: Any) -> None:
    passed = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    arn = role(iam, allow("iam:PassRole", Condition=passed))
    request = {"PolicySourceArn": arn, "ActionNames": ["iam:PassRole"]}
    entry = {"ContextKeyName": "iam:PassedToService", "ContextKeyType": "string"}
    for service, decision in (("sagemaker.amazonaws.com", "allowed"), ("ec2.amazonaws.com", "implicitDeny")):
        given = [{**entry, "ContextKeyValues": [service]}]
        [result] = iam.simulate_principal_policy(**request, ContextEntries=given)["EvaluationResults"]
        assert result["EvalDecision"] == decision


def test_further_policies_are_taken_with_those_of_the_principal(iam: Any) -> None:
    arn = role(iam, allow("s3:GetObject"))
    more = [document(allow("sns:Publish"), deny("s3:GetObject"))]
    found = decisions(
        iam.simulate_principal_policy, ["s3:GetObject", "sns:Publish"], PolicySourceArn=arn, PolicyInputList=more
    )
    assert list(found.values()) == ["explicitDeny", "allowed"]


def test_policies_of_nobody_are_simulated(iam: Any) -> None:
    policies = [document(allow("s3:Get*"))]
    found = decisions(iam.simulate_custom_policy, ["s3:GetObject", "s3:PutObject"], PolicyInputList=policies)
    assert list(found.values()) == ["allowed", "implicitDeny"]


@pytest.mark.parametrize("malformed", ["nonsense", "{}", '{"Statement": [{"Effect": "Maybe"}]}', "[]"])
def test_what_is_no_policy_is_not_simulated(iam: Any, malformed: str) -> None:
    good = document(allow("s3:*"))
    custom = {"ActionNames": ["s3:GetObject"], "PolicyInputList": [good]}
    arn = role(iam, allow("s3:*"))
    for call, request in (
        (iam.simulate_custom_policy, {**custom, "PolicyInputList": [good, malformed]}),
        (iam.simulate_custom_policy, {**custom, "PermissionsBoundaryPolicyInputList": [malformed]}),
        (iam.simulate_custom_policy, {**custom, "ResourcePolicy": malformed}),
        (iam.simulate_principal_policy, {**custom, "PolicySourceArn": arn, "PolicyInputList": [malformed]}),
    ):
        refused = error(call, **request)
        assert (code(refused), refused.response["ResponseMetadata"]["HTTPStatusCode"]) == ("InvalidInput", 400)


def test_a_simulation_has_actions_and_policies(iam: Any) -> None:
    policies = [document(allow("s3:*"))]
    assert code(error(iam.simulate_custom_policy, PolicyInputList=policies, ActionNames=[])) == "ValidationError"
    assert code(error(iam.simulate_custom_policy, PolicyInputList=[], ActionNames=["s3:*"])) == "ValidationError"
    arn = role(iam, allow("s3:*"))
    assert code(error(iam.simulate_principal_policy, PolicySourceArn=arn, ActionNames=[])) == "ValidationError"


def test_the_results_come_in_pages(iam: Any) -> None:
    actions = [f"s3:Action{number}" for number in range(250)]
    arn = role(iam, allow("s3:*"))
    pages = iam.get_paginator("simulate_principal_policy").paginate(PolicySourceArn=arn, ActionNames=actions)
    assert [len(page["EvaluationResults"]) for page in pages] == [100, 100, 50]


def test_the_user_of_the_environments_key_may_all(cloud: Cloud, iam: Any) -> None:
    arn = cloud.client("sts").get_caller_identity()["Arn"]
    assert set(decisions(iam.simulate_principal_policy, ["iam:CreateUser"], PolicySourceArn=arn).values()) == {
        "allowed"
    }


def test_whom_nobody_knows_is_named(iam: Any) -> None:
    missing = f"arn:aws:iam::{ACCOUNT}:role/service-role/missing"
    refused = error(iam.simulate_principal_policy, PolicySourceArn=missing, ActionNames=["s3:GetObject"])
    assert (code(refused), "missing" in str(refused)) == ("NoSuchEntity", True)
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/role/session"
    refused = error(iam.simulate_principal_policy, PolicySourceArn=session, ActionNames=["s3:GetObject"])
    assert code(refused) == "InvalidInput"


def test_simulating_needs_a_permission_itself(enforced: Cloud, caller: Caller) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:user/caller"
    simulate = caller.client("iam").simulate_principal_policy
    refused = error(simulate, PolicySourceArn=arn, ActionNames=["s3:GetObject"])
    assert f"iam:SimulatePrincipalPolicy on resource: {arn}" in str(refused)
    caller.may(allow("iam:SimulatePrincipalPolicy", resource=arn))
    assert list(decisions(simulate, ["s3:GetObject"], PolicySourceArn=arn).values()) == ["implicitDeny"]
