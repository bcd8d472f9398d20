from __future__ import annotations

import base64
import json
import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

import inference
from recommender.encoding.encoder import ENGINES
from recommender.encoding.engines import Hardware, open_onnx
from recommender.pictures.image import MAX_IMAGE_BYTES
from recommender.schema import Request, RequestError, Response
from recommender.stopwatch import Stopwatch

JSON = "application/json"


@pytest.fixture(scope="session")
def shirt(draw: Any, encoded: Any) -> bytes:
    return bytes(encoded(draw("upperwear_shirt")))


def asked(picture: bytes, **more: Any) -> bytes:
    return json.dumps({"image": base64.b64encode(picture).decode(), **more}).encode()


def test_answers_json(invoke: Any, shirt: bytes) -> None:
    reply = invoke(asked(shirt, top_k=3, include_embedding=True), JSON)
    assert (reply.status, reply.content_type) == (200, JSON)
    response = Response.from_dict(reply.json)
    assert response.query.category == "upperwear_shirt"
    assert response.query.embedding is not None
    assert len(response.recommendations) == 3


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"', "application/json; charset=us-ascii"],
)
def test_answers_json_with_a_charset(invoke: Any, shirt: bytes, content_type: str) -> None:
    assert invoke(asked(shirt), content_type).status == 200


def test_json_may_start_with_a_byte_order_mark(invoke: Any, shirt: bytes) -> None:
    assert invoke(b"\xef\xbb\xbf" + asked(shirt), "application/json; charset=utf-8").status == 200


@pytest.mark.parametrize("content_type", ["image/png", "image/jpeg", "IMAGE/WEBP; q=1", "application/x-image"])
def test_answers_raw_pictures_as_it_answers_json(invoke: Any, shirt: bytes, content_type: str) -> None:
    raw, wrapped = invoke(shirt, content_type), invoke(asked(shirt), JSON)
    assert raw.status == 200
    assert raw.json["recommendations"] == wrapped.json["recommendations"]


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "*/*",
        "application/json",
        "application/json;q=0.9",
        "text/html, application/json;q=0.1",
        "text/html,application/xhtml+xml,*/*;q=0.8",
        "application/*",
        "APPLICATION/JSON",
        "text/xml, */*; q=0.1",
        " ",
        ",",
    ],
)
def test_answers_whoever_takes_json(invoke: Any, shirt: bytes, accept: str | None) -> None:
    reply = invoke(shirt, "image/png", accept)
    assert (reply.status, reply.content_type) == (200, JSON)


@pytest.mark.parametrize(
    "accept",
    ["text/xml", "image/png, text/csv", "application/json;q=0", "application/json;q=0, */*", "*/*;q=x", "json"],
)
def test_refuses_whoever_takes_no_json(invoke: Any, shirt: bytes, accept: str) -> None:
    reply = invoke(shirt, "image/png", accept)
    assert (reply.status, reply.content_type, reply.json["error"]["code"]) == (406, JSON, "not_acceptable")


@pytest.mark.parametrize("name", ["Accept", "accept", "ACCEPT"])
def test_whoever_takes_no_json_is_refused_before_the_picture_is_read(
    invoke: Any, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = invoke(b"nothing to see", "image/png", **{name: "text/csv"})
    assert (reply.status, reply.json["error"]["code"]) == (406, "not_acceptable")
    assert json.loads(capsys.readouterr().err.splitlines()[-1])["stages_ms"] == {}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/octet-stream",
        "application/x-npy",
        "multipart/form-data; boundary=x",
        "image",
    ],
)
def test_refuses_other_content_types(invoke: Any, shirt: bytes, content_type: str | None) -> None:
    reply = invoke(shirt, content_type)
    assert (reply.status, reply.json["error"]["code"]) == (415, "unsupported_content_type")


def test_refuses_json_in_another_charset(invoke: Any, shirt: bytes) -> None:
    assert invoke(asked(shirt), "application/json; charset=utf-16").status == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\x00",
        b"{'image': 'x'}",
        b'{"image": "eA==", "image": "eA=="}',
        b'{"top_k": NaN}',
        b'{"top_k": Infinity}',
        b"[" * 1_900,
    ],
)
def test_refuses_malformed_json(invoke: Any, body: bytes) -> None:
    reply = invoke(body, JSON)
    assert (reply.status, reply.json["error"]["code"]) == (400, "malformed_json")


@pytest.mark.parametrize("content_type", [JSON, "application/json; charset=utf-8"])
def test_refuses_json_which_is_not_utf8(invoke: Any, content_type: str) -> None:
    """AWS's toolkit would decode plain application/json itself, and answer with a 500."""
    reply = invoke(b'{"image": "\xff"}', content_type)
    assert (reply.status, reply.json["error"]["code"]) == (400, "malformed_json")


@pytest.mark.parametrize("digits", [1, 25, 10_000])
def test_a_number_of_any_length_is_json(invoke: Any, shirt: bytes, digits: int) -> None:
    body = asked(shirt).removesuffix(b"}") + b', "top_k": -' + b"9" * digits + b"}"
    reply = invoke(body, JSON)
    assert (reply.status, reply.json["error"]["code"]) == (400, "invalid_top_k")
    assert "inf" not in reply.json["error"]["message"]


@pytest.mark.parametrize(
    ("body", "found"),
    [(b"null", "null"), (b"true", "true"), (b'{"image": "eA==", "top_k": false}', "false"), (b'"null"', "'null'")],
)
def test_a_value_is_shown_as_it_was_sent(invoke: Any, body: bytes, found: str) -> None:
    reply = invoke(body, JSON)
    assert reply.json["error"]["message"].endswith(f"; found {found}.")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"top_k": 51}, "invalid_top_k"),
        ({"top_k": 4, "n_recommendations": 5}, "conflicting_top_k"),
        ({"gender": "Men"}, "invalid_gender"),
        ({"category": "shirt"}, "invalid_category"),
        ({"include_embedding": "yes"}, "invalid_include_embedding"),
        ({"min_scores": 0.5}, "unknown_field"),
        ({"min_score": 1.01}, "invalid_min_score"),
        ({"min_score": "0.5"}, "invalid_min_score"),
        ({"\ud800": 1}, "unknown_field"),
        ({"image": None}, "image_required"),
        ({"image_s3_uri": "s3://bucket/key"}, "image_required"),
        ({"image": "eA"}, "invalid_base64"),
        ({"image": ""}, "empty_image"),
        ({"image": base64.b64encode(b"nothing to see").decode()}, "not_an_image"),
    ],
)
def test_refuses_what_the_schema_refuses(invoke: Any, shirt: bytes, fields: dict[str, Any], code: str) -> None:
    reply = invoke(asked(shirt, **{"image": base64.b64encode(shirt).decode(), **fields}), JSON)
    assert (reply.status, reply.content_type) == (400, JSON)
    assert set(reply.json) == {"error"}
    assert set(reply.json["error"]) == {"code", "message"}
    assert reply.json["error"]["code"] == code


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "empty_image"),
        (b"text", 400, "not_an_image"),
        (bytes(MAX_IMAGE_BYTES + 1), 413, "image_too_large"),
    ],
)
def test_refuses_raw_bytes_which_are_no_picture(invoke: Any, body: bytes, status: int, code: str) -> None:
    reply = invoke(body, "image/jpeg")
    assert (reply.status, reply.json["error"]["code"]) == (status, code)


def test_refuses_a_truncated_picture(invoke: Any, shirt: bytes) -> None:
    assert invoke(shirt[: len(shirt) // 2], "image/png").json["error"]["code"] == "broken_image"


def test_refuses_an_s3_picture_where_none_is_allowed(invoke: Any) -> None:
    reply = invoke(b'{"image_s3_uri": "s3://bucket/key"}', JSON)
    assert (reply.status, reply.json["error"]["code"]) == (403, "image_s3_uri_not_allowed")


def test_a_refusal_leaves_no_trace_on_the_next_request(invoke: Any, shirt: bytes) -> None:
    assert [invoke(b"", JSON).status, invoke(shirt, "image/png").status] == [400, 200]


def test_a_failing_encoder_is_a_server_error(
    serve: Any, artifact: Path, tmp_path: Path, write_encoder: Any, encoded: Any
) -> None:
    """The test encoder encodes a picture of its own mean colour as zeros."""
    mean = tuple(round(0.9 * 255) / 255 for _ in range(3))
    write_encoder(tmp_path / "encoder")
    spec = json.loads((tmp_path / "encoder" / "encoder.json").read_text())
    (tmp_path / "encoder" / "encoder.json").write_text(json.dumps({**spec, "mean": mean}))
    (tmp_path / "catalogue").symlink_to(artifact / "catalogue")
    (tmp_path / "manifest.json").symlink_to(artifact / "manifest.json")
    grey = encoded(Image.new("RGB", (32, 32), (230, 230, 230)))
    reply = serve(tmp_path)(grey, "image/png")
    assert reply.status == 500
    assert "norm" in reply.body


def test_a_broken_artifact_never_answers(serve: Any, tmp_path: Path, shirt: bytes) -> None:
    reply = serve(tmp_path)(shirt, "image/png")
    assert reply.status == 500
    assert "No manifest.json" in reply.body


def test_without_a_context_a_callers_fault_is_raised(artifact: Path, shirt: bytes) -> None:
    model = inference.model_fn(str(artifact))
    question = inference.input_fn(shirt, "image/png")
    assert isinstance(question, inference.Question)
    answer = inference.predict_fn(question, model)
    body, content_type = inference.output_fn(answer, "application/json")
    assert (content_type, len(json.loads(body)["recommendations"])) == (JSON, 5)
    with pytest.raises(RequestError, match="isn't supported"):
        inference.input_fn(shirt, "text/plain")
    with pytest.raises(RequestError, match="leaves out"):
        inference.output_fn(answer, "text/csv")
    with pytest.raises(RequestError, match="empty"):
        inference.predict_fn(inference.Question(Request(image=b""), question.trace), model)


@pytest.fixture
def read_only(artifact: Path) -> Iterator[Path]:
    folders = [artifact, *(each for each in artifact.rglob("*") if each.is_dir())]
    before = {folder: folder.stat().st_mode for folder in folders}
    for folder in folders:
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    yield artifact
    for folder, mode in before.items():
        folder.chmod(mode)


@pytest.mark.parametrize(("told", "used"), [({"gpu_id": 3}, 3), ({"gpu_id": None}, 0), ({}, 0)])
def test_a_worker_uses_the_gpu_that_the_model_server_means_for_it(
    artifact: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, Any], used: int
) -> None:
    seen: list[Hardware] = []

    def opened(folder: Path, image_size: int, hardware: Hardware, watch: Stopwatch) -> Any:
        seen.append(hardware)
        return open_onnx(folder, image_size, hardware, watch)

    monkeypatch.setitem(ENGINES, "onnxruntime", opened)
    inference.model_fn(str(artifact), SimpleNamespace(system_properties=told))
    assert seen == [Hardware(threads=1, gpu=used)]


def test_a_read_only_model_folder_stays_as_it_is(serve: Any, read_only: Path, shirt: bytes) -> None:
    def seen() -> dict[str, int]:
        return {str(each): os.stat(each).st_mtime_ns for each in read_only.rglob("*")}

    before = seen()
    assert serve(read_only)(shirt, "image/png").status == 200
    assert seen() == before


def test_each_request_writes_one_log_line_without_the_picture(
    invoke: Any, shirt: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    invoke(shirt, "image/png")
    loaded, answered = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    invoke(b"", JSON)
    refused = json.loads(capsys.readouterr().err)
    assert (loaded["event"], loaded["items"], loaded["version"]) == ("cold_start", 78, "0123456789ab")
    assert (answered["event"], answered["status"], answered["request_id"]) == ("request", 200, "request-0")
    assert set(answered["stages_ms"]) == {"decode", "encode", "search", "score"}
    assert answered["total_ms"] >= sum(answered["stages_ms"].values()) * 0.99
    assert (refused["status"], refused["error"]) == (400, "malformed_json")
    invoke(shirt[: len(shirt) // 2], "image/png")
    broken = json.loads(capsys.readouterr().err)
    assert (broken["error"], list(broken["stages_ms"])) == ("broken_image", ["decode"])
    assert 0 < broken["stages_ms"]["decode"] <= broken["total_ms"]
    assert len(json.dumps(answered)) < 600


def test_the_log_names_the_callers_inference_id(invoke: Any, shirt: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    invoke(shirt, "image/png", **{"X-Amzn-SageMaker-Inference-Id": "run-7/42"})
    assert json.loads(capsys.readouterr().err.splitlines()[-1])["request_id"] == "run-7/42"


def test_a_server_error_is_logged_too(artifact: Path, shirt: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    question = inference.input_fn(shirt, "image/png")
    with pytest.raises(AttributeError):
        inference.predict_fn(question, None)  # type: ignore[arg-type]
    assert json.loads(capsys.readouterr().err)["status"] == 500


def test_an_answer_that_is_no_json_is_logged_too(
    artifact: Path, shirt: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = inference.predict_fn(inference.input_fn(shirt, "image/png"), inference.model_fn(str(artifact)))
    assert isinstance(answer, inference.Answered)
    wrong = replace(answer, response=replace(answer.response, model_version=b"0"))  # type: ignore[arg-type]
    capsys.readouterr()
    with pytest.raises(TypeError):
        inference.output_fn(wrong, None)
    logged = json.loads(capsys.readouterr().err)
    assert (logged["status"], logged["error"]) == (500, "TypeError")
    assert set(logged["stages_ms"]) == {"decode", "encode", "search", "score"}


def test_several_request_threads_share_one_model(artifact: Path, draw: Any, encoded: Any) -> None:
    model = inference.model_fn(str(artifact))
    bodies = [
        encoded(draw(name)) for name in ("upperwear_shirt", "footwear_heels", "one-piece_dress", "accessories_bag")
    ]

    def answer(body: bytes) -> Any:
        question = inference.input_fn(body, "image/png")
        payload = json.loads(inference.output_fn(inference.predict_fn(question, model), None)[0])
        del payload["timings_ms"], payload["metadata"]["processing_time_ms"]
        return payload

    expected = [answer(body) for body in bodies]
    found: dict[int, list[Any]] = {}

    def work(number: int) -> None:
        found[number] = [answer(bodies[number]) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [expected[number]] * 5 for number in range(len(bodies))}


def test_json_of_more_parts_than_any_request_has_is_refused_unread(invoke: Any) -> None:
    reply = invoke(b'{"top_k": [' + b"[]," * 5_000 + b"[]]}", JSON)
    assert (reply.status, reply.json["error"]["code"]) == (400, "invalid_request")


def test_json_nested_as_deep_as_can_be_read_is_refused(invoke: Any) -> None:
    codes = set()
    for depth in range(800, 1_000):
        reply = invoke(b'{"top_k": ' + b"[" * depth + b"]" * depth + b"}", JSON)
        assert reply.status == 400
        codes.add(reply.json["error"]["code"])
    assert codes == {"invalid_top_k", "malformed_json"}


@pytest.mark.parametrize("kind", [memoryview, bytearray])
def test_takes_any_kind_of_bytes(shirt: bytes, kind: Any) -> None:
    question = inference.input_fn(kind(shirt), "image/png")
    assert isinstance(question, inference.Question)
    assert question.request.image == shirt
    wrapped = inference.input_fn(kind(asked(shirt)), JSON)
    assert isinstance(wrapped, inference.Question)
    assert wrapped.request.image == shirt


def test_no_body_is_an_empty_one() -> None:
    with pytest.raises(RequestError, match="valid JSON"):
        inference.input_fn(None, JSON)


def test_a_picture_as_text_is_told_from_an_unknown_content_type() -> None:
    with pytest.raises(RequestError, match="must be bytes; found text"):
        inference.input_fn("text", "image/jpeg")
