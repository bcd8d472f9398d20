"""A mirror of sagemaker-inference's Transformer, which calls the functions of `inference.py`.

It needs only the standard library, while the original imports numpy, scipy and boto3. Tests compare the two.
"""

from __future__ import annotations

import importlib
import os
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from inspect import signature
from typing import Any

from localaws.container import content_types
from localaws.container.content_types import JSON
from localaws.container.toolkit_codecs import default_input_fn, default_output_fn

_CONTENT_TYPE_KEY = re.compile("^[Cc]ontent-?[Tt]ype")


class RequestProcessor:
    """The headers of one request and the answer's status and headers, as handlers see them."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)
        self.status = 200
        self.phrase = ""
        self.response_headers: dict[str, str] = {}

    def get_request_properties(self) -> dict[str, str]:
        """All headers of the request."""
        return self._headers

    def get_request_property(self, key: str) -> str | None:
        """One header of the request."""
        return self._headers.get(key)


@dataclass
class Context:
    """The context, passed to a function that has one parameter more than its role needs."""

    system_properties: dict[str, Any]
    request_id: str = ""
    request_processor: list[RequestProcessor] = field(default_factory=lambda: [RequestProcessor({})])
    manifest: dict[str, Any] = field(default_factory=dict)
    metrics: None = None

    def get_request_id(self, idx: int = 0) -> str:
        """The request's identifier."""
        return self.request_id

    def get_request_header(self, idx: int, key: str) -> str | None:
        """One header of the request."""
        return self.request_processor[0].get_request_property(key)

    def get_all_request_header(self, idx: int) -> dict[str, str]:
        """All headers of the request."""
        return self.request_processor[0].get_request_properties()

    def set_response_content_type(self, idx: int, value: str) -> None:
        """Set the answer's content type."""
        self.set_response_header(idx, "content-type", value)

    def get_response_content_type(self, idx: int) -> str | None:
        """The answer's content type as set so far."""
        return self.get_response_headers(idx).get("content-type")

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        """Set a header of the answer."""
        self.request_processor[0].response_headers[key] = value

    def get_response_headers(self, idx: int) -> dict[str, str]:
        """The answer's headers as set so far."""
        return self.request_processor[0].response_headers

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Set the answer's status."""
        self.request_processor[0].status = code
        self.request_processor[0].phrase = phrase

    def get_response_status(self, idx: int) -> tuple[int, str]:
        """The answer's status as set so far."""
        return self.request_processor[0].status, self.request_processor[0].phrase


class Transformer:
    """The functions of a user's module, called as the toolkit calls them."""

    def __init__(self) -> None:
        self._model: Any = None
        self._functions: dict[str, Callable[..., Any]] = {}
        self._default_accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)

    def load(self, model_dir: str, context: Context) -> None:
        """Import the module and load the model; anything raised means that the container is not healthy."""
        self._functions = _user_functions(os.environ.get("SAGEMAKER_PROGRAM", "inference.py"))
        if "pre_model_fn" in self._functions:
            _call(self._functions["pre_model_fn"], (model_dir,), context)
        self._model = _call(self._functions.get("model_fn", _missing_model_fn), (model_dir,), context)
        if "model_warmup_fn" in self._functions:
            _call(self._functions["model_warmup_fn"], (model_dir, self._model), context)

    def transform(self, data: bytearray, context: Context) -> Any:
        """The answer's body as the handler returned it; its status and headers are in the context."""
        try:
            return self._transform(data, context)
        except Exception as exc:
            trace = traceback.format_exc()
            status, message, phrase = _error_parts(exc)
            # HTTP allows no line breaks in a reason phrase.
            context.set_response_status(code=status, phrase=phrase.replace("\r", " ").replace("\n", " "))
            return f"{message}\n{trace}"

    def _transform(self, data: bytearray, context: Context) -> Any:
        properties = context.request_processor[0].get_request_properties()
        content_type = next((properties[key] for key in properties if _CONTENT_TYPE_KEY.match(key)), None)
        accept = properties.get("Accept") or properties.get("accept")
        if not accept or accept == "*/*":
            accept = self._default_accept
        # As in the toolkit only the exact types are decoded: "application/json; charset=utf-8" stays a bytearray.
        body: Any = data.decode("utf-8") if content_type in content_types.UTF8_TYPES else data
        transform = self._functions.get("transform_fn", self._default_transform)
        result = _call(transform, (self._model, body, content_type, accept), context)
        if isinstance(result, tuple):  # the toolkit, too, ignores a third element
            result, accept = result[0], result[1]
        context.set_response_content_type(0, accept)
        return result

    def _default_transform(self, model: Any, body: Any, content_type: str, accept: str, context: Context) -> Any:
        data = _call(self._functions.get("input_fn", default_input_fn), (body, content_type), context)
        prediction = _call(self._functions.get("predict_fn", _missing_predict_fn), (data, model), context)
        return _call(self._functions.get("output_fn", default_output_fn), (prediction, accept), context)


def _user_functions(program: str) -> dict[str, Callable[..., Any]]:
    name = program.removesuffix(".py")
    if find_spec(name) is None:
        return {}
    module = importlib.import_module(name)
    roles = ("pre_model_fn", "model_fn", "model_warmup_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")
    functions = {role: function for role in roles if (function := getattr(module, role, None)) is not None}
    if "transform_fn" in functions and functions.keys() & {"input_fn", "predict_fn", "output_fn"}:
        raise ValueError(
            "Cannot use transform_fn implementation in conjunction with "
            "input_fn, predict_fn, and/or output_fn implementation"
        )
    return functions


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], context: Context) -> Any:
    # The toolkit tells by the number of parameters whether a function wants the context.
    wanted = len(signature(function).parameters)
    if wanted == len(arguments):
        return function(*arguments)
    if wanted == len(arguments) + 1:
        return function(*arguments, context)
    raise TypeError(f"{function.__name__} takes {wanted} arguments but {len(arguments)} were given.")


def _error_parts(exc: Exception) -> tuple[int, str, str]:
    """The status, message and phrase of an error; the toolkit's own errors have them, whatever module defines them."""
    status = getattr(exc, "status_code", None)
    if isinstance(status, int) and any(base.__name__ == "BaseInferenceToolkitError" for base in type(exc).__mro__):
        message = str(getattr(exc, "message", exc))
        return status, message, str(getattr(exc, "phrase", message))
    message = str(exc) or "Invalid Request"
    return 500, message, message


def _missing_model_fn(model_dir: str) -> Any:
    raise NotImplementedError(
        "\nPlease provide a model_fn implementation.\n"
        "See documentation for model_fn at https://sagemaker.readthedocs.io/en/stable/\n"
    )


def _missing_predict_fn(data: Any, model: Any) -> Any:
    raise NotImplementedError(
        "\nPlease provide a predict_fn implementation.\n"
        "See documentation for predict_fn at https://sagemaker.readthedocs.io/en/stable/\n"
    )
