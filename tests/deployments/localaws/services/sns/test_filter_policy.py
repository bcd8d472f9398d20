"""The messages that a filter policy lets through: by SNS's documentation, rule by rule."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localaws.services.sns.filter_policy import FilterPolicy

ANYTHING = ["a", "A", "", "5", 5, -1, 2.5, True, False, None, ["a"], ["b", "a"], [], {"k": "a"}]
# A rule, and the values of ANYTHING that it lets through; an absent attribute is not among them.
RULES: list[tuple[Any, list[Any]]] = [
    ("a", ["a", ["a"], ["b", "a"]]),
    ("", [""]),
    ("5", ["5"]),
    (5, [5]),
    (5.0, [5]),
    (1, []),
    (True, [True]),
    (False, [False]),
    (None, [None]),
    ({"prefix": "a"}, ["a", ["a"], ["b", "a"]]),
    ({"prefix": ""}, ["a", "A", "", "5", ["a"], ["b", "a"]]),
    ({"suffix": "a"}, ["a", ["a"], ["b", "a"]]),
    ({"equals-ignore-case": "a"}, ["a", "A", ["a"], ["b", "a"]]),
    ({"wildcard": "*"}, ["a", "A", "", "5", ["a"], ["b", "a"]]),
    ({"wildcard": "a*"}, ["a", ["a"], ["b", "a"]]),
    ({"exists": True}, ["a", "A", "5", 5, -1, 2.5, True, False, ["a"], ["b", "a"]]),
    ({"exists": False}, [[], {"k": "a"}]),
    ({"numeric": ["=", 5]}, [5]),
    ({"numeric": ["<", 5]}, [-1, 2.5]),
    ({"numeric": ["<=", 5]}, [5, -1, 2.5]),
    ({"numeric": [">", 0]}, [5, 2.5]),
    ({"numeric": [">=", 5]}, [5]),
    ({"numeric": [">", -1, "<=", 2.5]}, [2.5]),
    ({"numeric": [">=", -1, "<", 2.5]}, [-1]),
    ({"anything-but": "a"}, ["A", "", "5", 5, -1, 2.5, True, False, None, ["b", "a"]]),
    ({"anything-but": ["a", "b"]}, ["A", "", "5", 5, -1, 2.5, True, False, None]),
    ({"anything-but": 5}, ["a", "A", "", "5", -1, 2.5, True, False, None, ["a"], ["b", "a"]]),
    ({"anything-but": [5, -1]}, ["a", "A", "", "5", 2.5, True, False, None, ["a"], ["b", "a"]]),
    ({"anything-but": {"prefix": "a"}}, ["A", "", "5", 5, -1, 2.5, True, False, None, ["b", "a"]]),
    ({"anything-but": {"suffix": ["a", "b"]}}, ["A", "", "5", 5, -1, 2.5, True, False, None]),
    ({"anything-but": {"equals-ignore-case": "a"}}, ["", "5", 5, -1, 2.5, True, False, None, ["b", "a"]]),
    ({"anything-but": {"wildcard": "*a"}}, ["A", "", "5", 5, -1, 2.5, True, False, None, ["b", "a"]]),
    ({"cidr": "10.0.0.0/24"}, []),
]


def same(one: Any, other: Any) -> bool:
    return json.dumps(one) == json.dumps(other)


def of_body(policy: Any, body: Any) -> bool:
    return FilterPolicy(policy, "MessageBody").matches({}, body if isinstance(body, str) else json.dumps(body))


@pytest.mark.parametrize(("rule", "wanted"), RULES, ids=lambda each: json.dumps(each)[:40])
def test_a_rule_on_every_type_that_a_body_can_have(rule: Any, wanted: list[Any]) -> None:
    policy = {"p": [rule]}
    for value in ANYTHING:
        expected = any(same(value, each) for each in wanted)
        assert of_body(policy, {"p": value, "q": 1}) is expected, value
        assert of_body({"o": {"p": [rule]}}, {"o": {"p": value, "q": 1}}) is expected, value
        assert of_body({"p": ["never", rule]}, {"p": value, "q": 1}) is expected, value


@pytest.mark.parametrize("rule", [rule for rule, _ in RULES], ids=lambda each: json.dumps(each)[:40])
def test_an_absent_key_is_matched_by_its_absence_alone(rule: Any) -> None:
    assert of_body({"p": [rule]}, {"q": 1}) is (rule == {"exists": False})
    assert of_body({"p": [rule, {"exists": False}]}, {"q": 1})
    assert of_body({"o": {"p": [rule, {"exists": False}]}}, {"q": 1})
    assert not of_body({"p": [rule, {"exists": False}]}, {})


def attribute(kind: str, value: str) -> dict[str, str]:
    return {"Type": kind, "Value": value}


ATTRIBUTES = {
    "text": attribute("String", "rugby"),
    "digits": attribute("String", "5"),
    "number": attribute("Number", "3.015e2"),
    "list": attribute("String.Array", '["rugby", "tennis", 5, true, null]'),
    "no list": attribute("String.Array", "rugby"),
    "empty": attribute("String.Array", "[]"),
    "bytes": attribute("Binary", "cnVnYnk="),
    "address": attribute("String", "10.0.0.255"),
    "a.b": attribute("String", "dotted"),
}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"text": ["rugby"]}, True),
        ({"text": ["Rugby"]}, False),
        ({"digits": ["5"]}, True),
        ({"digits": [5]}, False),
        ({"digits": [{"numeric": ["=", 5]}]}, False),
        ({"number": [301.5]}, True),
        ({"number": [{"numeric": [">", 300, "<", 302]}]}, True),
        ({"number": ["3.015e2"]}, False),
        ({"number": [{"prefix": "3"}]}, False),
        ({"list": ["tennis"]}, True),
        ({"list": [5]}, True),
        ({"list": [True]}, True),
        ({"list": [None]}, True),
        ({"list": ["golf"]}, False),
        ({"list": [{"prefix": "ten"}]}, True),
        ({"list": [{"anything-but": ["rugby", "golf"]}]}, True),
        ({"no list": ["rugby"]}, True),
        ({"empty": [{"exists": False}]}, True),
        ({"bytes": [{"exists": True}]}, False),
        ({"bytes": [{"exists": False}]}, True),
        ({"address": [{"cidr": "10.0.0.0/24"}]}, True),
        ({"address": [{"cidr": "10.1.0.0/16"}]}, False),
        ({"a.b": ["dotted"]}, True),
        ({"text": ["rugby"], "digits": ["6"]}, False),
        ({"text": ["golf"], "digits": ["5"]}, False),
        ({"$or": [{"text": ["golf"]}, {"digits": ["5"]}]}, True),
        ({"$or": [{"text": ["golf"]}, {"digits": ["6"]}]}, False),
        ({"other": [{"anything-but": "x"}]}, False),
        ({"other": [None, {"anything-but": "x"}]}, False),
        ({"other": [{"exists": False}]}, True),
    ],
    ids=lambda each: json.dumps(each)[:50],
)
def test_attributes_are_matched_by_their_types(policy: Any, expected: bool) -> None:
    assert FilterPolicy(policy, "MessageAttributes").matches(ATTRIBUTES, "rugby") is expected


@pytest.mark.parametrize("attributes", [{}, None, {"bytes": ATTRIBUTES["bytes"]}])
def test_without_attributes_not_even_absence_matches(attributes: Any) -> None:
    assert not FilterPolicy({"p": [{"exists": False}]}, "MessageAttributes").matches(attributes, "{}")


@pytest.mark.parametrize("body", ["", "high", '"high"', "5", "null", '["high"]', '{"p": NaN}', '{"p": "high"'])
def test_a_body_that_is_no_json_object_matches_nothing(body: str) -> None:
    assert not of_body({"q": [{"exists": False}]}, body)


RECORDS = {"Records": {"s3": {"key": [{"prefix": "auto-"}]}, "event": [{"prefix": "Created:"}]}}


def record(key: str, event: str) -> dict[str, Any]:
    return {"s3": {"key": key}, "event": event}


@pytest.mark.parametrize(
    ("policy", "body", "expected"),
    [
        ({"a": {"b": [1]}}, {"a": {"b": 1}}, True),
        ({"a": {"b": [1]}}, {"a": {"b": 2}}, False),
        ({"a": {"b": [1]}}, {"a": 1}, False),
        ({"a": {"b": [1]}}, {"a": None}, False),
        ({"a": {"b": [1]}}, {"b": 1}, False),
        ({"a": {"b": [{"exists": False}]}}, {"a": "x"}, True),
        ({"a": {"b": [{"exists": False}]}}, {"a": [], "q": 1}, True),
        ({"a": {"b": [{"exists": False}]}}, {"a": {"b": 0}}, False),
        ({"a": {"b": [1]}}, {"a": [{"b": 2}, {"b": 1}]}, True),
        ({"a": {"b": [1]}}, {"a": [[{"b": [2, 1]}]]}, True),
        ({"a": {"b": [{"exists": False}]}}, {"a": [{"c": 1}, {"b": 1}]}, False),
        (RECORDS, {"Records": [record("auto-1", "Created:Put")]}, True),
        (RECORDS, {"Records": [record("home-1", "Removed:x"), record("auto-1", "Created:Put")]}, True),
        (RECORDS, {"Records": [record("auto-1", "Removed:x"), record("home-1", "Created:Put")]}, False),
        ({"a.b": [1]}, {"a": {"b": 1}}, True),
        ({"a.b": [1]}, {"a.b": 1}, True),
        ({"a": {"b": [1]}}, {"a.b": 1}, True),
        ({"a.b.c": [1]}, {"a": {"b.c": 1, "b": {"d": 2}}}, True),
        ({"a.b": [1], "a": {"c": [2]}}, {"a": {"c": 2}, "a.b": 1}, True),
        ({"a": [1], "a.b": [2]}, {"a": [1, {"b": 2}]}, True),
        ({"a.": [1]}, {"a": 1}, False),
        ({"a.": [1]}, {"a.": 1}, True),
        ({"p": [0.1]}, {"p": 0.1000001}, True),
        ({"p": [0.1]}, {"p": 0.10001}, False),
        ({"p": [{"numeric": [">", 1]}]}, '{"p": 1e999}', True),
        ({"p": [{"cidr": "10.0.0.0/24"}]}, {"p": "10.0.0.7"}, True),
        ({"p": [{"cidr": "10.0.0.0/24"}]}, {"p": ["::1", "x", 167772161]}, False),
        ({"p": [{"cidr": "2001:db8::/32"}]}, {"p": "2001:db8::1"}, True),
        ({"p": [{"wildcard": "*.jpg"}]}, {"p": "a.jpg"}, True),
        ({"p": [{"wildcard": "a*b*c"}]}, {"p": "abxbc"}, True),
        ({"p": [{"wildcard": "ab*ba"}]}, {"p": "aba"}, False),
        ({"p": [{"wildcard": "a*bb*c"}]}, {"p": "abxbc"}, False),
        ({"p": [{"wildcard": "a\\*\\\\*"}]}, {"p": "a*\\z"}, True),
        ({"p": [{"wildcard": "a\\*"}]}, {"p": "ab"}, False),
        ({"p": [{"wildcard": "a"}]}, {"p": "ab"}, False),
    ],
    ids=lambda each: json.dumps(each)[:50],
)
def test_nested_keys_arrays_and_odd_values(policy: Any, body: Any, expected: bool) -> None:
    assert of_body(policy, body) is expected


SOURCE_OR = {
    "source": ["aws"],
    "$or": [{"metric": ["cpu"]}, {"type": ["t"], "$or": [{"id": [1]}, {"space": [2]}]}],
    "detail": {"scope": ["s"], "$or": [{"x": [1]}, {"y": [{"exists": False}]}]},
}
DETAIL = {"scope": "s", "x": 1}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"source": "aws", "metric": "cpu", "detail": DETAIL}, True),
        ({"source": "aws", "type": "t", "id": 1, "detail": DETAIL}, True),
        ({"source": "aws", "type": "t", "space": 2, "detail": {"scope": "s"}}, True),
        ({"source": "aws", "type": "t", "detail": DETAIL}, False),
        ({"source": "aws", "id": 1, "detail": DETAIL}, False),
        ({"metric": "cpu", "detail": DETAIL}, False),
        ({"source": "aws", "metric": "cpu", "detail": {"scope": "s", "x": 2, "y": 1}}, False),
        ({"source": "aws", "metric": "cpu", "x": 1, "scope": "s"}, False),
    ],
)
def test_or_at_every_level(body: Any, expected: bool) -> None:
    assert of_body(SOURCE_OR, body) is expected


def test_or_joins_what_is_asked_of_the_same_element() -> None:
    policy = {"r": {"a": [1]}, "$or": [{"r": {"b": [2]}}, {"c": [3]}]}
    assert of_body(policy, {"r": [{"a": 1, "b": 2}]})
    assert not of_body(policy, {"r": [{"a": 1}, {"b": 2}]})
    assert of_body(policy, {"r": [{"a": 1}, {"b": 2}], "c": 3})
