"""The HTTP server: SageMaker's requests to the hosting, all others to moto, every error in AWS's shape."""

from __future__ import annotations

import contextlib
import json
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

from localaws.calls import Call, identify
from localaws.errors import AwsError
from localaws.journal import Journal
from localaws.sagemaker.control_plane import ControlPlane
from localaws.sagemaker.runtime import Runtime

WsgiResult = Iterable[bytes]
# Looks at a call before it is answered, and raises the AwsError that AWS would answer instead.
Gate = Callable[[Call], None]


@dataclass(frozen=True)
class Application:
    """The WSGI application."""

    control_plane: ControlPlane
    runtime: Runtime
    journal: Journal
    default_region: str
    reset: Callable[[], None]
    gates: tuple[Gate, ...] = ()
    moto: Any = field(default_factory=lambda: DomainDispatcherApplication(create_backend_app))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> WsgiResult:
        """Answers one request."""
        request = Request(environ)
        if request.path == "/moto-api/reset":
            return self._reset()(environ, start_response)
        call = identify(request, self.default_region)
        try:
            for gate in self.gates:
                gate(call)
            if call.endpoint_name is not None:
                return self._invoke(call)(environ, start_response)
            if request.headers.get("X-Amz-Target", "").startswith("SageMaker."):
                return self._control(call)(environ, start_response)
            result: WsgiResult = self.moto(environ, start_response)
            return result
        except AwsError as exc:
            return error_response(exc, call)(environ, start_response)
        except NotImplementedError as exc:
            error = AwsError("UnknownOperationException", f"The embedded AWS does not implement this: {exc}")
            return error_response(error, call)(environ, start_response)
        except Exception as exc:
            return error_response(self._internal(exc, request), call)(environ, start_response)

    def _invoke(self, call: Call) -> Response:
        work = self.runtime.invoke if call.operation == "InvokeEndpoint" else self.runtime.invoke_async
        answer = work(call.region, call.endpoint_name or "", call.request.headers, call.request.get_data())
        return Response(answer.body, answer.status, answer.headers)

    def _control(self, call: Call) -> Response:
        answer = self.control_plane.call(call.region, call.operation, call.parameters)
        return Response(json.dumps(answer), 200, content_type="application/x-amz-json-1.1")

    def _reset(self) -> Response:
        self.reset()
        return Response('{"status": "ok"}', 200, content_type="application/json")

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


def error_response(error: AwsError, call: Call) -> Response:
    """The error in the protocol that the request speaks: JSON, REST-JSON or XML."""
    if "X-Amz-Target" in call.request.headers:
        body = {"__type": error.code, "message": error.message, **error.fields}
        return Response(json.dumps(body), error.status, content_type="application/x-amz-json-1.1")
    if call.service == "sagemaker":
        body = {"Message": error.message, **error.fields}
        headers = {"x-amzn-errortype": error.code}
        return Response(json.dumps(body), error.status, headers, content_type="application/json")
    inner = f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
    if call.service == "s3":
        xml = f"<Error>{inner}</Error>"
    else:
        xml = f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error></ErrorResponse>"
    return Response(f'<?xml version="1.0"?>{xml}', error.status, content_type="text/xml")
