"""A patch that keeps moto from judging bucket policies after the gate: it knows neither principals nor conditions."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

# The resources that this thread's request may not use; None where no gate judges.
_refused: ContextVar[frozenset[str] | None] = ContextVar("localaws_refused", default=None)


def judged_elsewhere(refused: frozenset[str] | None) -> None:
    """Make moto accept the gate's decision on the request that this thread answers next; None leaves it to moto."""
    _refused.set(refused)


def apply() -> None:
    """Patch moto, once per process; without a gate that judges, moto still denies what a policy denies."""
    if hasattr(FakeBucket, "_localaws_get_permission"):
        return
    original = FakeBucket.get_permission
    FakeBucket._localaws_get_permission = original

    def get_permission(bucket: Any, action: str, resource: str) -> Any:
        refused = _refused.get()
        if refused is None:
            # Permitted, not neutral: moto would take a request whose signature's names have another case for an
            # unsigned one. Unsigned requests are judged by the gate.
            denied = original(bucket, action, resource) is PermissionResult.DENIED
            return PermissionResult.DENIED if denied else PermissionResult.PERMITTED
        return PermissionResult.DENIED if resource in refused else PermissionResult.PERMITTED

    FakeBucket.get_permission = get_permission
