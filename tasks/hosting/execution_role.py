"""A check, before anything is spent, that SageMaker can take the execution role, and that the role may do its work."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.clients import client, explained, missing_ok, partition
from tasks.errors import InputError, NotFoundError, PermissionDeniedError
from tasks.hosting.model import image_on
from tasks.names import MODELS_PREFIX
from tasks.plan import RunPlan

SERVICE = "sagemaker.amazonaws.com"
ANY_TYPE = "ml.m5.large"
REPOSITORY = re.compile(r"(?P<account>\d+)\.dkr\.ecr\.(?P<region>[^.]+)\.amazonaws\.com[^/]*/(?P<name>[^:@]+).*")
PULLING = ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage")
LOGGING = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")


def check_role(plan: RunPlan) -> str:
    """Return a line on the role; raise InputError for one that is absent, untrusting or lacks a permission.

    What we may not look at is taken as given, and the line says so.
    """
    role = plan.settings.execution_role_arn
    if not role:
        raise InputError(
            "STYGIG_EXECUTION_ROLE_ARN is not set: SageMaker needs a role to read the model and write the answers. "
            "deployments/aws/README.md shows how to make one; --local brings its own."
        )
    try:
        with explained("iam:GetRole", role):
            # A role's path is in its ARN, not in its name.
            found = client("iam").get_role(RoleName=role.rpartition("/")[2])["Role"]
    except PermissionDeniedError:
        return f"role {role}: could not be looked at (iam:GetRole is not allowed), taken as given"
    except NotFoundError as exc:
        raise InputError(f"The execution role {role} does not exist. Check STYGIG_EXECUTION_ROLE_ARN.") from exc
    if not _trusts_sagemaker(found["AssumeRolePolicyDocument"]):
        trust = {"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sts:AssumeRole"}
        raise InputError(
            f"SageMaker can't take the execution role {role}: its trust policy doesn't name {SERVICE}. Add the "
            f"statement {json.dumps(trust)}."
        )
    try:
        asked = {resource: _lacking(role, wanted, resource) for resource, wanted in needed(plan).items()}
    except PermissionDeniedError:
        return f"role {role}: exists; what it may do was not looked at (iam:SimulatePrincipalPolicy is not allowed)"
    lacking = {resource: actions for resource, actions in asked.items() if actions}
    if not lacking:
        return f"role {role}: exists, is SageMaker's to take, and may do what it must"
    told = "; ".join(f"{', '.join(actions)} on {resource}" for resource, actions in lacking.items())
    if _others_may_allow(plan.bucket):
        return f"role {role}: its own policies don't allow {told}; the bucket's policy may"
    statements = [{"Effect": "Allow", "Action": actions, "Resource": where} for where, actions in lacking.items()]
    raise InputError(
        f"The execution role {role} lacks {told}. Add to its policy: {json.dumps(statements)}. "
        "deployments/aws/execution-role.json has all that it needs."
    )


def needed(plan: RunPlan) -> Mapping[str, Sequence[str]]:
    """The actions that the role needs in a run, by the resource on which it needs them."""
    bucket = f"arn:{partition()}:s3:::{plan.bucket}"
    group = plan.arn("logs", "log-group:/aws/sagemaker/Endpoints/stygig:log-stream:AllTraffic/i")
    wanted: dict[str, Sequence[str]] = {
        bucket: ["s3:ListBucket"],
        f"{bucket}/{MODELS_PREFIX}model.tar.gz": ["s3:GetObject"],
        f"{bucket}/{plan.names.inputs.key}1": ["s3:GetObject"],
        f"{bucket}/{plan.names.outputs.key}1": ["s3:PutObject"],
        plan.arn("sns", plan.names.success_topic): ["sns:Publish"],
        group: list(LOGGING),
    }
    if image := REPOSITORY.fullmatch(image_on(plan, ANY_TYPE)):
        repository = f"arn:{partition()}:ecr:{image['region']}:{image['account']}:repository/{image['name']}"
        wanted |= {"*": ["ecr:GetAuthorizationToken"], repository: list(PULLING)}
    return wanted


def _trusts_sagemaker(document: Mapping[str, Any]) -> bool:
    statements = document.get("Statement", [])
    return any(
        statement.get("Effect") == "Allow" and SERVICE in _listed(dict(statement.get("Principal", {})).get("Service"))
        for statement in _listed(statements)
        if isinstance(statement.get("Principal"), dict)
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _lacking(role: str, actions: Sequence[str], resource: str) -> list[str]:
    """The actions that the role's policies don't allow on the resource."""
    with explained("iam:SimulatePrincipalPolicy", role):
        answer = client("iam").simulate_principal_policy(
            PolicySourceArn=role, ActionNames=list(actions), ResourceArns=[resource]
        )
    return [each["EvalActionName"] for each in answer["EvaluationResults"] if each["EvalDecision"] != "allowed"]


def _others_may_allow(bucket: str) -> bool:
    """True if the bucket has a policy that allows something: a simulation of the role's own policies can't see that."""
    try:
        with explained("s3:GetBucketPolicy", bucket), missing_ok():
            found = json.loads(client("s3").get_bucket_policy(Bucket=bucket)["Policy"])
            return any(statement.get("Effect") == "Allow" for statement in _listed(found.get("Statement", [])))
    except PermissionDeniedError:
        return True
    return False
