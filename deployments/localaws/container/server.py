"""The server in an instance, which answers as the stack in AWS's PyTorch image does in the recordings."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from localaws.container import opt_ml_model
from localaws.container.toolkit import Context, RequestProcessor, Transformer

INVOCATION_PATHS = ("/invocations", "/predictions/model")
# TorchServe's pauses, in seconds, before a worker that could not load its model tries again, and until it gives up.
LOAD_PAUSES = (0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55)
LOAD_LONGEST_SECONDS = 300.0
RESPONSE_TIMEOUT_SECONDS = 120.0


class Server(ThreadingHTTPServer):
    """An HTTP server on a socket that is listening already.

    honest: /ping is 200 once the model is loaded, and a model that cannot be loaded ends the process. Otherwise the
    server does as TorchServe does: /ping is 200 at once, even while loading fails again and again; requests wait for
    the model until the server gives up; after that they are refused, and /ping is 500.
    not_mounted: the reason why the model data are not at /opt/ml/model as well; None where they are.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, listening: socket.socket, model_dir: str, honest: bool, not_mounted: str | None = None) -> None:
        super().__init__(listening.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()  # Python's TCPServer always creates one
        self.socket = listening
        self.honest = honest
        self.transformer = Transformer()
        self.model_dir = model_dir
        self.not_mounted = not_mounted
        self.system_properties: dict[str, Any] = {
            "model_dir": model_dir,
            "gpu_id": None,
            "batch_size": 1,
            "server_name": "localaws",
        }
        self.ready = threading.Event()
        # TorchServe's workers are processes that answer one request at a time. Without the variable AWS's image starts
        # one for each GPU of the instance, or else for each core; here there is no limit then.
        workers = os.environ.get("SAGEMAKER_MODEL_SERVER_WORKERS")
        self.worker = threading.Semaphore(int(workers)) if workers else contextlib.nullcontext()
        self.gave_up = False

    @property
    def healthy(self) -> bool:
        """True if /ping answers 200."""
        return self.ready.is_set() and not self.gave_up if self.honest else not self.gave_up

    def load(self) -> None:
        """Load the model; if that fails, end the process, or try again until it gives up."""
        deadline = time.monotonic() + LOAD_LONGEST_SECONDS
        attempt = 0
        while not self._loaded():
            if self.honest:
                os._exit(1)
            if time.monotonic() >= deadline:
                self.gave_up = True
                break
            time.sleep(LOAD_PAUSES[min(attempt, len(LOAD_PAUSES) - 1)])
            attempt += 1
        self.ready.set()

    def _loaded(self) -> bool:
        try:
            self.transformer.load(self.model_dir, Context(self.system_properties))
        except BaseException:
            traceback.print_exc()
            self.explain(traceback.format_exc())
            sys.stderr.flush()
            return False
        return True

    def explain(self, error: str) -> None:
        """Write to the log the likely cause of an error that only happens here."""
        if (note := opt_ml_model.note(error, self.model_dir, self.not_mounted)) is not None:
            sys.stderr.write(f"{note}\n")
            sys.stderr.flush()


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive."""

    server: Server
    protocol_version = "HTTP/1.1"
    # An answer is buffered to leave in one piece; Nagle's algorithm would hold it back until the one before it is
    # acknowledged.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer GET /ping with the container's health; TorchServe takes an invocation by GET, too."""
        if self.path == "/ping":
            self._ping()
        elif self.path == "/models":
            models = [{"modelName": "model", "modelUrl": self.server.model_dir}]
            self._answer_json(200, {"models": models})
        elif self.path in INVOCATION_PATHS:
            self._invoke(bytearray())
        else:
            self._answer_not_found()

    def do_POST(self) -> None:
        """Answer POST /invocations with one inference."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > _limit("TS_MAX_REQUEST_SIZE"):
            self._discard(length)  # a client that still sends would see a reset connection in place of the answer
            self._answer(413, "Request Entity Too Large", {}, b"")
            return
        body = bytearray(self.rfile.read(length))  # not bytes: handlers get a bytearray on AWS
        if self.path in INVOCATION_PATHS:
            self._invoke(body)
        else:
            self._answer_not_found()

    def _ping(self) -> None:
        if self.server.healthy:
            self._answer_json(200, {"status": "Healthy"})
        elif self.server.gave_up:
            self._answer_json(500, {"status": "Unhealthy"})
        else:
            self._answer_error(503, "ServiceUnavailableException", "The model is still loading.")

    def _invoke(self, body: bytearray) -> None:
        self.server.ready.wait()
        if self.server.gave_up:
            text = (
                'Model "model" has no worker to serve inference request. Please use scale workers API to add workers.'
            )
            self._answer_error(503, "ServiceUnavailableException", text)
            return
        processor = RequestProcessor(dict(self.headers.items()))
        context = Context(self.server.system_properties, str(uuid.uuid4()), [processor])
        try:
            with self.server.worker, _response_timeout():
                result = self.server.transformer.transform(body, context)
        except BaseException:
            # SystemExit and KeyboardInterrupt end TorchServe's worker process; here they would end only this thread.
            traceback.print_exc()
            os._exit(1)
        if processor.status >= 400:
            self.server.explain(str(result))
        encoded = _encode(result)
        if encoded is None:
            self._answer_error(503, "InternalServerException", "Unsupported model output data type.")
        elif len(encoded) > _limit("TS_MAX_RESPONSE_SIZE") or not _sendable(processor.response_headers):
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

    def _answer_json(self, status: int, value: Any) -> None:
        body = json.dumps(value, indent=2).encode() + b"\n"
        self._answer(status, "", {"Content-Type": "application/json"}, body)

    def _answer_error(self, status: int, kind: str, message: str) -> None:
        self._answer_json(status, {"code": status, "type": kind, "message": message})

    def _answer_not_found(self) -> None:
        text = "Requested resource is not found, please refer to API document."
        self._answer_error(404, "ResourceNotFoundException", text)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: only the handler's output is logged."""


@contextlib.contextmanager
def _response_timeout() -> Iterator[None]:
    """End a worker that answers too late, as TorchServe does after two minutes whatever SageMaker allows.

    As in the image SAGEMAKER_MODEL_SERVER_TIMEOUT has no effect. These seconds are real, like the model's own.
    """
    seconds = float(os.environ.get("TS_DEFAULT_RESPONSE_TIMEOUT", RESPONSE_TIMEOUT_SECONDS))
    timer = threading.Timer(seconds, _end_late_worker, (seconds,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end_late_worker(seconds: float) -> None:
    sys.stderr.write(f"The model did not answer within {seconds:g} seconds; its worker ends.\n")
    sys.stderr.flush()
    os._exit(1)


def _limit(variable: str) -> int:
    """A size limit of TorchServe in bytes, which applies to requests or answers whatever SageMaker allows."""
    return int(os.environ.get(variable, "6553500"))


def _sendable(headers: dict[str, Any]) -> bool:
    """True if these can be HTTP headers; a handler that sets others ends TorchServe's worker."""
    texts = [text for pair in headers.items() for text in pair]
    return all(isinstance(text, str) and text.isprintable() and _is_latin(text) for text in texts)


def _is_latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _encode(result: Any) -> bytes | None:
    """The body as the model server sends it; None for a type it cannot send."""
    if isinstance(result, (bytes, bytearray)):
        return bytes(result)
    if isinstance(result, str):
        return result.encode()
    torch = sys.modules.get("torch")  # not imported: only a handler that did so can return a tensor
    if torch is not None and isinstance(result, torch.Tensor):
        buffer = io.BytesIO()
        torch.save(result, buffer)
        return buffer.getvalue()
    try:
        return json.dumps(result, indent=2).encode()
    except (TypeError, ValueError):
        return None
