"""Identification of the AWS service and operation that an HTTP request calls, as AWS's front end does it.

The shapes come from botocore's service models: JSON services name the operation in X-Amz-Target, query services in the
form's Action, and S3 and the SageMaker runtime express it by method, path and query.
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
from localaws.rest_routes import rest_operation, rest_parameters

_CREDENTIAL = re.compile(r"(?P<access_key>[^/=\s]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_RUNTIME = {"invocations": "InvokeEndpoint", "async-invocations": "InvokeEndpointAsync"}
_RUNTIME_PATH = re.compile(r"/endpoints/(?P<endpoint>[^/]+)/(?P<kind>invocations|async-invocations)")
# The services whose requests the embedded AWS reads itself although they have no operation's name in them.
_REST_JSON = ("scheduler",)
# Signing names of services, with the name of botocore's model where it differs.
_MODELS = {"monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi"}


@dataclass(frozen=True)
class Call:
    """A request and the operation it calls; `service` is its signing name and the prefix of its IAM actions."""

    service: str
    operation: str
    region: str
    access_key: str | None
    request: Request

    @property
    def action(self) -> str:
        """The action that a policy must allow; `access` handles the few operations with another name in IAM."""
        return f"{self.service}:{self.operation}"

    @property
    def endpoint_name(self) -> str | None:
        """The endpoint of a call to the SageMaker runtime; None for other calls."""
        match = _RUNTIME_PATH.fullmatch(self.request.path)
        return match["endpoint"] if match else None

    @property
    def bucket(self) -> str | None:
        """The bucket of a call to S3, always in the path: clients put no bucket into the host of an IP address."""
        return self._path[0] or None

    @property
    def key(self) -> str | None:
        """The key of a call to S3; None for a call without one."""
        return self._path[2] or None

    @property
    def _path(self) -> tuple[str, str, str]:
        return self.request.path.removeprefix("/").partition("/") if self.service == "s3" else ("", "", "")

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The members of a JSON or form body; empty where the body is data, or malformed."""
        if "X-Amz-Target" in self.request.headers:
            return self._json or {}
        if self.service in _REST_JSON:
            return rest_parameters(self.service, self.request)
        return _form(self.request) if _is_form(self.request) and self.service != "s3" else {}

    @cached_property
    def _json(self) -> dict[str, Any] | None:
        try:
            found = json.loads(_body(self.request) or b"{}")
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def refuse_malformed(self) -> None:
        """Raise AWS's SerializationException for a body that should be a JSON object and isn't."""
        if "X-Amz-Target" in self.request.headers and self._json is None:
            raise AwsError("SerializationException", "The request body is not a JSON object.")

    def body(self) -> bytes:
        """The whole body; the code that answers the call can still read it."""
        return _body(self.request)


def identify(request: Request, default_region: str) -> Call:
    """Identify the call that the request makes; an unsigned one counts as S3's, unless it speaks another protocol."""
    scope = _CREDENTIAL.search(request.headers.get("Authorization", "") or request.args.get("X-Amz-Credential", ""))
    target = request.headers.get("X-Amz-Target", "")
    region = scope["region"] if scope else default_region
    # Links with a version 2 signature carry the access key alone, without region and service.
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
        service, operation = scope["service"], rest_operation(model_of(scope["service"]), request)
    return Call(service, operation, region, access_key, request)


def _signed(scope: re.Match[str] | None, otherwise: str) -> str:
    return scope["service"] if scope else otherwise


def _by_target(target: str) -> str:
    return "sagemaker" if target.startswith("SageMaker.") else ""


def model_of(service: str) -> str:
    """botocore's name of the service with this signing name."""
    return _MODELS.get(service, service)


def _body(request: Request) -> bytes:
    """The body; the code that answers the request can still read it."""
    data = request.get_data(cache=True)
    # moto makes a request of its own from the environ, and would find the stream used up.
    request.environ["wsgi.input"] = io.BytesIO(data)
    return data


def _is_form(request: Request) -> bool:
    # The method counts, too: an object put into S3 may have this content type.
    return request.method == "POST" and request.mimetype == "application/x-www-form-urlencoded"


def _form(request: Request) -> dict[str, Any]:
    return dict(parse_qsl(_body(request).decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True)
class _Route:
    """The method, path, query and headers that tell an operation of S3 from the others."""

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
        """True if a request with this method and path could be this operation."""
        return all(name in request.args and value in (None, request.args[name]) for name, value in self.query) and all(
            name in request.headers for name in self.headers
        )


@lru_cache(maxsize=1)
def _s3_routes() -> dict[tuple[str, bool, bool], list[_Route]]:
    """The operations by method, bucket in the path and key in the path; the most specific first."""
    model = service_model("s3")
    operations = [model.operation_model(name) for name in model.operation_names]
    routes: dict[tuple[str, bool, bool], list[_Route]] = {}
    # The deprecated operations share method and URI with their successors.
    for route in (_Route.of(operation) for operation in operations if not operation.deprecated):
        routes.setdefault((route.method, route.has_bucket, route.has_key), []).append(route)
    # ListObjects is a bare GET of a bucket: tried first, it would match every other GET of a bucket.
    for alike in routes.values():
        alike.sort(key=lambda route: len(route.query) + len(route.headers), reverse=True)
    return routes


def _s3_operation(request: Request) -> str:
    bucket, _, key = request.path.removeprefix("/").partition("/")
    routes = _s3_routes().get((request.method, bool(bucket), bool(key)), [])
    return next((route.operation for route in routes if route.matches(request)), "")
