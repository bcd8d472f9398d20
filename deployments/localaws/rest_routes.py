"""The operations of services that name them by method and path, as botocore's models describe them."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

from botocore.exceptions import UnknownServiceError
from werkzeug.wrappers import Request

from localaws.constraints import service_model
from localaws.errors import AwsError

_LABEL = re.compile(r"\{(\w+)\+?\}")


class _Route(NamedTuple):
    """The method and path of an operation; the path's groups are the labels in its model."""

    method: str
    path: re.Pattern[str]
    operation: str


def rest_operation(model: str, request: Request) -> str:
    """The operation that a request calls; empty for none of the service's, and for a service without such a model."""
    route = _route(model, request)
    return route.operation if route else ""


def rest_parameters(model: str, request: Request) -> dict[str, Any]:
    """The members of an operation's request, from path, query and JSON body; raise AwsError for a malformed body."""
    route = _route(model, request)
    if route is None:
        return {}
    shape = service_model(model).operation_model(route.operation).input_shape
    labels = route.path.fullmatch(request.path)
    found: dict[str, Any] = _body(request)
    for name, member in (shape.members if shape else {}).items():
        place, wire = member.serialization.get("location"), member.serialization.get("name", name)
        if place == "uri" and labels:
            found[name] = labels[wire]
        elif place == "querystring" and wire in request.args:
            values = request.args.getlist(wire)
            found[name] = values if member.type_name == "list" else _typed(values[-1], member.type_name)
    return found


def _typed(text: str, kind: str) -> Any:
    return int(text) if kind == "integer" and text.lstrip("-").isdigit() else text


def _body(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(request.get_data(cache=True) or b"{}")
    except ValueError as exc:
        raise AwsError("SerializationException", "The request body is not a JSON object.") from exc
    if not isinstance(found, dict):
        raise AwsError("SerializationException", "The request body is not a JSON object.")
    return found


def _route(model: str, request: Request) -> _Route | None:
    routes = (each for each in _routes(model) if request.method == each.method)
    return next((each for each in routes if each.path.fullmatch(request.path)), None)


@lru_cache(maxsize=16)
def _routes(model: str) -> list[_Route]:
    """The operations, those with most literal text in their path first."""
    try:
        service = service_model(model)
    except UnknownServiceError:
        return []
    found = []
    for name in service.operation_names:
        http = service.operation_model(name).http
        path = http["requestUri"].partition("?")[0]
        # A label may hold slashes, as an ARN does, which arrive decoded.
        pattern = "".join(
            re.escape(part) if number % 2 == 0 else f"(?P<{part}>.+)" for number, part in enumerate(_LABEL.split(path))
        )
        found.append((len(_LABEL.sub("", path)), _Route(http["method"], re.compile(pattern), name)))
    return [route for _, route in sorted(found, key=lambda each: -each[0])]
