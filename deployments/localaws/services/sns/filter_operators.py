"""The operators of SNS's filter policies: each value of a policy becomes a test of one JSON value.

https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html, numeric-value-matching.html and
attribute-key-matching.html; the texts of the errors are AWS's.
"""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# Takes a string, a number, a boolean or null: lists are tested value by value, and objects not at all.
Test = Callable[[Any], bool]
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}
# The docs promise five digits after the point; AWS compares six.
_DIGITS = 6


class FilterPolicyError(Exception):
    """A filter policy that SNS refuses; the text is AWS's."""

    def __init__(self, text: str, where: str = "FilterPolicy: ") -> None:
        super().__init__(where + text)


def test_of(rule: Any) -> Test:
    """The test that one value of a policy's list stands for; the caller handles `{"exists": false}`."""
    if isinstance(rule, list):
        raise FilterPolicyError("Match value must be String, number, true, false, or null")
    if not isinstance(rule, dict):
        return _exactly(rule)
    name, wanted = _only_entry(rule)
    if name in _OF_STRINGS:
        return _of_string(name, wanted)
    if name not in _OTHERS:
        raise FilterPolicyError(f"Unrecognized match type {name}")
    return _OTHERS[name](wanted)


def is_absence(rule: Any) -> bool:
    """True if the value asks for the key to be absent."""
    # In Python 0 == False, so the first comparison alone would accept {"exists": 0}.
    return rule == {"exists": False} and rule["exists"] is False


def _only_entry(rule: Mapping[str, Any]) -> tuple[str, Any]:
    if len(rule) != 1:
        raise FilterPolicyError("Only one key allowed in match expression")
    return next(iter(rule.items()))


def _exactly(wanted: Any) -> Test:
    if _is_number(wanted):
        return lambda value: _is_number(value) and _rounded(value) == _rounded(wanted)
    # Types are compared too, because True == 1 in Python.
    return lambda value: type(value) is type(wanted) and value == wanted


def _exists(wanted: Any) -> Test:
    if not isinstance(wanted, bool):
        raise FilterPolicyError("exists match pattern must be either true or false.")
    # "The key must have a non-null and non-empty value."
    return lambda value: wanted and value is not None and value != ""


def _numeric(wanted: Any) -> Test:
    if not isinstance(wanted, list):
        raise FilterPolicyError("Value of numeric must be an array.")
    first, *rest = wanted or ["]"]
    if not wanted or not isinstance(first, str):
        raise FilterPolicyError(f"Invalid member in numeric match: {first}")
    if first not in _COMPARISONS:
        raise FilterPolicyError(f"Unrecognized numeric range operator: {first}")
    low = _operand(first, rest)
    bounds = [(first, low)]
    if rest[1:]:
        bounds.append(_upper_bound(first, low, rest[1:]))
    return lambda value: (
        _is_number(value)
        and all(_COMPARISONS[comparison](_rounded(value), _rounded(bound)) for comparison, bound in bounds)
    )


def _upper_bound(first: str, low: float, rest: Sequence[Any]) -> tuple[str, float]:
    if first not in (">", ">="):
        raise FilterPolicyError("Too many elements in numeric expression")
    second = rest[0]
    if not isinstance(second, str):
        raise FilterPolicyError(f"Bad value in numeric range: {second}")
    if second not in ("<", "<="):
        raise FilterPolicyError(f"Bad numeric range operator: {second}")
    high = _operand(second, rest[1:])
    if high <= low:
        raise FilterPolicyError("Bottom must be less than top")
    if rest[2:]:
        raise FilterPolicyError("Too many terms in numeric range expression")
    return second, high


def _operand(comparison: str, rest: Sequence[Any]) -> float:
    if not rest or not _is_number(rest[0]):
        raise FilterPolicyError(f"Value of {'equals' if comparison == '=' else comparison} must be numeric")
    number: float = rest[0]
    return number


def _anything_but(wanted: Any) -> Test:
    if isinstance(wanted, dict):
        name, inner = _only_entry(wanted)
        if name not in _OF_STRINGS or name == "cidr":
            raise FilterPolicyError(f"Unsupported anything-but pattern: {name}")
        tests = [_of_string(name, each) for each in _listed(inner)]
    else:
        values = _listed(wanted)
        if not all(isinstance(each, str) or _is_number(each) for each in values):
            raise FilterPolicyError("Inside anything but list, start|null|boolean is not supported.")
        if len({isinstance(each, str) for each in values}) > 1:
            raise FilterPolicyError(
                "Inside anything but list, either all values are number or string, mixed type is not supported"
            )
        tests = [_exactly(each) for each in values]
    return lambda value: not any(test(value) for test in tests)


def _listed(wanted: Any) -> list[Any]:
    if wanted == []:
        raise FilterPolicyError("Empty arrays are not allowed")
    return wanted if isinstance(wanted, list) else [wanted]


def _of_string(name: str, wanted: Any) -> Test:
    if not isinstance(wanted, str):
        # AWS's error calls a CIDR a prefix, too.
        raise FilterPolicyError(f"{'prefix' if name == 'cidr' else name} match pattern must be a string")
    test = _OF_STRINGS[name](wanted)
    return lambda value: isinstance(value, str) and test(value)


def _prefix(wanted: str) -> Test:
    return lambda value: bool(value.startswith(wanted))


def _suffix(wanted: str) -> Test:
    return lambda value: bool(value.endswith(wanted))


def _equals_ignore_case(wanted: str) -> Test:
    return lambda value: bool(value.lower() == wanted.lower())


def _wildcard(wanted: str) -> Test:
    first, *others = _literals(wanted)
    if not others:
        return lambda value: bool(value == first)
    *between, last = others

    def test(value: str) -> bool:
        at = len(first)
        if not value.startswith(first):
            return False
        for literal in between:
            at = value.find(literal, at)
            if at < 0:
                return False
            at += len(literal)
        return value.endswith(last) and len(value) - len(last) >= at

    return test


def _literals(pattern: str) -> list[str]:
    """The texts between the asterisks; a backslash before an asterisk or a backslash makes it a literal one."""
    found, position = [""], 0
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            position += 1
            character = pattern[position : position + 1]
            if character not in ("*", "\\"):
                raise FilterPolicyError(f"Invalid escape character at pos {position - 1}")
            found[-1] += character
        elif character == "*":
            if pattern[position + 1 : position + 2] == "*":
                raise FilterPolicyError(f"Consecutive wildcard characters at pos {position}")
            found.append("")
        else:
            found[-1] += character
        position += 1
    return found


def _cidr(wanted: str) -> Test:
    address, *bits = wanted.split("/")
    if len(bits) != 1:
        raise FilterPolicyError("Malformed CIDR, one '/' required")
    if not bits[0].isdecimal():
        raise FilterPolicyError("Malformed CIDR, mask bits must be an integer")
    try:
        network = ipaddress.ip_network(wanted, strict=False)
    except ValueError as exc:
        raise FilterPolicyError(f"Nonstandard IP address: {address}") from exc

    def test(value: str) -> bool:
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return test


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rounded(number: float) -> float:
    return round(number, _DIGITS)


_OF_STRINGS: dict[str, Callable[[str], Test]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
    "cidr": _cidr,
}
_OTHERS: dict[str, Callable[[Any], Test]] = {"exists": _exists, "numeric": _numeric, "anything-but": _anything_but}
# SNS takes `$or` for an ordinary key if one of its branches has one of these as a key.
RESERVED = frozenset({*_OF_STRINGS, *_OTHERS})
