"""The filter policies that SNS refuses, in its words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localaws.services.sns.filter_operators import FilterPolicyError
from localaws.services.sns.filter_policy import FilterPolicy

BOTTOM = "Bottom must be less than top"
MIXED = "Inside anything but list, either all values are number or string, mixed type is not supported"
EXISTS = "exists match pattern must be either true or false."


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (["a"], "Match value must be String, number, true, false, or null"),
        ({"wrong": True}, "Unrecognized match type wrong"),
        ({}, "Only one key allowed in match expression"),
        ({"suffix": "a", "prefix": "b"}, "Only one key allowed in match expression"),
        ({"suffix": 100}, "suffix match pattern must be a string"),
        ({"prefix": None}, "prefix match pattern must be a string"),
        ({"wildcard": ["a"]}, "wildcard match pattern must be a string"),
        ({"wildcard": "a**"}, "Consecutive wildcard characters at pos 1"),
        ({"wildcard": "a\\b"}, "Invalid escape character at pos 1"),
        ({"wildcard": "a\\"}, "Invalid escape character at pos 1"),
        ({"exists": None}, EXISTS),
        ({"exists": "no"}, EXISTS),
        ({"exists": 0}, EXISTS),
        ({"numeric": 5}, "Value of numeric must be an array."),
        ({"numeric": []}, "Invalid member in numeric match: ]"),
        ({"numeric": [1, "<="]}, "Invalid member in numeric match: 1"),
        ({"numeric": ["operator"]}, "Unrecognized numeric range operator: operator"),
        ({"numeric": ["=", "000"]}, "Value of equals must be numeric"),
        ({"numeric": [">", True]}, "Value of > must be numeric"),
        ({"numeric": [">="]}, "Value of >= must be numeric"),
        ({"numeric": ["<", 100, ">", 10]}, "Too many elements in numeric expression"),
        ({"numeric": [">=", 1, ">", 2]}, "Bad numeric range operator: >"),
        ({"numeric": [">", 3, "<", 1]}, BOTTOM),
        ({"numeric": [">", 3, "<", 3]}, BOTTOM),
        ({"numeric": [">", 20, "<="]}, "Value of <= must be numeric"),
        ({"numeric": [">", 20, 30]}, "Bad value in numeric range: 30"),
        ({"numeric": [">", 20, "<", "30"]}, "Value of < must be numeric"),
        ({"numeric": [">", 20, "<", 30, "<", 50]}, "Too many terms in numeric range expression"),
        ({"anything-but": []}, "Empty arrays are not allowed"),
        ({"anything-but": None}, "Inside anything but list, start|null|boolean is not supported."),
        ({"anything-but": ["a", 1]}, MIXED),
        ({"anything-but": {"exists": False}}, "Unsupported anything-but pattern: exists"),
        ({"anything-but": {"cidr": "10.0.0.0/8"}}, "Unsupported anything-but pattern: cidr"),
        ({"anything-but": {"prefix": False}}, "prefix match pattern must be a string"),
        ({"cidr": 5}, "prefix match pattern must be a string"),
        ({"cidr": "10.0.0.0"}, "Malformed CIDR, one '/' required"),
        ({"cidr": "10.0.0.0/x"}, "Malformed CIDR, mask bits must be an integer"),
        ({"cidr": "300.0.0.0/8"}, "Nonstandard IP address: 300.0.0.0"),
    ],
    ids=lambda each: json.dumps(each)[:40],
)
def test_a_rule_that_sns_refuses(rule: Any, text: str) -> None:
    with pytest.raises(FilterPolicyError) as refusal:
        FilterPolicy({"key": ["a", rule]}, "MessageAttributes")
    assert str(refusal.value) == f"FilterPolicy: {text}"


def values(count: int) -> list[str]:
    return [f"value{number}" for number in range(count)]


def branches(last: int) -> dict[str, Any]:
    inner = {"type": values(4), "$or": [{"id": values(4)}, {"space": values(last)}]}
    return {"source": values(3), "$or": [{"metric": values(6)}, inner]}


@pytest.mark.parametrize(
    ("policy", "scope", "text"),
    [
        ({"key": "value"}, "MessageAttributes", 'FilterPolicy: "key" must be an object or an array'),
        ({"a": {"b": 5}}, "MessageBody", 'FilterPolicy: "b" must be an object or an array'),
        ({"a": []}, "MessageBody", "FilterPolicy: Empty arrays are not allowed"),
        ({"a": {}}, "MessageBody", "FilterPolicy: Empty objects are not allowed"),
        ({"a": {"b": ["c"]}}, "MessageAttributes", "Filter policy scope MessageAttributes does not support nested"),
        (
            {name: ["a"] for name in "abcdef"},
            "MessageBody",
            "FilterPolicy: Filter policy can not have more than 5 keys",
        ),
        ({"a": values(151)}, "MessageAttributes", "FilterPolicy: Filter policy is too complex"),
        ({"a": values(100), "b": values(2)}, "MessageAttributes", "FilterPolicy: Filter policy is too complex"),
        ({"a": {"b": {"c": values(51)}}}, "MessageBody", "FilterPolicy: Filter policy is too complex"),
        (branches(8), "MessageAttributes", "FilterPolicy: Filter policy is too complex"),
    ],
)
def test_a_policy_that_sns_refuses(policy: Any, scope: str, text: str) -> None:
    with pytest.raises(FilterPolicyError) as refusal:
        FilterPolicy(policy, scope)
    assert str(refusal.value).startswith(text)


def test_a_policy_as_large_as_sns_accepts() -> None:
    FilterPolicy({"a": values(150)}, "MessageAttributes")
    FilterPolicy({"a": {"b": {"c": values(50)}}}, "MessageBody")
    FilterPolicy(branches(7), "MessageAttributes")


def test_or_of_one_branch_is_a_key_like_any_other() -> None:
    assert FilterPolicy({"$or": ["x"]}, "MessageBody").matches({}, '{"$or": "x"}')
    with pytest.raises(FilterPolicyError, match="Unrecognized match type metric"):
        FilterPolicy({"$or": [{"metric": ["cpu"]}]}, "MessageBody")
    with pytest.raises(FilterPolicyError, match="Value of numeric must be an array"):
        FilterPolicy({"$or": [{"numeric": 123}, {"prefix": "abc"}]}, "MessageBody")
