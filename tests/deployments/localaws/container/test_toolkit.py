"""The mirrored Transformer does what sagemaker-inference's own does, case by case."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from localaws.container.toolkit import Context, RequestProcessor, Transformer

ALL_FOUR = """
def model_fn(model_dir): return {"dir": model_dir}
def input_fn(body, content_type):
    return [type(body).__name__, len(body), content_type]
def predict_fn(data, model): return [*data, model["dir"]]
def output_fn(prediction, accept): return repr(prediction) + accept
"""
WITH_CONTEXT = """
def model_fn(model_dir, context): return context.system_properties["model_dir"]
def input_fn(body, content_type, context): return context.get_request_id(0)
def predict_fn(data, model, context): return [data, model, context.get_request_header(0, "X-Note")]
def output_fn(prediction, accept, context):
    context.set_response_header(0, "X-Answer", "1")
    return repr(prediction), "text/x"
"""
TRANSFORM = (
    "def model_fn(d): return 1\ndef transform_fn(m, b, c, a): return repr((m, type(b).__name__, c, a)), 'a/b', 3\n"
)
RAISES = "def model_fn(d): pass\ndef predict_fn(d, m): raise ValueError('two\\nlines')\ndef input_fn(b, c): return b\n"
STATUS = """
def model_fn(d): pass
def input_fn(b, c): return b
def output_fn(p, a): return "body"
def predict_fn(d, m, context): context.set_response_status(code=418, phrase="teapot")
"""
TOOLKIT_ERROR = """
from sagemaker_inference.errors import BaseInferenceToolkitError
def model_fn(d): pass
def transform_fn(m, b, c, a): raise BaseInferenceToolkitError(422, "why", "phrase\\r\\nmore")
"""
GENERIC_ERROR = """
from sagemaker_inference.errors import GenericInferenceToolkitError
def model_fn(d): pass
def transform_fn(m, b, c, a): raise GenericInferenceToolkitError(429)
"""
STATUS_LOOKALIKE = """
class OwnError(Exception): status_code = 404
def model_fn(d): pass
def transform_fn(m, b, c, a): raise OwnError("own")
"""
ARITY = "def model_fn(d): pass\ndef transform_fn(m, b): return b\n"
TUPLE_OF_ONE_TYPE = "def model_fn(d): pass\ndef transform_fn(m, b, c, a): return None, 'x/y'\n"
NO_PREDICT = "def model_fn(d): pass\ndef input_fn(b, c): return b\n"
JSON = {"Content-Type": "application/json"}

CASES = {
    "four functions, json": (ALL_FOUR, JSON, b"[1]"),
    "four functions, csv": (ALL_FOUR, {"Content-type": "text/csv", "Accept": "text/csv"}, b"1,2"),
    "four functions, json with charset": (ALL_FOUR, {"ContentType": "application/json; charset=utf-8"}, b"[1]"),
    "four functions, bytes": (ALL_FOUR, {"content-type": "image/png", "accept": "*/*"}, b"\xff\x00"),
    "four functions, no content type": (ALL_FOUR, {}, b"x"),
    "invalid utf-8 of text": (ALL_FOUR, {"Content-Type": "text/csv"}, b"\xff"),
    "context": (WITH_CONTEXT, {**JSON, "X-Note": "n"}, b"1"),
    "transform_fn and a tuple of three": (TRANSFORM, {**JSON, "Accept": "c/d"}, b"1"),
    "an exception of two lines": (RAISES, JSON, b"1"),
    "a status set by the handler": (STATUS, JSON, b"1"),
    "the toolkit's base error": (TOOLKIT_ERROR, JSON, b"1"),
    "the toolkit's generic error without a message": (GENERIC_ERROR, JSON, b"1"),
    "another error with a status_code": (STATUS_LOOKALIKE, JSON, b"1"),
    "a function with too few parameters": (ARITY, JSON, b"1"),
    "a tuple without a body": (TUPLE_OF_ONE_TYPE, JSON, b"1"),
    "no predict_fn": (NO_PREDICT, JSON, b"1"),
}


class Mirror:
    """The mirrored Transformer, called as a model server calls the toolkit's."""

    def __init__(self) -> None:
        self._transformer = Transformer()

    def validate_and_initialize(self, model_dir: str, context: Context) -> None:
        self._transformer.load(model_dir, context)

    def transform(self, data: list[dict[str, Any]], context: Context) -> list[Any]:
        return [self._transformer.transform(data[0]["body"], context)]


def answer(transformer: Any, headers: dict[str, str], body: bytes) -> tuple[Any, ...]:
    processor = RequestProcessor(headers)
    context = Context({"model_dir": "/model"}, "id-1", [processor])
    transformer.validate_and_initialize(model_dir="/model", context=context)
    [result] = transformer.transform([{"body": bytearray(body)}], context)
    text = result.partition("\nTraceback")[0] if isinstance(result, str) else result
    return text, processor.status, processor.phrase, processor.response_headers


@pytest.fixture(scope="module")
def original() -> Any:
    return importlib.import_module("sagemaker_inference.transformer").Transformer


@pytest.mark.parametrize("case", CASES)
def test_the_mirror_answers_as_the_original(
    case: str, original: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, headers, body = CASES[case]
    name = f"handler_{list(CASES).index(case)}"
    (tmp_path / f"{name}.py").write_text(handler)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SAGEMAKER_PROGRAM", f"{name}.py")
    importlib.invalidate_caches()
    assert answer(Mirror(), headers, body) == answer(original(), headers, body)


@pytest.mark.parametrize("handler", ["def transform_fn(m, b, c, a): pass\ndef input_fn(b, c): pass\n", "x = 1\n"])
def test_what_the_original_refuses_to_load_the_mirror_refuses(
    handler: str, original: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"refused_{len(handler)}"
    (tmp_path / f"{name}.py").write_text(handler)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SAGEMAKER_PROGRAM", name)
    importlib.invalidate_caches()
    errors = []
    for transformer in (Mirror(), original()):
        with pytest.raises(Exception) as refusal:  # noqa: PT011 - the types are compared below
            transformer.validate_and_initialize("/model", Context({"model_dir": "/model"}))
        errors.append((refusal.type, str(refusal.value)))
    assert errors[0] == errors[1]
