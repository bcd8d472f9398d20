"""IAM's policy simulator: the decisions of policies on actions, without carrying them out.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from localaws.access.documents import is_policy
from localaws.access.judgement import Refusal, refusal
from localaws.access.policy import Asked, Verdict, verdict
from localaws.access.principals import Principal, principal_named
from localaws.errors import AwsError

_ENTITY = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>\d{12}):(?P<kind>user|role|group)/(?P<path>.+)")
_POLICY_LISTS = ("PolicyInputList", "PermissionsBoundaryPolicyInputList")
_DECISIONS = {True: "explicitDeny", False: "implicitDeny"}


@dataclass(frozen=True)
class Question:
    """The question of a simulation: the principal, the actions and the resources."""

    principal: Principal
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    resource_policy: str | None
    context: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, request: Mapping[str, Any], principal: Principal) -> Question:
        """The question of a request about a principal; policies in the request apply to the principal, too."""
        _refuse_malformed(request)
        boundaries = request.get("PermissionsBoundaryPolicyInputList") or []
        return cls(
            replace(
                principal,
                policies=(*principal.policies, *(request.get("PolicyInputList") or ())),
                boundary=boundaries[0] if boundaries else principal.boundary,
            ),
            tuple(request["ActionNames"]),
            tuple(request.get("ResourceArns") or ("*",)),
            request.get("ResourcePolicy"),
            dict(_entries(request.get("ContextEntries") or ())),
        )

    def results(self) -> Iterator[dict[str, Any]]:
        """Yield AWS's EvaluationResults, one for each action on each resource."""
        for action in self.actions:
            for resource in self.resources:
                yield self._result(Asked(action, resource, {**self.principal.context, **self.context}))

    def _result(self, asked: Asked) -> dict[str, Any]:
        refused = refusal(self.principal, asked, self.resource_policy)
        result: dict[str, Any] = {
            "EvalActionName": asked.action,
            "EvalResourceName": asked.resource,
            "EvalDecision": _decision(refused),
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        if self.principal.boundary is not None:
            allowed = verdict((self.principal.boundary,), asked) is Verdict.ALLOWED
            result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
        return result


def entity(arn: str) -> Principal:
    """The user, role or group. Raise NoSuchEntity if there is none, InvalidInput for an ARN of something else."""
    match = _ENTITY.fullmatch(arn)
    if match is None:
        raise AwsError("InvalidInput", f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    found = principal_named(arn)
    if found is None:
        name = match["path"].rpartition("/")[2]
        text = f"The {match['kind']} with name {name} cannot be found."
        raise AwsError("NoSuchEntity", text, 404)
    return found


def require(request: Mapping[str, Any], member: str) -> None:
    """Raise IAM's ValidationError for a request with nothing in a list that it must have."""
    if not any(request.get(member) or ()):
        constraint = f"at '{member[0].lower()}{member[1:]}' failed to satisfy constraint: Member must not be null"
        raise AwsError("ValidationError", f"1 validation error detected: Value null {constraint}")


def _refuse_malformed(request: Mapping[str, Any]) -> None:
    """Raise IAM's errors for a request without actions, and for malformed policies."""
    require(request, "ActionNames")
    policies = [text for member in _POLICY_LISTS for text in request.get(member) or ()]
    policies += [text for text in (request.get("ResourcePolicy"),) if text]
    if not all(is_policy(text) for text in policies):
        raise AwsError("InvalidInput", "Syntax errors in policy.")


def _decision(refused: Refusal | None) -> str:
    return "allowed" if refused is None else _DECISIONS[refused.explicit]


def _entries(entries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for entry in entries:
        yield entry["ContextKeyName"].lower(), tuple(str(value) for value in entry.get("ContextKeyValues") or ())
