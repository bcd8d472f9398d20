"""A model of anybody's is asked before its upload as AWS's toolkit would ask it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tasks.errors import ArtifactError
from tasks.exchange.request import Request
from tasks.packaging.archive import write_tar_gz
from tasks.packaging.verification import Said, ask

LOADS = "def model_fn(model_dir): return 7\n"
ANSWERS = """
def predict_fn(asked, model): return asked
def output_fn(answer, accept): return b"", accept
"""
PREDICTS = "def predict_fn(asked, model): return asked\n"


def asked(tmp_path: Path, handler: str, request: Request, environment: Mapping[str, str] | None = None) -> Said:
    (tmp_path / "stage" / "code").mkdir(parents=True)
    (tmp_path / "stage" / "code" / "inference.py").write_text(handler)
    write_tar_gz(tmp_path / "stage", tmp_path / "model.tar.gz")
    return ask(tmp_path / "model.tar.gz", request, environment or {})


@pytest.mark.parametrize(
    ("handler", "content_type", "accept"),
    [
        ("def input_fn(body, content_type): assert type(body) is str, body\n", "text/csv", "*/*"),
        ("def input_fn(body, content_type): assert type(body) is str, body\n", "application/json", "*/*"),
        # Only the exact types are text, as in the toolkit.
        ("def input_fn(body, content_type): assert body == b'1,2', body\n", "text/csv; charset=utf-8", "*/*"),
        ("def input_fn(body, content_type): assert type(body) is bytearray, body\n", "application/x-npy", "*/*"),
        ("def input_fn(body, content_type, context): assert context.get_request_id()\n", "text/csv", "*/*"),
        ("def input_fn(body, content_type): return body\ndef pre_model_fn(model_dir): pass\n", "text/csv", "*/*"),
    ],
)
def test_a_body_reaches_the_handler_as_the_toolkit_passes_it(
    tmp_path: Path, handler: str, content_type: str, accept: str
) -> None:
    said = asked(tmp_path, LOADS + handler + ANSWERS, Request("1", b"1,2", content_type, accept))
    assert said.answered
    assert 1e6 < said.resident_bytes < 1e9


@pytest.mark.parametrize(
    ("accept", "environment", "expected"),
    [
        ("*/*", {}, "application/json"),
        ("text/csv", {}, "text/csv"),
        ("*/*", {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/plain"}, "text/plain"),
    ],
)
def test_an_accepted_type_is_the_default_one_unless_named(
    tmp_path: Path, accept: str, environment: dict[str, str], expected: str
) -> None:
    handler = f"""
def transform_fn(model, body, content_type, accept):
    assert (model, accept) == (7, {expected!r}), accept
    return b"", accept
"""
    assert asked(tmp_path, LOADS + handler, Request("1", b"", "text/plain", accept), environment).answered


def test_a_handler_sees_its_variables_and_the_request_s_headers(tmp_path: Path) -> None:
    handler = """
import os
assert os.environ["SIZE"] == "3"
def input_fn(body, content_type, context):
    assert context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes") == "trace=1"
    assert context.request_processor[0].get_request_properties()["Content-Type"] == "text/csv"
    context.set_response_header(0, "X", "1")
"""
    request = Request("1", b"", "text/csv", custom_attributes="trace=1")
    assert asked(tmp_path, LOADS + handler + ANSWERS, request, {"SIZE": "3"}).answered


@pytest.mark.parametrize("handler", [LOADS, LOADS + PREDICTS, ""])
def test_a_handler_that_leaves_functions_to_the_image_is_loaded_alone(tmp_path: Path, handler: str) -> None:
    assert not asked(tmp_path, handler, Request("1", b"{}")).answered


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        ("raise OSError('no weights')", "no weights"),
        ("def model_fn(): pass", r"model_fn takes 0 arguments but 1 were given"),
        (LOADS + "def transform_fn(*a): pass\ndef input_fn(*a): pass", "in conjunction with"),
        (LOADS + "def input_fn(body, type): raise KeyError('x')\n" + ANSWERS, r"KeyError: 'x'\nIt was asked 1 \(app"),
        (
            LOADS + "def input_fn(b, t, context): context.set_response_status(code=422)\n" + ANSWERS,
            "the handler set the status 422",
        ),
    ],
)
def test_a_handler_that_would_fail_is_not_uploaded(tmp_path: Path, handler: str, told: str) -> None:
    with pytest.raises(ArtifactError, match=told):
        asked(tmp_path, handler, Request("1", b"{}"))


def test_what_is_not_installed_here_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError) as raised:
        asked(tmp_path, "import not_there_at_all.deeper", Request("1", b"{}"))
    assert raised.value.name == "not_there_at_all"


def test_the_project_s_own_modules_are_not_there_for_a_handler(tmp_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError) as raised:
        asked(tmp_path, "import asking", Request("1", b"{}"))
    assert raised.value.name == "asking"


def test_a_question_that_takes_for_ever_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.packaging.verification.ANSWER_SECONDS", 0.5)
    with pytest.raises(ArtifactError, match=r"did not answer a question within 0\.5 s"):
        asked(tmp_path, "import time\ntime.sleep(60)", Request("1", b"{}"))
