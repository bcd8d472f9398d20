"""Checks of a request as the service makes them: required members, lengths, ranges, patterns and enumerations.

botocore checks only types, required members and minima before it sends a request. The rest of its service model is
enforced by AWS itself; the checks here follow the same model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from localaws.errors import AwsError


@lru_cache(maxsize=16)
def service_model(service: str) -> ServiceModel:
    """botocore's model of the service."""
    return botocore.session.get_session().get_service_model(service)


def violations(service: str, operation: str, request: dict[str, Any]) -> list[str]:
    """The constraints that the request violates, in AWS's words; empty for a valid request."""
    shape = service_model(service).operation_model(operation).input_shape
    return list(_check(shape, request, "")) if shape is not None else []


def check_types(service: str, operation: str, request: Any) -> None:
    """Raise AWS's SerializationException for a JSON body with a value of another type than the operation's member."""
    shape = service_model(service).operation_model(operation).input_shape
    for kind, wanted in _mistyped(shape, request) if shape is not None else ():
        raise AwsError("SerializationException", _UNREADABLE[kind].format(wanted.capitalize()))


def violation_message(found: list[str]) -> str:
    """The text of the answer that reports these violations."""
    noun = "error" if len(found) == 1 else "errors"
    return f"{len(found)} validation {noun} detected: " + "; ".join(found)


# The Python types of a JSON value that each type of shape accepts.
_JSON_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("structure", "map"), (dict,)),
    **dict.fromkeys(("integer", "long"), (int,)),
    **dict.fromkeys(("float", "double", "timestamp"), (int, float)),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
}
_UNREADABLE = {
    dict: "Start of structure or map found where not expected.",
    list: "Start of list found where not expected",
    str: "STRING_VALUE can not be converted to {}",
    int: "NUMBER_VALUE can not be converted to {}",
    float: "DECIMAL_VALUE can not be converted to {}",
    bool: "BOOLEAN_VALUE can not be converted to {}",
}


def _mistyped(shape: Shape, value: Any) -> Iterator[tuple[type, str]]:
    """Yield the type of each value that does not fit its shape, and the shape's type."""
    if value is None:
        return
    # Not isinstance: Python's booleans are also integers.
    if type(value) not in _JSON_TYPES[shape.type_name]:
        yield type(value), shape.type_name
    elif isinstance(shape, StructureShape):
        for name in value.keys() & shape.members.keys():
            yield from _mistyped(shape.members[name], value[name])
    elif isinstance(shape, ListShape):
        for item in value:
            yield from _mistyped(shape.member, item)
    elif isinstance(shape, MapShape):
        for item in value.values():
            yield from _mistyped(shape.value, item)


def _check(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        yield from _check_structure(shape, value, path)
    elif isinstance(shape, ListShape):
        yield from _check_size(shape, value, path, len(value), "length")
        for index, item in enumerate(value):
            yield from _check(shape.member, item, f"{path}.{index + 1}.member")
    elif isinstance(shape, MapShape):
        yield from _check_size(shape, value, path, len(value), "length")
        for key, item in value.items():
            yield from _check(shape.key, key, f"{path}.key")
            yield from _check(shape.value, item, f"{path}.{key}")
    elif shape.type_name in ("integer", "long", "float", "double"):
        yield from _check_size(shape, value, path, value, "value")
    elif isinstance(value, str):
        yield from _check_string(shape, value, path)
    elif isinstance(value, bytes):
        yield from _check_size(shape, "<binary>", path, len(value), "length")


def _check_structure(shape: StructureShape, value: Any, path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
    for name, item in value.items():
        if name in shape.members and item is not None:
            yield from _check(shape.members[name], item, _join(path, name))


def _check_size(shape: Shape, value: Any, path: str, size: float, noun: str) -> Iterator[str]:
    minimum, maximum = shape.metadata.get("min"), shape.metadata.get("max")
    kind = "have length" if noun == "length" else "have value"
    if minimum is not None and size < minimum:
        yield _failed(value, path, f"Member must {kind} greater than or equal to {minimum}")
    if maximum is not None and size > maximum:
        yield _failed(value, path, f"Member must {kind} less than or equal to {maximum}")


def _check_string(shape: Shape, value: str, path: str) -> Iterator[str]:
    yield from _check_size(shape, value, path, len(value), "length")
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield _failed(value, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield _failed(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _failed(value: Any, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    member = name[0].lower() + name[1:]  # as in AWS's messages
    return f"{path}.{member}" if path else member


# The service models have Java's regular expressions; Python spells these parts of them differently.
_JAVA_CLASSES = {
    r"\p{ASCII}": r"[\x00-\x7f]",
    r"[\p{Print}]": r"[\x20-\x7e]",
    r"\p{Print}": r"[\x20-\x7e]",
    r"\p{L}\p{Z}\p{N}": r"\w\s",
    r"\z": r"\Z",
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF",
}


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    for java, python in _JAVA_CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern, re.DOTALL)
