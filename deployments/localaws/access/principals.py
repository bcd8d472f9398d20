"""Callers: the user or role session that an access key belongs to, with the policies that apply to it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from localaws.access.conditions import Context
from localaws.access.policy import Asked, Names, Verdict, verdict
from localaws.services.moto_services import ACCOUNT

SAGEMAKER = "sagemaker.amazonaws.com"
_ACCOUNT_NAMES = frozenset({ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"})


@dataclass(frozen=True)
class Principal:
    """A caller; `names` are the ARNs by which a resource's policy can mean it, apart from its account's."""

    arn: str
    names: frozenset[str]
    policies: tuple[str, ...]
    boundary: str | None = None
    session_policy: str | None = None
    context: Context = field(default_factory=dict)

    @property
    def direct(self) -> Names:
        """The names of the principal itself."""
        return {"AWS": self.names}

    @property
    def any_name(self) -> Names:
        """The names of the principal and of its account."""
        return {"AWS": self.names | _ACCOUNT_NAMES if self.names else frozenset()}


# A caller without a key from IAM is this user, who may do everything; IAM does not list it.
ROOT_USER_ARN = f"arn:aws:iam::{ACCOUNT}:user/localaws"
_EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
NOBODY = Principal("nobody", frozenset(), ())
ANONYMOUS = Principal("anonymous", frozenset(), (), context={"aws:principaltype": ("Anonymous",)})


def principal_of(access_key: str, token: str | None) -> Principal | None:
    """The holder of the key; None for an unknown or inactive key, or a session's key without its token."""
    for session in list(sts_backends[ACCOUNT]["aws"].assumed_roles):
        if session.access_key_id == access_key:
            return (
                role_session(session.role_arn, session.session_name, session.policy)
                if (token == session.session_token)
                else None
            )
    # A copy, as in all of this file: another thread may add users meanwhile, and Python's iterators fail on that.
    keys = ((user, key) for user in list(_iam().users.values()) for key in list(user.access_keys))
    holder = next((user for user, key in keys if key.access_key_id == access_key and key.status == "Active"), None)
    return _user(holder) if holder is not None else None


def principal_named(arn: str) -> Principal | None:
    """The user, role or group with that ARN and its policies, without a session."""
    if arn == ROOT_USER_ARN:
        return Principal(arn, frozenset({arn}), (_EVERYTHING,))
    if (user := next((user for user in list(_iam().users.values()) if user.arn == arn), None)) is not None:
        return _user(user)
    if (role := find_role(arn)) is not None:
        context = _principal_context("AssumedRole", role.arn, role.id, None, role.tags)
        boundary = _boundary(role.permissions_boundary_arn)
        return Principal(arn, frozenset({arn}), tuple(_documents([role])), boundary, context=context)
    group = next((group for group in list(_iam().groups.values()) if group.arn == arn), None)
    return Principal(arn, frozenset({arn}), tuple(_documents([group]))) if group is not None else None


def secret_of(access_key: str) -> str | None:
    """The secret of an active key that was issued here."""
    sessions = (each for each in list(sts_backends[ACCOUNT]["aws"].assumed_roles) if each.access_key_id == access_key)
    if (session := next(sessions, None)) is not None:
        return str(session.secret_access_key)
    keys = (key for user in list(_iam().users.values()) for key in list(user.access_keys))
    active = (key for key in keys if key.access_key_id == access_key and key.status == "Active")
    return next((str(key.secret_access_key) for key in active), None)


def token_of(access_key: str) -> str | None:
    """The token that must come with a session's key; None for a user's key, or an unknown one."""
    sessions = (each for each in list(sts_backends[ACCOUNT]["aws"].assumed_roles) if each.access_key_id == access_key)
    session = next(sessions, None)
    return str(session.session_token) if session is not None else None


def is_retired(access_key: str) -> bool:
    """True if IAM issued the key, and it is deleted or inactive now."""
    return access_key in retired_keys(_iam()) or any(
        key.access_key_id == access_key and key.status != "Active"
        for user in list(_iam().users.values())
        for key in list(user.access_keys)
    )


def retired_keys(backend: Any) -> set[str]:
    """The keys deleted from moto's IAM, which itself forgets them; `iam_simulation` adds to them."""
    deleted: set[str] = backend.__dict__.setdefault("_localaws_deleted_keys", set())
    return deleted


def role_session(role_arn: str, session_name: str, session_policy: str | None = None) -> Principal | None:
    """A session of the role; None when there is no such role."""
    role = find_role(role_arn)
    if role is None:
        return None
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.name}/{session_name}"
    return Principal(
        arn=arn,
        names=frozenset({arn, role.arn}),
        policies=tuple(_documents([role])),
        boundary=_boundary(role.permissions_boundary_arn),
        session_policy=session_policy or None,
        context=_principal_context("AssumedRole", role.arn, f"{role.id}:{session_name}", None, role.tags),
    )


def find_role(role_arn: str) -> Any | None:
    """moto's role with that ARN."""
    return next((role for role in list(_iam().get_roles()) if role.arn == role_arn), None)


def find_role_named(name: str) -> Any | None:
    """moto's role with that name."""
    return next((role for role in list(_iam().get_roles()) if role.name == name), None)


def trusts_sagemaker(role_arn: str, region: str) -> bool:
    """True if the role exists and its trust policy lets SageMaker assume it."""
    # No endpoint exists yet, so AWS passes this ARN, and a trust policy that names one endpoint does not match.
    return trusts(role_arn, SAGEMAKER, f"arn:aws:sagemaker:{region}:{ACCOUNT}:*")


def trusts(role_arn: str, service: str, source_arn: str) -> bool:
    """True if the role exists and its trust policy lets the service assume it for that resource."""
    role = find_role(role_arn)
    context = {"aws:sourceaccount": (ACCOUNT,), "aws:sourcearn": (source_arn,)}
    asked = Asked("sts:AssumeRole", role_arn, context)
    names = {"Service": frozenset({service})}
    return role is not None and verdict([role.assume_role_policy_document], asked, names) is Verdict.ALLOWED


def _user(user: Any) -> Principal:
    groups = _iam().get_groups_for_user(user.name)
    tags = _iam().list_user_tags(user.name)
    return Principal(
        arn=user.arn,
        names=frozenset({user.arn}),
        policies=tuple(_documents([user, *groups])),
        context=_principal_context("User", user.arn, user.id, user.name, tags),
    )


def _principal_context(
    kind: str, arn: str, user_id: str, user_name: str | None, tags: Iterable[dict[str, str]]
) -> Context:
    return {
        "aws:principaltype": (kind,),
        "aws:principalarn": (arn,),
        "aws:principalaccount": (ACCOUNT,),
        "aws:userid": (user_id,),
        **({"aws:username": (user_name,)} if user_name else {}),
        **{f"aws:principaltag/{tag['Key'].lower()}": (tag["Value"],) for tag in tags or ()},
    }


def _documents(holders: list[Any]) -> Iterable[str]:
    """Yield the inline and the attached policies."""
    for holder in holders:
        yield from list(holder.policies.values())
        yield from (_default_version(policy) for policy in list(holder.managed_policies.values()))


def _boundary(policy_arn: str | None) -> str | None:
    return _default_version(_iam().get_policy(policy_arn)) if policy_arn else None


def _default_version(policy: Any) -> str:
    return next(str(version.document) for version in policy.versions if version.is_default_version)


def _iam() -> Any:
    return iam_backends[ACCOUNT]["aws"]
