"""SNS's filter policies, which select the messages of a topic that a subscriber receives.

A policy becomes alternatives (from `$or`), each a tree of keys with the conditions on their values. Attributes are
matched like a body with a single level. https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from localaws.services.sns.filter_operators import RESERVED, FilterPolicyError, Test, is_absence, test_of

MAX_KEYS = 5
MAX_COMBINATIONS = 150
_OR = "$or"
_ABSENT = object()
Path = tuple[str, ...]
Message = dict[str, Any]


@dataclass(frozen=True)
class _Condition:
    """The condition on one key: its value passes any of the tests, or the key may be absent."""

    path: Path
    tests: list[Test]
    may_be_absent: bool

    def is_met(self, value: Any, present: frozenset[Path]) -> bool:
        if self.may_be_absent and self.path not in present:
            return True
        return any(test(each) for each in _scalars(value) for test in self.tests)


@dataclass
class _Node:
    """A key of a policy: the conditions on its value, and the keys below it."""

    conditions: list[_Condition] = field(default_factory=list)
    keys: dict[str, _Node] = field(default_factory=dict)

    def is_met(self, value: Any, present: frozenset[Path]) -> bool:
        return all(each.is_met(value, present) for each in self.conditions) and self._keys_are_met(value, present)

    def _keys_are_met(self, value: Any, present: frozenset[Path]) -> bool:
        if isinstance(value, list) and value and self.keys:
            # A single element has to meet all conditions on the list's elements.
            return any(self._keys_are_met(each, present) for each in value)
        found = value if isinstance(value, dict) else {}
        return all(node.is_met(found.get(key, _ABSENT), present) for key, node in self.keys.items())


class FilterPolicy:
    """A filter policy, which selects messages; FilterPolicyError is raised for one that SNS refuses."""

    def __init__(self, policy: Mapping[str, Any], scope: str) -> None:
        self._of_body = scope == "MessageBody"
        if _combinations(policy) > MAX_COMBINATIONS:
            raise FilterPolicyError("Filter policy is too complex")
        self._alternatives = [_tree(conditions) for conditions in _alternatives(policy)]
        if not self._of_body and any(isinstance(each, dict) for each in policy.values()):
            raise FilterPolicyError(f"Filter policy scope {scope} does not support nested filter policy", where="")
        if len(policy) > MAX_KEYS:
            raise FilterPolicyError(f"Filter policy can not have more than {MAX_KEYS} keys")

    def matches(self, attributes: Mapping[str, Any] | None, message: str) -> bool:
        """True if the subscriber receives the message; attributes have moto's form, with Type and Value."""
        found = _body(message) if self._of_body else _attributes(attributes or {})
        nested = _nested(found) if found is not None else {}
        present = frozenset(_paths(nested, ()))
        # A message without any value never passes, not even if the policy asks for a key to be absent.
        return bool(present) and any(tree.is_met(nested, present) for tree in self._alternatives)


def _body(message: str) -> Message | None:
    try:
        found = json.loads(message, parse_constant=_refuse)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _refuse(constant: str) -> NoReturn:
    # Python's parser accepts NaN and Infinity, which JSON does not have.
    raise ValueError(f"{constant} is no JSON")


def _attributes(attributes: Mapping[str, Any]) -> Message:
    """The values that filters see; they do not see binary attributes."""
    read = {name: _attribute(each["Type"], str(each["Value"])) for name, each in attributes.items()}
    return {name: value for name, value in read.items() if value is not _ABSENT}


def _attribute(kind: str, text: str) -> Any:
    base, _, label = kind.partition(".")
    if base == "Binary":
        return _ABSENT
    try:
        if label == "Array":
            found = json.loads(text, parse_constant=_refuse)
            return found if isinstance(found, list) else text
        return float(text) if base == "Number" and math.isfinite(float(text)) else text
    except ValueError:
        return text


def _nested(value: Any) -> Any:
    """The value with each key `a.b` as the key b below a, because SNS treats the two alike."""
    if isinstance(value, list):
        return [_nested(each) for each in value]
    if not isinstance(value, dict):
        return value
    result: Message = {}
    for key, below in value.items():
        first, dot, rest = key.partition(".")
        inner = _nested({rest: below}) if dot else _nested(below)
        result[first] = _merged(result[first], inner) if first in result else inner
    return result


def _merged(one: Any, other: Any) -> Any:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return [one, other]
    for key, each in other.items():
        one[key] = _merged(one[key], each) if key in one else each
    return one


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _scalars(each)
    elif value is not _ABSENT and not isinstance(value, dict):
        yield value


def _paths(value: Any, path: Path) -> Iterator[Path]:
    """Yield the paths at which the message has a value, looking through lists."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _paths(each, (*path, key))
    elif isinstance(value, list):
        for each in value:
            yield from _paths(each, path)
    else:
        yield path


def _combinations(policy: Mapping[str, Any], depth: int = 1) -> int:
    """The policy's complexity as SNS counts it: values times depth, multiplied over keys and added over branches."""
    total = 1
    for key, wanted in policy.items():
        if isinstance(wanted, dict):
            total *= _combinations(_not_empty(wanted), depth + 1)
        elif not isinstance(wanted, list):
            raise FilterPolicyError(f'"{key}" must be an object or an array')
        elif _is_or(key, wanted):
            total *= sum(_combinations(_not_empty(branch), depth) for branch in wanted)
        elif not wanted:
            raise FilterPolicyError("Empty arrays are not allowed")
        else:
            total *= len(wanted) * depth
    return total


def _not_empty(policy: Mapping[str, Any]) -> Mapping[str, Any]:
    if not policy:
        raise FilterPolicyError("Empty objects are not allowed")
    return policy


def _is_or(key: str, wanted: list[Any]) -> bool:
    """True if SNS takes the key for the operator: it has at least two objects, none with an operator as a key."""
    return (
        key == _OR
        and len(wanted) > 1
        and all(isinstance(branch, dict) and not RESERVED & branch.keys() for branch in wanted)
    )


def _alternatives(policy: Mapping[str, Any], path: Path = ()) -> list[list[_Condition]]:
    """The alternatives of a policy; a message has to meet all conditions of at least one of them."""
    found: list[list[_Condition]] = [[]]
    for key, wanted in policy.items():
        found = [[*before, *added] for before in found for added in _alternatives_of(key, wanted, path)]
    return found


def _alternatives_of(key: str, wanted: Any, path: Path) -> list[list[_Condition]]:
    below = (*path, *key.split("."))
    if isinstance(wanted, dict):
        return _alternatives(wanted, below)
    if _is_or(key, wanted):
        return [alternative for branch in wanted for alternative in _alternatives(branch, path)]
    tests = [test_of(rule) for rule in wanted if not is_absence(rule)]
    return [[_Condition(below, tests, len(tests) < len(wanted))]]


def _tree(conditions: Iterable[_Condition]) -> _Node:
    root = _Node()
    for condition in conditions:
        node = root
        for key in condition.path:
            node = node.keys.setdefault(key, _Node())
        node.conditions.append(condition)
    return root
