"""IAM and STS on identities: the policy simulator, which moto lacks, and who somebody without a user is."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.iam.models import IAMBackend
from moto.iam.responses import IamResponse
from moto.sts.models import STSBackend

from localaws.access.principals import NOBODY, ROOT_USER_ARN, retired_keys
from localaws.access.simulation import Question, entity
from localaws.errors import AwsError
from localaws.services.moto_services import ACCOUNT

ROOT_USER_ID = "AIDALOCALAWS00000USER"
_PAGE = 100
_MOST = 1000
_get_caller_identity = STSBackend.get_caller_identity
_delete_access_key = IAMBackend.delete_access_key_by_name


def apply() -> None:
    """Puts everything in place."""
    STSBackend.get_caller_identity = get_caller_identity
    IAMBackend.delete_access_key_by_name = delete_access_key_by_name
    IamResponse.simulate_principal_policy = simulate_principal_policy
    IamResponse.simulate_custom_policy = simulate_custom_policy


def get_caller_identity(backend: Any, access_key_id: str, region: str) -> tuple[str, str, str]:
    """Whose the key is: the user's that may do all, where it is no user's of IAM. moto's ARN for that is none."""
    user_id, arn, account = _get_caller_identity(backend, access_key_id, region)
    return (user_id, arn, account) if not arn.endswith(":user/moto") else (ROOT_USER_ID, ROOT_USER_ARN, ACCOUNT)


def delete_access_key_by_name(backend: Any, name: str) -> None:
    """Deletes the key, which is remembered so that links it has signed are told from those of keys never seen."""
    _delete_access_key(backend, name)
    retired_keys(backend).add(name)


def simulate_principal_policy(response: Any) -> ActionResult:
    """Answers whether the policies of a user, a role or a group allow actions."""
    return _page(response.params, Question.of(response.params, entity(response.params["PolicySourceArn"])))


def simulate_custom_policy(response: Any) -> ActionResult:
    """Answers whether policies of no user, role or group allow actions."""
    return _page(response.params, Question.of(response.params, NOBODY))


def _page(request: Any, question: Question) -> ActionResult:
    results = list(question.results())
    marker, most = str(request.get("Marker") or 0), min(int(request.get("MaxItems") or _PAGE), _MOST)
    if not marker.isdecimal():
        raise AwsError("InvalidInput", f"Invalid Marker: {marker}")
    end = int(marker) + most
    page = {"EvaluationResults": results[int(marker) : end], "IsTruncated": end < len(results)}
    return ActionResult({**page, "Marker": str(end)} if end < len(results) else page)
