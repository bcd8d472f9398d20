"""Matching in IAM policies: wildcards, policy variables, and the operators of conditions."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

# Condition keys with their values; the keys are in lower case, because AWS ignores their case.
Context = Mapping[str, tuple[str, ...]]

_TOKEN = re.compile(r"\$\{([^}]*)\}|([*?])")
_VARIABLE = re.compile(r"\s*(?P<key>[^,]*?)\s*(?:,\s*'(?P<default>[^']*)')?\s*")
_ARN_SEPARATOR = re.compile(r":(?![^{}]*\})")  # not the colon in a variable such as ${aws:username}
_LITERALS = {"*": "*", "?": "?", "$": "$"}  # ${*}, ${?} and ${$} stand for the characters themselves


def like(value: str, pattern: str, context: Context) -> bool:
    """True if the value matches a pattern with `*`, `?` and variables such as `${aws:username}`."""
    regex = _regex(pattern, context) if "${" in pattern else _plain_regex(pattern)
    return regex is not None and regex.fullmatch(value) is not None


def equals(value: str, pattern: str, context: Context) -> bool:
    """True if the value equals the pattern with its variables filled in; wildcards in it are ordinary characters."""
    return value == _TOKEN.sub(lambda token: token[2] or _value(token[1], context) or "", pattern)


def arn_like(value: str, pattern: str, context: Context) -> bool:
    """True if each of an ARN's six parts matches; only in the last part does a wildcard reach over a colon."""
    values, patterns = value.split(":", 5), _ARN_SEPARATOR.split(pattern, maxsplit=5)
    if len(values) != 6 or len(patterns) != 6:
        return pattern == "*"
    return all(like(one, wanted, context) for one, wanted in zip(values, patterns, strict=True))


def holds(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """True if all conditions of a statement hold."""
    return all(
        _holds(name, _texts(wanted), context.get(key.lower()), context)
        for name, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _holds(name: str, wanted: list[str], found: tuple[str, ...] | None, context: Context) -> bool:
    quantifier, _, name = name.rpartition(":")
    optional, name = name.endswith("IfExists"), name.removesuffix("IfExists")
    if name == "Null":
        return str(found is None).lower() in [text.lower() for text in wanted]
    negated = "Not" in name
    test = _TESTS.get(name.replace("Not", "", 1))
    if test is None:
        return False
    if found is None:  # AWS's rule for a key that the request lacks
        return optional or quantifier == "ForAllValues" or (negated and quantifier != "ForAnyValue")
    satisfied = [any(_safely(test, value, text, context) for text in wanted) != negated for value in found]
    every = quantifier == "ForAllValues" or (negated and not quantifier)
    return all(satisfied) if every else any(satisfied)


Test = Callable[[str, str, Context], bool]


def _safely(test: Test, value: str, wanted: str, context: Context) -> bool:
    try:
        return test(value, wanted, context)
    except ValueError:
        return False


def _ignoring_case(test: Test) -> Test:
    return lambda value, wanted, context: test(value.lower(), wanted.lower(), context)


def _compared(compare: Callable[[Any, Any], bool], read: Callable[[str], Any]) -> Test:
    return lambda value, wanted, context: compare(read(value), read(wanted))


def _moment(text: str) -> datetime:
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}
_TESTS: dict[str, Test] = {
    "StringEquals": equals,
    "StringEqualsIgnoreCase": _ignoring_case(equals),
    "StringLike": like,
    # AWS documents that ArnEquals behaves as ArnLike.
    "ArnEquals": arn_like,
    "ArnLike": arn_like,
    "Bool": _ignoring_case(equals),
    "BinaryEquals": equals,
    "IpAddress": lambda value, wanted, _: ip_address(value) in ip_network(wanted, strict=False),
    **{f"Numeric{name}": _compared(compare, float) for name, compare in _COMPARISONS.items()},
    **{f"Date{name}": _compared(compare, _moment) for name, compare in _COMPARISONS.items()},
}


def _texts(wanted: Any) -> list[str]:
    """A condition's values as texts; in JSON they are a list or a single value, of strings, booleans or numbers."""
    values = wanted if isinstance(wanted, list) else [wanted]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in values]


@lru_cache(maxsize=2048)
def _plain_regex(pattern: str) -> re.Pattern[str] | None:
    return _regex(pattern, {})


def _regex(pattern: str, context: Context) -> re.Pattern[str] | None:
    """The pattern as a regular expression; None when a variable has no value, because nothing matches then."""
    parts, end = [], 0
    for token in _TOKEN.finditer(pattern):
        parts.append(re.escape(pattern[end : token.start()]))
        end = token.end()
        if token[2]:
            parts.append(".*" if token[2] == "*" else ".")
            continue
        value = _value(token[1], context)
        if value is None:
            return None
        parts.append(re.escape(value))
    return re.compile("".join(parts) + re.escape(pattern[end:]), re.DOTALL)


def _value(variable: str, context: Context) -> str | None:
    if variable in _LITERALS:
        return _LITERALS[variable]
    match = _VARIABLE.fullmatch(variable)
    if match is None:
        return None
    values = context.get(match["key"].lower())
    # AWS fills in keys with a single value only.
    return values[0] if values and len(values) == 1 else match["default"]
