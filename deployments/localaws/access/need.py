"""The permissions that a call needs, regardless of the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from localaws.access.conditions import Context
from localaws.errors import AwsError


@dataclass(frozen=True)
class Need:
    """An action on a resource, with the values that this operation adds for conditions.

    error: makes the error from AWS's sentence, where the service has an error of its own for this permission.
    per_key: an object without the permission is reported in the answer, and the rest of the call goes on.
    """

    action: str
    resource: str
    context: Context = field(default_factory=dict)
    error: Callable[[str], AwsError] | None = None
    per_key: bool = False


def listed(parameters: dict[str, Any], name: str) -> list[Any]:
    """The list in a member, from JSON or from a form's `Name.member.1`; a form's structures become dictionaries."""
    if isinstance(value := parameters.get(name), list):
        return value
    found: dict[str, Any] = {}
    for key, text in parameters.items():
        head, _, rest = key.removeprefix(f"{name}.member.").partition(".")
        if not key.startswith(f"{name}.member."):
            continue
        if rest:
            found.setdefault(head, {})[rest] = text
        else:
            found[head] = text
    return list(found.values())


def request_tags(parameters: dict[str, Any]) -> dict[str, str]:
    """The tags that a request gives to the resource it creates."""
    # CloudWatch Logs and SQS take a map named `tags`, the other services a list named `Tags`.
    named = parameters.get("tags", parameters.get("Tags"))
    if isinstance(named, dict):
        return named
    return {tag["Key"]: tag.get("Value", "") for tag in listed(parameters, "Tags")}


def tag_context(tags: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """The values for conditions on a request's tags."""
    if not tags:
        return {}
    return {"aws:tagkeys": tuple(tags), **{f"aws:requesttag/{key.lower()}": (value,) for key, value in tags.items()}}


def resource_tag_context(tags: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """The values for conditions on the tags of an existing resource."""
    return {f"aws:resourcetag/{key.lower()}": (value,) for key, value in tags.items()}


def given(**values: Iterable[str | None] | str | None) -> dict[str, tuple[str, ...]]:
    """The values that are not None, for conditions; in a key's name `__` stands for a colon and `_` for a hyphen."""
    context = {}
    for name, value in values.items():
        texts = [value] if isinstance(value, str) or value is None else value
        if found := tuple(text for text in texts if text is not None):
            context[name.replace("__", ":").replace("_", "-").lower()] = found
    return context
