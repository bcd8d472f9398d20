"""One HTTP connection to the server, kept alive between requests as AWS keeps it."""

from __future__ import annotations

import contextlib
import io
import traceback
from collections.abc import Iterable
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler

_NO_BODY = ("204", "304")


class Connection(MotoRequestHandler):  # type: ignore[misc]
    """Answers one request after the other.

    werkzeug's own handler closes the connection after each, since an answer may leave part of the request unread; a new
    connection and thread cost a third of a small request. Here the whole request is read first.
    """

    protocol_version = "HTTP/1.1"
    # An answer leaves in one piece, and is not held back for an acknowledgement of the one before.
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle_expect_100(self) -> bool:
        """Asks for the body at once: a client waits for that before it sends it."""
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        return True

    def run_wsgi(self) -> None:
        """Answers one request; a ConnectionError, a fault's or of a client that has gone, ends the connection."""
        environ = self.make_environ()
        try:
            body = self._body(environ)
        except ValueError as exc:
            self.send_error(400, str(exc))
            return
        environ.update({"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True})
        try:
            self._send(*self._answer(environ))
        except ConnectionError:
            raise
        except Exception:
            self.server.log("error", traceback.format_exc())
            self.send_error(500)

    def finish(self) -> None:
        """Lets go of the connection, whether or not its client was there to take the rest of the answer."""
        with contextlib.suppress(ConnectionError):
            super().finish()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Requests are not logged."""

    def _body(self, environ: dict[str, Any]) -> bytes:
        stream = environ["wsgi.input"]
        if stream is not self.rfile:
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
        raise ValueError(f"the chunks of the body cannot be told: {exc}") from exc
