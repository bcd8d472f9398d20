"""Policy documents as statements, and their verdict on a request for a permission."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from localaws.access.conditions import Context, holds, like

# The names by which a policy can mean the caller, by kind of principal: AWS or Service.
Names = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Asked:
    """A permission that is asked for: the action, the resource, and the request's values for conditions."""

    action: str
    resource: str
    context: Context


class Verdict(Enum):
    """The verdict of policies: a denial wins over any permission; silence is no permission."""

    ALLOWED = "allowed"
    DENIED = "denied"
    SILENT = "silent"


@dataclass(frozen=True)
class Statement:
    """One statement; a missing element is None."""

    sid: str
    allows: bool
    actions: tuple[str, ...] | None
    not_actions: tuple[str, ...] | None
    resources: tuple[str, ...] | None
    not_resources: tuple[str, ...] | None
    principals: Names | None
    not_principals: Names | None
    conditions: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Statement:
        """The statement from its JSON."""
        return cls(
            sid=raw.get("Sid", ""),
            allows=raw.get("Effect") == "Allow",
            actions=_texts(raw.get("Action")),
            not_actions=_texts(raw.get("NotAction")),
            resources=_texts(raw.get("Resource")),
            not_resources=_texts(raw.get("NotResource")),
            principals=_principals(raw.get("Principal")),
            not_principals=_principals(raw.get("NotPrincipal")),
            conditions=raw.get("Condition", {}),
        )

    def applies(self, asked: Asked, names: Names) -> bool:
        """True if the statement covers this request by this principal."""
        return (
            self._names_action(asked)
            and self._names_resource(asked)
            and self._names_principal(names)
            and holds(self.conditions, asked.context)
        )

    def _names_action(self, asked: Asked) -> bool:
        patterns = self.not_actions if self.actions is None else self.actions
        # IAM ignores the case of actions.
        named = any(like(asked.action.lower(), pattern.lower(), {}) for pattern in patterns or ())
        return named == (self.actions is not None)

    def _names_resource(self, asked: Asked) -> bool:
        if self.resources is None and self.not_resources is None:
            return True  # a trust policy, which is about the role that has it
        patterns = self.not_resources if self.resources is None else self.resources
        named = any(like(asked.resource, pattern, asked.context) for pattern in patterns or ())
        return named == (self.resources is not None)

    def _names_principal(self, names: Names) -> bool:
        if self.not_principals is not None:
            return not _meet(self.not_principals, names)
        return self.principals is None or _meet(self.principals, names)


@lru_cache(maxsize=1024)
def statements(document: str) -> tuple[Statement, ...]:
    """The statements of a policy document."""
    found = json.loads(document).get("Statement", [])
    return tuple(Statement.of(raw) for raw in (found if isinstance(found, list) else [found]))


def verdict(documents: Iterable[str], asked: Asked, names: Names | None = None) -> Verdict:
    """The verdict of the documents taken together; `names` matters only for documents that name principals."""
    applying = [each for document in documents for each in statements(document) if each.applies(asked, names or {})]
    if not all(each.allows for each in applying):
        return Verdict.DENIED
    return Verdict.ALLOWED if applying else Verdict.SILENT


def _texts(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(value) if isinstance(value, list) else (value,)


def _principals(value: Any) -> Names | None:
    if value is None:
        return None
    kinds = value if isinstance(value, dict) else {"AWS": value}
    return {kind: frozenset(_texts(named) or ()) for kind, named in kinds.items()}


def _meet(wanted: Names, names: Names) -> bool:
    if "*" in wanted.get("AWS", ()):  # everybody, also callers without credentials
        return True
    return any(wanted.get(kind, frozenset()) & having for kind, having in names.items())
