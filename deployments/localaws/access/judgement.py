"""The judgement of identity policies, boundaries and the resource's own policy on what a principal may do.

AWS's order within one account: a denial anywhere wins; then the resource's policy may allow by itself; otherwise an
identity policy must allow, and so must the boundary and the session's policy where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass

from localaws.access.policy import Asked, Verdict, verdict
from localaws.access.principals import Principal
from localaws.access.resource_policies import resource_policy
from localaws.journal import Journal

_IDENTITY = "identity-based policy"
_RESOURCE = "resource-based policy"
_BOUNDARY = "permissions boundary"
_SESSION = "session policy"


@dataclass(frozen=True)
class Refusal:
    """A refusal: the kind of policy that denies, or that would have to allow."""

    principal: Principal
    asked: Asked
    kind: str
    explicit: bool

    def sentence(self, action: str, resource: str) -> str:
        """AWS's error text, with the action and the resource as the service spells them."""
        because = self._because(action)
        return f"User: {self.principal.arn} is not authorized to perform: {action} on resource: {resource}{because}"

    def _because(self, action: str) -> str:
        if self.explicit:
            article = "an" if self.kind == _IDENTITY else "a"
            return f" with an explicit deny in {article} {self.kind}"
        if self.asked.action == "sts:AssumeRole":  # for which AWS gives no reason
            return ""
        return f" because no {self.kind} allows the {action} action"


def judge(principal: Principal, asked: Asked, journal: Journal) -> Refusal | None:
    """The refusal, or None if the principal may; the journal records either."""
    refused = refusal(principal, asked, resource_policy(asked.resource))
    journal.record(
        "access.denied" if refused else "access.allowed",
        principal=principal.arn,
        action=asked.action,
        resource=asked.resource,
        context=dict(asked.context),
    )
    return refused


def refusal(principal: Principal, asked: Asked, policy: str | None) -> Refusal | None:
    """The refusal, or None if the principal may; `policy` is the resource's own policy."""
    denied = _denied(principal, asked, policy)
    if denied is not None:
        return Refusal(principal, asked, denied, explicit=True)
    missing = _missing(principal, asked, policy)
    return Refusal(principal, asked, missing, explicit=False) if missing is not None else None


def _denied(principal: Principal, asked: Asked, policy: str | None) -> str | None:
    layers = (
        (_IDENTITY, principal.policies, None),
        (_RESOURCE, _given(policy), principal.any_name),
        (_BOUNDARY, _given(principal.boundary), None),
        (_SESSION, _given(principal.session_policy), None),
    )
    denying = (kind for kind, documents, names in layers if verdict(documents, asked, names) is Verdict.DENIED)
    return next(denying, None)


def _missing(principal: Principal, asked: Asked, policy: str | None) -> str | None:
    resource = _given(policy)
    # AWS: a resource's policy that names the caller is enough; naming the account leaves it to identity policies.
    if verdict(resource, asked, principal.direct) is Verdict.ALLOWED:
        return None
    # A role can be assumed only if its trust policy names the caller or the account.
    if asked.action == "sts:AssumeRole" and verdict(resource, asked, principal.any_name) is not Verdict.ALLOWED:
        return _RESOURCE
    layers = (
        (_IDENTITY, principal.policies),
        (_BOUNDARY, _given(principal.boundary)),
        (_SESSION, _given(principal.session_policy)),
    )
    silent = (
        kind
        for kind, documents in layers
        if (documents or kind == _IDENTITY) and verdict(documents, asked) is not Verdict.ALLOWED
    )
    return next(silent, None)


def _given(document: str | None) -> tuple[str, ...]:
    return (document,) if document else ()
