"""The process inside an instance: loads the model and answers /ping and /invocations.

Run as `python -m localaws.container FD MODEL_DIR`: FD is a listening socket which the instance hands over.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import site
import socket
import sys
import threading
import traceback
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from localaws.container.toolkit import Context, RequestProcessor, Transformer

PR_SET_PDEATHSIG = 1


class Server(ThreadingHTTPServer):
    """Serves on a socket that is listening already."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, listening: socket.socket, model_dir: str) -> None:
        super().__init__(listening.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.transformer = Transformer()
        self.model_dir = model_dir
        self.system_properties: dict[str, Any] = {
            "model_dir": model_dir,
            "gpu_id": None,
            "batch_size": 1,
            "server_name": "localaws",
        }
        self.ready = threading.Event()

    def load(self) -> None:
        """Loads the model; the container ends when that fails, as an honest server does."""
        try:
            self.transformer.load(self.model_dir, Context(self.system_properties))
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        self.ready.set()


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive."""

    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """GET /ping: 200 once the model is loaded."""
        if self.path != "/ping":
            self._answer_error(404, "ResourceNotFoundException", "Requested resource is not found.")
        elif self.server.ready.is_set():
            self._answer(200, "OK", {"Content-Type": "application/json"}, b'{\n  "status": "Healthy"\n}\n')
        else:
            self._answer_error(503, "ServiceUnavailableException", "The model is still loading.")

    def do_POST(self) -> None:
        """POST /invocations: one inference."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > _limit("TS_MAX_REQUEST_SIZE"):
            self._discard(length)
            self._answer(413, "Request Entity Too Large", {}, b"")
            return
        body = bytearray(self.rfile.read(length))
        if self.path != "/invocations":
            self._answer_error(404, "ResourceNotFoundException", "Requested resource is not found.")
            return
        self.server.ready.wait()
        processor = RequestProcessor(dict(self.headers.items()))
        context = Context(self.server.system_properties, str(uuid.uuid4()), [processor])
        try:
            result = self.server.transformer.transform(body, context)
        except BaseException:
            # SystemExit and KeyboardInterrupt end a real worker; here they must end more than this thread.
            traceback.print_exc()
            os._exit(1)
        encoded = _encode(result)
        if encoded is None:
            self._answer_error(503, "InternalServerException", "Unsupported model output data type.")
        elif len(encoded) > _limit("TS_MAX_RESPONSE_SIZE"):
            self._answer_error(500, "InternalServerException", "Worker died.")
        else:
            self._answer(processor.status, processor.phrase, processor.response_headers, encoded)

    def _discard(self, length: int) -> None:
        while length > 0 and (chunk := self.rfile.read(min(length, 1 << 20))):
            length -= len(chunk)

    def _answer(self, status: int, phrase: str, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status, phrase or None)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer_error(self, status: int, kind: str, message: str) -> None:
        body = json.dumps({"code": status, "type": kind, "message": message}, indent=2).encode() + b"\n"
        self._answer(status, "", {"Content-Type": "application/json"}, body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged; what the handler prints is."""


def _limit(variable: str) -> int:
    """TorchServe's size limits in bytes, which bound the image's requests and answers whatever SageMaker allows."""
    return int(os.environ.get(variable, "6553500"))


def _encode(result: Any) -> bytes | None:
    """The body as the model server sends it; None for what it cannot send."""
    if isinstance(result, (bytes, bytearray)):
        return bytes(result)
    if isinstance(result, str):
        return result.encode()
    try:
        return json.dumps(result, indent=2).encode()
    except (TypeError, ValueError):
        return None


def _die_with_parent() -> None:
    """Ends this process when the embedded AWS ends, however it ends: by the kernel's signal, or at end of stdin."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_wait_for_end_of_input, daemon=True).start()


def _wait_for_end_of_input() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


def _hide_source_trees(code_dir: str) -> None:
    """Leaves the archive's code and installed packages importable, and none of the caller's own source tree."""
    installed = (sys.base_prefix, sys.prefix, *site.getsitepackages())
    own = str(Path(__file__).resolve().parents[2])
    sys.path[:] = [
        path for path in sys.path if path == code_dir or (path != own and path.startswith(installed) and path)
    ]


def main() -> None:
    """Serves until the instance ends it."""
    _die_with_parent()
    descriptor, model_dir = int(sys.argv[1]), sys.argv[2]
    _hide_source_trees(os.path.join(model_dir, "code"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server = Server(socket.socket(fileno=descriptor), model_dir)
    # model_fn runs on the main thread: handlers may set signal handlers or use libraries which insist on it.
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.load()
    threading.Event().wait()


if __name__ == "__main__":
    main()
