"""IAM and STS on identities: the policy simulator, which moto lacks, and the identity of callers without a user."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.iam.models import IAMBackend, User
from moto.iam.responses import IamResponse
from moto.sts.models import STSBackend

from localaws.access.principals import NOBODY, ROOT_USER_ARN, retired_keys, token_of
from localaws.access.simulation import Question, entity, require
from localaws.errors import AwsError
from localaws.services.moto_services import ACCOUNT

ROOT_USER_ID = "AIDALOCALAWS00000USER"
_PAGE = 100
_MOST = 1000
_get_caller_identity = STSBackend.get_caller_identity
_get_user = IamResponse.get_user
_delete_access_key = IAMBackend.delete_access_key_by_name


def apply() -> None:
    """Patch moto with the functions of this module."""
    STSBackend.get_caller_identity = get_caller_identity
    IAMBackend.delete_access_key_by_name = delete_access_key_by_name
    IamResponse.get_user = get_user
    IamResponse.simulate_principal_policy = simulate_principal_policy
    IamResponse.simulate_custom_policy = simulate_custom_policy


def get_caller_identity(backend: Any, access_key_id: str, region: str) -> tuple[str, str, str]:
    """The owner of an access key: the root user for a key that IAM does not know, where moto's ARN is invalid."""
    user_id, arn, account = _get_caller_identity(backend, access_key_id, region)
    return (user_id, arn, account) if not arn.endswith(":user/moto") else (ROOT_USER_ID, ROOT_USER_ARN, ACCOUNT)


def get_user(response: Any) -> ActionResult:
    """Answer GetUser; without a name it describes the caller, as STS identifies it."""
    if response._get_param("UserName"):
        found: ActionResult = _get_user(response)
        return found
    access_key = response.get_access_key()
    user = response.backend.get_user_from_access_key_id(access_key)
    if user is None and token_of(access_key) is not None:
        raise AwsError("ValidationError", "Must specify userName when calling with non-User credentials")
    return ActionResult({"User": user or _root_user(response.region)})


def _root_user(region: str) -> User:
    user = User(ACCOUNT, region, ROOT_USER_ARN.rpartition("/")[2])
    user.id = ROOT_USER_ID
    return user


def delete_access_key_by_name(backend: Any, name: str) -> None:
    """Delete an access key, and remember it: links that it signed get another error than those of unknown keys."""
    _delete_access_key(backend, name)
    retired_keys(backend).add(name)


def simulate_principal_policy(response: Any) -> ActionResult:
    """Answer whether the policies of a user, a role or a group allow actions."""
    return _page(response.params, Question.of(response.params, entity(response.params["PolicySourceArn"])))


def simulate_custom_policy(response: Any) -> ActionResult:
    """Answer whether policies that belong to no user, role or group allow actions."""
    require(response.params, "PolicyInputList")
    return _page(response.params, Question.of(response.params, NOBODY))


def _page(request: Any, question: Question) -> ActionResult:
    results = list(question.results())
    marker, most = str(request.get("Marker") or 0), min(int(request.get("MaxItems") or _PAGE), _MOST)
    if not marker.isdecimal():
        raise AwsError("InvalidInput", f"Invalid Marker: {marker}")
    end = int(marker) + most
    page = {"EvaluationResults": results[int(marker) : end], "IsTruncated": end < len(results)}
    return ActionResult({**page, "Marker": str(end)} if end < len(results) else page)
