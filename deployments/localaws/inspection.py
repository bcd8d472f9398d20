"""Inspection and control of the embedded AWS over HTTP, from any process on this machine.

GET /_localaws/status            endpoints, instances, queues, the last failures, the clock and the faults
GET /_localaws/journal           entries as JSON lines: ?event=async&endpoint=NAME&after=NUMBER, or any text field
GET, POST, DELETE /_localaws/faults, DELETE /_localaws/faults/NUMBER, PUT /_localaws/faults {"seed": 7}
PUT /_localaws/clock             {"rate": 60}
"""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from werkzeug.wrappers import Request, Response

from localaws.clock import Clock
from localaws.faults import Faults, as_json
from localaws.journal import Journal

PREFIX = "/_localaws/"


class _RefusedError(Exception):
    """A request for a path under `PREFIX` that cannot be answered."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Inspection:
    """The answers to requests that are no AWS calls."""

    clock: Clock
    journal: Journal
    faults: Faults
    status: Callable[[], dict[str, Any]]
    reset: Callable[[], None]

    def answer(self, request: Request) -> Response | None:
        """The answer to a request for a path under `PREFIX`, or from outside this machine; None for AWS calls."""
        if (stranger := _stranger(request)) is not None:
            return _json({"message": f"{stranger} is not this machine: only loopback names are answered here"}, 403)
        # moto's own reset would empty moto and leave the endpoints running.
        if (request.method, request.path) == ("POST", "/moto-api/reset"):
            self.reset()
            return _json({"status": "ok"})
        if not request.path.startswith(PREFIX):
            return None
        try:
            return self._route(request)
        except _RefusedError as exc:
            return _json({"message": str(exc)}, exc.status)
        except ValueError as exc:
            return _json({"message": str(exc)}, 400)

    def _route(self, request: Request) -> Response:
        thing, _, rest = request.path.removeprefix(PREFIX).partition("/")
        match request.method, thing, rest:
            case "GET", "status", "":
                return _json(self.status())
            case "GET", "journal", "":
                return self._journal(request)
            case "GET", "faults", "":
                return _json({"faults": [as_json.to_json(active) for active in self.faults.active()]})
            case "POST", "faults", "":
                return _json(as_json.to_json(self.faults.add(as_json.from_json(_members(request)))), 201)
            case "PUT", "faults", "":
                self.faults.seed(int(_number(_members(request), "seed")))
                return Response(status=204)
            case "DELETE", "faults", "":
                self.faults.clear()
                return Response(status=204)
            case "DELETE", "faults", number if number.isdecimal() and self.faults.remove(int(number)):
                return Response(status=204)
            case "PUT", "clock", "":
                self.clock.rate = _number(_members(request), "rate")
                return _json({"rate": self.clock.rate})
        raise _RefusedError(f"{request.method} {request.path} is nothing here", 404)

    def _journal(self, request: Request) -> Response:
        wanted = dict(request.args)
        event, after = wanted.pop("event", ""), wanted.pop("after", "0")
        if not after.isdecimal():
            raise _RefusedError(f"after={after}: the number of the last entry that was read")
        found = self.journal.entries(event, int(after), **wanted)
        return Response((entry.to_json() + "\n" for entry in found), content_type="application/jsonl")


def _stranger(request: Request) -> str | None:
    """The host other than this machine that the request is addressed to, or whose web page sent it; None without one.

    A web page can make its visitor's browser send requests here, across origins or to a host name of its own that
    resolves to loopback; and anybody who can create a model can run code.
    """
    origin = request.headers.get("Origin")
    for host in (request.host, urlsplit(origin).netloc or origin if origin else None):
        if host is not None and not _is_loopback(host):
            return host
    return None


@lru_cache(maxsize=256)
def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _members(request: Request) -> dict[str, Any]:
    found = json.loads(request.get_data() or b"null")
    if not isinstance(found, dict):
        raise _RefusedError("the body must be a JSON object")
    return found


def _number(members: dict[str, Any], name: str) -> float:
    value = members.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _RefusedError(f"{name} must be a number; found {value!r}")
    return float(value)


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(value, default=str), status, content_type="application/json")
