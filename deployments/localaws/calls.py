"""Which operation of which service an HTTP request asks for, read as AWS's front end reads it.

The shapes come from botocore's service models: JSON services name the operation in X-Amz-Target, query services in the
form's Action, and S3 and the SageMaker runtime by method, path and query.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import OperationModel
from werkzeug.wrappers import Request

from localaws.constraints import service_model
from localaws.errors import AwsError

_CREDENTIAL = re.compile(r"(?P<access_key>[^/=\s]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_RUNTIME = {"invocations": "InvokeEndpoint", "async-invocations": "InvokeEndpointAsync"}
_RUNTIME_PATH = re.compile(r"/endpoints/(?P<endpoint>[^/]+)/(?P<kind>invocations|async-invocations)")
# The names by which requests are signed, where botocore's model has another.
_MODELS = {"monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi"}


@dataclass(frozen=True)
class Call:
    """A request as the operation it is; `service` is the name it was signed for, which is IAM's prefix of actions."""

    service: str
    operation: str
    region: str
    access_key: str | None
    request: Request

    @property
    def action(self) -> str:
        """The action that a policy must allow; the few operations that IAM names otherwise are in `access`."""
        return f"{self.service}:{self.operation}"

    @property
    def endpoint_name(self) -> str | None:
        """The endpoint of a call to the SageMaker runtime."""
        match = _RUNTIME_PATH.fullmatch(self.request.path)
        return match["endpoint"] if match else None

    @property
    def bucket(self) -> str | None:
        """The bucket of a call to S3; the embedded AWS is addressed by path, never by host."""
        return self._path[0] or None

    @property
    def key(self) -> str | None:
        """The key of a call to S3 which has one."""
        return self._path[2] or None

    @property
    def _path(self) -> tuple[str, str, str]:
        return self.request.path.removeprefix("/").partition("/") if self.service == "s3" else ("", "", "")

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The members of a JSON or form body; empty for the services whose body is data, or where it is malformed."""
        if "X-Amz-Target" in self.request.headers:
            return self._json or {}
        return _form(self.request) if _is_form(self.request) and self.service != "s3" else {}

    @cached_property
    def _json(self) -> dict[str, Any] | None:
        try:
            found = json.loads(_body(self.request) or b"{}")
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def refuse_malformed(self) -> None:
        """Raises AWS's error for a body that is no JSON object where the protocol wants one."""
        if "X-Amz-Target" in self.request.headers and self._json is None:
            raise AwsError("SerializationException", "The request body is not a JSON object.")

    def body(self) -> bytes:
        """The whole body, which stays readable for whoever answers."""
        return _body(self.request)


def identify(request: Request, default_region: str) -> Call:
    """The call that the request makes; an unsigned one is S3's, or has no service at all."""
    scope = _CREDENTIAL.search(request.headers.get("Authorization", "") or request.args.get("X-Amz-Credential", ""))
    target = request.headers.get("X-Amz-Target", "")
    region = scope["region"] if scope else default_region
    # Links that are signed the older way carry the key alone.
    access_key = scope["access_key"] if scope else request.args.get("AWSAccessKeyId")
    if target:
        service, operation = _signed(scope, _by_target(target)), target.rpartition(".")[2]
    elif match := _RUNTIME_PATH.fullmatch(request.path):
        service, operation = "sagemaker", _RUNTIME[match["kind"]]
    elif _signed(scope, "") != "s3" and _is_form(request) and (action := _form(request).get("Action")):
        service, operation = _signed(scope, ""), action
    elif scope is None or scope["service"] == "s3":
        service, operation = "s3", _s3_operation(request)
    else:
        service, operation = scope["service"], ""
    return Call(service, operation, region, access_key, request)


def _signed(scope: re.Match[str] | None, otherwise: str) -> str:
    return scope["service"] if scope else otherwise


def _by_target(target: str) -> str:
    return "sagemaker" if target.startswith("SageMaker.") else ""


def model_of(service: str) -> str:
    """botocore's name of a service, from the one it signs with."""
    return _MODELS.get(service, service)


def _body(request: Request) -> bytes:
    """The body, which stays readable for whoever answers."""
    data = request.get_data(cache=True)
    request.environ["wsgi.input"] = io.BytesIO(data)
    return data


def _is_form(request: Request) -> bool:
    # What is put into S3 may be of that type too.
    return request.method == "POST" and request.mimetype == "application/x-www-form-urlencoded"


def _form(request: Request) -> dict[str, Any]:
    return dict(parse_qsl(_body(request).decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True)
class _Route:
    """How an operation of S3 is told from the others: its method, what its path holds, its query and headers."""

    operation: str
    method: str
    has_bucket: bool
    has_key: bool
    query: frozenset[tuple[str, str | None]]
    headers: frozenset[str]

    @classmethod
    def of(cls, operation: OperationModel) -> _Route:
        path, _, query = operation.http["requestUri"].partition("?")
        parts = [part.partition("=") for part in query.split("&") if part]
        wanted = {(name, value or None) for name, _, value in parts}
        shape = operation.input_shape
        members = [shape.members[name] for name in shape.required_members] if shape is not None else []
        located = [(member.serialization.get("location"), member.serialization.get("name")) for member in members]
        return cls(
            operation.name,
            operation.http["method"],
            "{Bucket}" in path,
            "{Key+}" in path,
            frozenset(wanted | {(str(name), None) for place, name in located if place == "querystring"}),
            frozenset(str(name).lower() for place, name in located if place == "header"),
        )

    def matches(self, request: Request) -> bool:
        """Whether a request with this method and path could be this operation."""
        return all(name in request.args and value in (None, request.args[name]) for name, value in self.query) and all(
            name in request.headers for name in self.headers
        )


@lru_cache(maxsize=1)
def _s3_routes() -> dict[tuple[str, bool, bool], list[_Route]]:
    """The operations by method and by what the path holds, those that ask for more first."""
    model = service_model("s3")
    operations = [model.operation_model(name) for name in model.operation_names]
    routes: dict[tuple[str, bool, bool], list[_Route]] = {}
    for route in (_Route.of(operation) for operation in operations if not operation.deprecated):
        routes.setdefault((route.method, route.has_bucket, route.has_key), []).append(route)
    for alike in routes.values():
        alike.sort(key=lambda route: len(route.query) + len(route.headers), reverse=True)
    return routes


def _s3_operation(request: Request) -> str:
    bucket, _, key = request.path.removeprefix("/").partition("/")
    routes = _s3_routes().get((request.method, bool(bucket), bool(key)), [])
    return next((route.operation for route in routes if route.matches(request)), "")
