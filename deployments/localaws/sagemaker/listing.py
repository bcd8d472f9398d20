"""How List operations filter, sort and page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from localaws.errors import ValidationException

DEFAULT_PAGE = 10


class Listed(Protocol):
    """What can be listed."""

    @property
    def name(self) -> str: ...

    @property
    def created(self) -> datetime: ...


Item = TypeVar("Item", bound=Listed)


def select(items: Sequence[Item], request: dict[str, Any]) -> list[Item]:
    """The items which match the request's filters, in the order it asks for; the newest first by default."""
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


def _between(moment: float, after: float | str | None, before: float | str | None) -> bool:
    return (after is None or moment > _epoch(after)) and (before is None or moment < _epoch(before))


def _epoch(value: float | str) -> float:
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return float(value)


def _read_token(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError) as exc:
        raise ValidationException(f"The NextToken {token!r} is not one that a List operation answered.") from exc
