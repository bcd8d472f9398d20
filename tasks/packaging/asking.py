"""A program of its own: it loads a model's handler and asks it one question, as AWS's inference toolkit does.

    python -I asking.py MODEL_DIR BODY_FILE CONTENT_TYPE ACCEPT CUSTOM_ATTRIBUTES

It imports nothing of the project, so that the handler finds no module here that its container lacks. Its last line says
`answered`, or `loaded` where the handler leaves functions to the image, and the most memory that it took, in bytes.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

JSON = "application/json"
TEXT = (JSON, "text/csv")
"""The content types whose bodies reach a handler as text; others are bytes. The toolkit knows these two exactly."""
ROLES = ("pre_model_fn", "model_fn", "model_warmup_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")


class Context:
    """The context that functions with one parameter more are given, with the methods of TorchServe's."""

    def __init__(self, model_dir: str, headers: dict[str, str]) -> None:
        self.system_properties: dict[str, Any] = {"model_dir": model_dir, "gpu_id": None, "batch_size": 1}
        self.manifest: dict[str, Any] = {}
        self.metrics = None
        self.request_processor = [self]
        self._headers, self._answered, self._status = headers, dict[str, str](), (200, "")

    def get_request_id(self, idx: int = 0) -> str:
        """The request's identifier."""
        return "verification"

    def get_request_property(self, key: str) -> str | None:
        """One header of the request."""
        return self._headers.get(key)

    def get_request_header(self, idx: int, key: str) -> str | None:
        """One header of the request."""
        return self._headers.get(key)

    def get_request_properties(self) -> dict[str, str]:
        """All headers of the request."""
        return self._headers

    def get_all_request_header(self, idx: int) -> dict[str, str]:
        """All headers of the request."""
        return self._headers

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        """Set a header of the answer."""
        self._answered[key] = value

    def set_response_content_type(self, idx: int, value: str) -> None:
        """Set the answer's content type."""
        self._answered["content-type"] = value

    def get_response_headers(self, idx: int) -> dict[str, str]:
        """The answer's headers so far."""
        return self._answered

    def get_response_content_type(self, idx: int) -> str | None:
        """The answer's content type so far."""
        return self._answered.get("content-type")

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Set the answer's status."""
        self._status = (code, phrase)

    def get_response_status(self, idx: int) -> tuple[int, str]:
        """The answer's status so far."""
        return self._status


def ask(model_dir: str, body: bytes, content_type: str, accept: str, custom_attributes: str) -> bool:
    """Load the handler and ask it; return False if it leaves functions to the image, so that it was loaded alone."""
    sys.path.insert(0, str(Path(model_dir, "code")))
    module = importlib.import_module("inference")
    functions = {role: function for role in ROLES if (function := getattr(module, role, None)) is not None}
    if "transform_fn" in functions and functions.keys() & {"input_fn", "predict_fn", "output_fn"}:
        raise ValueError("Cannot use transform_fn in conjunction with input_fn, predict_fn, or output_fn")
    headers = {"Content-Type": content_type, "Accept": accept}
    if custom_attributes:
        headers["X-Amzn-SageMaker-Custom-Attributes"] = custom_attributes
    context = Context(model_dir, headers)
    if "pre_model_fn" in functions:
        _call(functions["pre_model_fn"], (model_dir,), context)
    if "model_fn" not in functions:
        return False
    model = _call(functions["model_fn"], (model_dir,), context)
    if "model_warmup_fn" in functions:
        _call(functions["model_warmup_fn"], (model_dir, model), context)
    if accept in ("", "*/*"):
        accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
    said: Any = body.decode() if content_type in TEXT else bytearray(body)
    if "transform_fn" in functions:
        answer = _call(functions["transform_fn"], (model, said, content_type, accept), context)
    elif {"input_fn", "predict_fn", "output_fn"} <= functions.keys():
        asked = _call(functions["input_fn"], (said, content_type), context)
        predicted = _call(functions["predict_fn"], (asked, model), context)
        answer = _call(functions["output_fn"], (predicted, accept), context)
    else:
        return False
    if (status := context.get_response_status(0)[0]) >= 400:
        raise ValueError(f"the handler set the status {status}")
    _check_answer(answer[0] if isinstance(answer, tuple) else answer)
    return True


def _check_answer(answer: Any) -> None:
    """Raise TypeError for what TorchServe can't send: it sends text, bytes, and what json.dumps takes."""
    if not isinstance(answer, str | bytes | bytearray):
        json.dumps(answer)


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], context: Context) -> Any:
    wanted = len(inspect.signature(function).parameters)
    if wanted not in (len(arguments), len(arguments) + 1):
        raise TypeError(f"{function.__name__} takes {wanted} arguments but {len(arguments)} were given.")
    return function(*(*arguments, context)[:wanted])


def peak_bytes() -> int:
    """The most memory that this process had; Linux hands ru_maxrss down from the parent, so its own note is better."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _told(exc: BaseException) -> str:
    """The error as Python tells it, without the lines of this file: they are none of the handler's."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in (__file__, "<frozen importlib._bootstrap>"):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(exc), exc, trace or exc.__traceback__))


def main(model_dir: str, body: str, content_type: str, accept: str, custom_attributes: str) -> int:
    """Ask, and say how that ended; return the exit status."""
    try:
        answered = ask(model_dir, Path(body).read_bytes(), content_type, accept, custom_attributes)
    except Exception as exc:
        sys.stderr.write(_told(exc))
        return 1
    sys.stdout.write(f"\n{'answered' if answered else 'loaded'} with {peak_bytes()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
