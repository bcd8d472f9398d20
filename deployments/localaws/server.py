"""The HTTP server: SageMaker's requests to the hosting, all others to moto, every error in AWS's shape."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.wrappers import Request, Response

from localaws.errors import AwsError
from localaws.journal import Journal
from localaws.sagemaker.control_plane import ControlPlane
from localaws.sagemaker.runtime import Runtime

WsgiResult = Iterable[bytes]
_INVOCATION = re.compile(r"/endpoints/(?P<name>[^/]+)/(?P<kind>invocations|async-invocations)")
_CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


@dataclass(frozen=True)
class Application:
    """The WSGI application."""

    control_plane: ControlPlane
    runtime: Runtime
    journal: Journal
    default_region: str
    reset: Callable[[], None]
    moto: Any = field(default_factory=lambda: DomainDispatcherApplication(create_backend_app))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> WsgiResult:
        """Answers one request."""
        request = Request(environ)
        scope = _CREDENTIAL.search(request.headers.get("Authorization", ""))
        region = scope["region"] if scope else self.default_region
        target = request.headers.get("X-Amz-Target", "")
        answer: Callable[[], Response] | None = None
        if match := _INVOCATION.fullmatch(request.path):
            answer = lambda: self._invoke(region, match, request)  # noqa: E731
        elif target.startswith("SageMaker."):
            answer = lambda: self._control(region, target.removeprefix("SageMaker."), request)  # noqa: E731
        elif request.path == "/moto-api/reset":
            answer = self._reset
        if answer is not None:
            return self._guarded(answer, request)(environ, start_response)
        return self._moto(environ, start_response, request)

    def _invoke(self, region: str, match: re.Match[str], request: Request) -> Response:
        call = self.runtime.invoke if match["kind"] == "invocations" else self.runtime.invoke_async
        answer = call(region, match["name"], request.headers, request.get_data())
        return Response(answer.body, answer.status, answer.headers)

    def _control(self, region: str, operation: str, request: Request) -> Response:
        answer = self.control_plane.call(region, operation, json.loads(request.get_data() or b"{}"))
        return Response(json.dumps(answer), 200, content_type="application/x-amz-json-1.1")

    def _reset(self) -> Response:
        self.reset()
        return Response('{"status": "ok"}', 200, content_type="application/json")

    def _guarded(self, answer: Callable[[], Response], request: Request) -> Response:
        try:
            return answer()
        except AwsError as exc:
            return _error_response(exc, request)
        except Exception as exc:
            return _error_response(self._internal(exc, request), request)

    def _moto(self, environ: dict[str, Any], start_response: Any, request: Request) -> WsgiResult:
        try:
            result: WsgiResult = self.moto(environ, start_response)
            return result
        except NotImplementedError as exc:
            error = AwsError("UnknownOperationException", f"The embedded AWS does not implement this: {exc}")
            return _error_response(error, request)(environ, start_response)
        except Exception as exc:
            return _error_response(self._internal(exc, request), request)(environ, start_response)

    def _internal(self, exc: Exception, request: Request) -> AwsError:
        trace = "".join(traceback.format_exception(exc))
        self.journal.record("server.error", method=request.method, path=request.path, trace=trace)
        return AwsError("InternalFailure", f"The embedded AWS failed: {exc!r}", status=500)


class Handler(MotoRequestHandler):  # type: ignore[misc]
    """One connection."""

    # Headers and body leave in two writes; with Nagle's algorithm the second waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Requests are not logged."""


class Server(ThreadedWSGIServer):
    """Serves until closed; closing also ends the connections that clients keep alive."""

    daemon_threads = True

    def __init__(self, port: int, application: Application) -> None:
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        super().__init__("127.0.0.1", port, application, Handler)
        self._thread = threading.Thread(target=self._serve, name="localaws-server", daemon=True)

    def start(self) -> None:
        """Begins to serve."""
        self._thread.start()

    def close(self, real_seconds: float = 10.0) -> None:
        """Stops listening, ends every connection and waits for their threads."""
        self.shutdown()
        self._thread.join()
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in connections.values():
            thread.join(real_seconds)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serves one connection and remembers it meanwhile."""
        with self._lock:
            self._connections[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                del self._connections[request]

    def _serve(self) -> None:
        # werkzeug's own serve_forever catches KeyboardInterrupt for a main thread; this is never one.
        self.serve_forever(poll_interval=0.05)


def _error_response(error: AwsError, request: Request) -> Response:
    """The error in the protocol that the request speaks: JSON, REST-JSON or XML."""
    if "X-Amz-Target" in request.headers:
        body = {"__type": error.code, "message": error.message, **error.fields}
        return Response(json.dumps(body), error.status, content_type="application/x-amz-json-1.1")
    scope = _CREDENTIAL.search(request.headers.get("Authorization", ""))
    if scope and scope["service"] == "sagemaker":
        body = {"Message": error.message, **error.fields}
        headers = {"x-amzn-errortype": error.code}
        return Response(json.dumps(body), error.status, headers, content_type="application/json")
    inner = f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
    if scope and scope["service"] == "s3":
        xml = f"<Error>{inner}</Error>"
    else:
        xml = f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error></ErrorResponse>"
    return Response(f'<?xml version="1.0"?>{xml}', error.status, content_type="text/xml")
