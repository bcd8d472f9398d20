"""An HTTP connection to the server, kept alive between requests as AWS does."""

from __future__ import annotations

import contextlib
import io
import traceback
from collections.abc import Iterable
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler

_NO_BODY = ("204", "304")


class Connection(MotoRequestHandler):  # type: ignore[misc]
    """A connection that answers one request after the other.

    werkzeug's own handler closes the connection after each request, because an answer may leave part of it unread; a
    new connection and thread cost a third of a small request. So the whole request is read first here.
    """

    protocol_version = "HTTP/1.1"
    # An answer is buffered to leave in one piece; Nagle's algorithm would hold it back until the one before it is
    # acknowledged.
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle_expect_100(self) -> bool:
        """Ask for the body at once: a client that sent `Expect: 100-continue` waits for this answer."""
        self.send_response_only(100)
        self.end_headers()
        # wfile is buffered: without a flush this thread and the client would wait for each other.
        self.wfile.flush()
        return True

    def run_wsgi(self) -> None:
        """Answer one request; a ConnectionError, from a fault or a client that has gone, ends the connection."""
        environ = self.make_environ()
        if "HTTP_HOST" not in environ:
            if self.request_version != "HTTP/1.0":
                self.send_error(400, "the request has no Host header")
                return
            environ["HTTP_HOST"] = "{}:{}".format(*self.server.server_address[:2])  # moto finds the service by it
        try:
            body = self._body(environ)
        except ValueError as exc:
            self.send_error(400, str(exc))
            return
        # Without wsgi.input_terminated werkzeug ignores a chunked body, which has no Content-Length.
        environ.update({"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True})
        try:
            self._send(*self._answer(environ))
        except ConnectionError:
            raise
        except Exception:
            self.server.log("error", traceback.format_exc())
            self.send_error(500)

    def finish(self) -> None:
        """Close the connection, even where its client has gone before it took the rest of the answer."""
        with contextlib.suppress(ConnectionError):
            super().finish()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""

    def _body(self, environ: dict[str, Any]) -> bytes:
        stream = environ["wsgi.input"]
        if stream is not self.rfile:  # werkzeug wraps chunked input
            return _all(stream)
        announced = environ.get("CONTENT_LENGTH") or "0"
        if not announced.isdecimal():
            raise ValueError(f"Content-Length {announced!r} is no number of bytes")
        body: bytes = stream.read(int(announced))
        if len(body) < int(announced):
            raise ConnectionAbortedError("the client has gone before it sent all that it announced")
        return body

    def _answer(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            head[:] = [status, headers]

        result: Iterable[bytes] = self.server.app(environ, start_response)
        try:
            answer = b"".join(result)
        finally:
            getattr(result, "close", lambda: None)()
        return head[0], head[1], answer

    def _send(self, status: str, headers: list[tuple[str, str]], answer: bytes) -> None:
        code, _, phrase = status.partition(" ")
        has_body = self.command != "HEAD" and code not in _NO_BODY
        self.send_response(int(code), phrase)
        for name, value in headers:
            # An answer to HEAD keeps the Content-Length of the body it leaves out: the object's size.
            if not (has_body and name.lower() == "content-length"):
                self.send_header(name, value)
        if has_body:
            self.send_header("Content-Length", str(len(answer)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if has_body:
            self.wfile.write(answer)


def _all(chunked: Any) -> bytes:
    try:
        return b"".join(iter(lambda: chunked.read(1 << 20), b""))
    except OSError as exc:
        raise ValueError(f"the chunked body is malformed: {exc}") from exc
