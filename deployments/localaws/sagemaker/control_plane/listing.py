"""The filtering, sorting and paging of List operations."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from localaws.errors import ValidationException

DEFAULT_PAGE = 10  # AWS's, without MaxResults


class Listed(Protocol):
    """A resource that can be listed."""

    @property
    def name(self) -> str: ...

    @property
    def created(self) -> datetime: ...


Item = TypeVar("Item", bound=Listed)


def select(items: Sequence[Item], request: dict[str, Any]) -> list[Item]:
    """The items that match the request's filters, in the order it asks for; the newest first by default."""
    wanted = [item for item in items if _matches(item, request)]
    keys: dict[str, Callable[[Item], Any]] = {
        "Name": lambda item: item.name,
        "Status": lambda item: getattr(item, "status", ""),
        "CreationTime": lambda item: item.created,
    }
    order = request.get("SortOrder", "Descending")
    return sorted(wanted, key=keys[request.get("SortBy", "CreationTime")], reverse=order == "Descending")


def page(items: Sequence[Item], request: dict[str, Any]) -> tuple[Sequence[Item], dict[str, str]]:
    """One page of the items, and the NextToken when more follow."""
    start = _read_token(request.get("NextToken"))
    end = start + request.get("MaxResults", DEFAULT_PAGE)
    token = {"NextToken": base64.b64encode(str(end).encode()).decode()} if end < len(items) else {}
    return items[start:end], token


def _matches(item: Listed, request: dict[str, Any]) -> bool:
    created = item.created.timestamp()
    modified = getattr(item, "modified", item.created).timestamp()
    return (
        request.get("NameContains", "").lower() in item.name.lower()
        and request.get("StatusEquals", getattr(item, "status", None)) == getattr(item, "status", None)
        and _between(created, request.get("CreationTimeAfter"), request.get("CreationTimeBefore"))
        and _between(modified, request.get("LastModifiedTimeAfter"), request.get("LastModifiedTimeBefore"))
    )


def _between(moment: float, after: float | None, before: float | None) -> bool:
    return (after is None or moment > after) and (before is None or moment < before)


def _read_token(token: str | None) -> int:
    if token is None:
        return 0
    try:
        start = int(base64.b64decode(token, validate=True))
    except ValueError:
        start = -1
    if start < 0:
        raise ValidationException(f"The NextToken {token!r} is not one that a List operation answered.")
    return start
