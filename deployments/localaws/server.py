"""The HTTP server: it passes SageMaker's requests to the hosting, all others to moto, and gives errors AWS's shape."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

from werkzeug.serving import ThreadedWSGIServer
from werkzeug.wrappers import Request, Response

from localaws.calls import Call, identify
from localaws.connection import Connection
from localaws.errors import AwsError
from localaws.faults.gate import connection_dropped
from localaws.inspection import Inspection
from localaws.sagemaker.control_plane.operations import ControlPlane
from localaws.sagemaker.data_plane.runtime import Runtime
from localaws.services import unimplemented
from localaws.services.sns import pages

WsgiResult = Iterable[bytes]
# A check of a call before it is answered, which raises the AwsError that AWS would answer.
Gate = Callable[[Call], None]
_MALFORMED_XML = "The XML you provided was not well-formed or did not validate against our published schema"


@dataclass(frozen=True)
class Application:
    """The WSGI application."""

    control_plane: ControlPlane
    runtime: Runtime
    inspection: Inspection
    default_region: str
    gates: tuple[Gate, ...] = ()
    # Services answered here, by their signing names; None leaves a call to moto.
    answers: Mapping[str, Callable[[Call], dict[str, Any] | None]] = field(default_factory=dict)
    moto: Any = field(default_factory=unimplemented.Dispatcher)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> WsgiResult:
        """Answer one request, or drop its connection where a fault says so."""
        request = Request(environ)
        if (answer := self.inspection.answer(request)) is not None:
            return answer(environ, start_response)
        if (page := pages.page(request)) is not None:
            return page(environ, start_response)
        call = identify(request, self.default_region)
        dropped = connection_dropped(self.inspection.faults, call)
        if dropped is not None and not dropped.took_effect:
            raise ConnectionAbortedError("a fault dropped the connection before the call took effect")
        result = self._serve(call, environ, start_response)
        if dropped is not None:
            getattr(result, "close", lambda: None)()  # WSGI requires it, also for an answer that isn't sent
            raise ConnectionAbortedError("a fault dropped the connection after the call took effect")
        return result

    def _serve(self, call: Call, environ: dict[str, Any], start_response: Any) -> WsgiResult:
        try:
            call.refuse_malformed()
            for gate in self.gates:
                gate(call)
            if call.endpoint_name is not None:
                return self._invoke(call)(environ, start_response)
            if call.request.headers.get("X-Amz-Target", "").startswith("SageMaker."):
                return self._control(call)(environ, start_response)
            if call.service in self.answers and (answer := self.answers[call.service](call)) is not None:
                return _json(answer)(environ, start_response)
            return unimplemented.answered_by(self.moto, environ, start_response, call)
        except AwsError as exc:
            return error_response(exc, call)(environ, start_response)
        except ExpatError:
            return error_response(AwsError("MalformedXML", _MALFORMED_XML), call)(environ, start_response)
        except NotImplementedError:
            # moto would answer HTML with status 500, which botocore retries as an error of the server.
            return error_response(unimplemented.error(call), call)(environ, start_response)
        except Exception as exc:
            return error_response(self._internal(exc, call.request), call)(environ, start_response)

    def _invoke(self, call: Call) -> Response:
        work = self.runtime.invoke if call.operation == "InvokeEndpoint" else self.runtime.invoke_async
        answer = work(call.region, call.endpoint_name or "", call.request.headers, call.request.get_data())
        return Response(answer.body, answer.status, answer.headers)

    def _control(self, call: Call) -> Response:
        return _json(self.control_plane.call(call.region, call.operation, call.parameters))

    def _internal(self, exc: Exception, request: Request) -> AwsError:
        trace = "".join(traceback.format_exception(exc))
        self.inspection.journal.record("server.error", method=request.method, path=request.path, trace=trace)
        return AwsError("InternalFailure", f"The embedded AWS failed: {exc!r}", status=500)


class Server(ThreadedWSGIServer):
    """An HTTP server that runs until closed; closing also ends the connections that clients keep alive."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, application: Application) -> None:
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        host, port = listener.getsockname()
        # Given a port to bind, werkzeug exits the process where it is taken; given a socket, it works on a copy.
        with listener:
            super().__init__(host, port, application, Connection, fd=listener.fileno())
        self._thread = threading.Thread(target=self._serve, name="localaws-server", daemon=True)

    def start(self) -> None:
        """Start to serve."""
        self._thread.start()

    def close(self, real_seconds: float = 10.0) -> None:
        """Stop listening, end every connection and wait for their threads."""
        self.shutdown()
        self._thread.join()
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + real_seconds
        for thread in connections.values():
            thread.join(max(0.0, deadline - time.monotonic()))

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection, and keep track of it meanwhile."""
        with self._lock:
            self._connections[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                del self._connections[request]

    def _serve(self) -> None:
        # werkzeug's serve_forever swallows a KeyboardInterrupt, which only the main thread gets; this is never that.
        self.serve_forever(poll_interval=0.05)


def _json(answer: dict[str, Any]) -> Response:
    return Response(json.dumps(answer), 200, content_type="application/x-amz-json-1.1")


def error_response(error: AwsError, call: Call) -> Response:
    """The error in the protocol of the request: JSON, REST-JSON or XML."""
    if "X-Amz-Target" in call.request.headers:
        body = {"__type": error.code, "message": error.message, **error.fields}
        return Response(json.dumps(body), error.status, content_type="application/x-amz-json-1.1")
    if unimplemented.speaks_rest_json(call.service):
        body = {"Message": error.message, **error.fields}
        headers = {"x-amzn-errortype": error.code}
        return Response(json.dumps(body), error.status, headers, content_type="application/json")
    inner = f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
    if call.service == "s3":
        inner += "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in error.fields.items())
        xml = f"<Error>{inner}</Error>"
    else:
        xml = f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error></ErrorResponse>"
    return Response(f'<?xml version="1.0"?>{xml}', error.status, content_type="text/xml")
