"""The log of a worker: JSON lines of the level asked for, and never anything of a picture."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

import inference
from recommender import log

MARKER = b"never in a log"
ENCODED = base64.b64encode(MARKER).decode()
JSON = "application/json"


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Any:
    """The log's lines since the last look at them."""

    def read() -> list[dict[str, Any]]:
        out, err = capsys.readouterr()
        assert out == ""
        return [json.loads(line) for line in err.splitlines()]

    return read


@pytest.fixture
def shirt(draw: Any, encoded: Any) -> bytes:
    return bytes(encoded(draw("upperwear_shirt")))


def events(entries: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(entry["event"], entry["level"]) for entry in entries]


@pytest.mark.parametrize(
    ("level", "written"),
    [
        (None, ["cold_start", "answered", "refused", "failed"]),
        ("", ["cold_start", "answered", "refused", "failed"]),
        ("info", ["cold_start", "answered", "refused", "failed"]),
        (" WARNING ", ["refused", "failed"]),
        ("error", ["failed"]),
    ],
)
def test_lines_of_the_level_asked_for_and_above_are_written(
    invoke: Any, shirt: bytes, lines: Any, monkeypatch: pytest.MonkeyPatch, level: str | None, written: list[str]
) -> None:
    if level is not None:
        monkeypatch.setenv("STYGIG_LOG_LEVEL", level)
    kinds = {200: "answered", 400: "refused", 500: "failed"}
    invoke(shirt, "image/png")
    invoke(b"", JSON)
    monkeypatch.setattr("recommender.recommend.dominant_colours", lambda image: 1 / 0)
    assert invoke(shirt, "image/png").status == 500
    assert [kinds[each["status"]] if "status" in each else each["event"] for each in lines()] == written


def test_debug_writes_a_line_for_each_stage_of_a_request(
    invoke: Any, shirt: bytes, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYGIG_LOG_LEVEL", "debug")
    invoke(shirt, "image/png", **{"X-Amzn-SageMaker-Inference-Id": "run-7/42"})
    started, *stages, request = lines()
    assert events([started, request]) == [("cold_start", "info"), ("request", "info")]
    assert set(events(stages)) == {("stage", "debug")}
    assert {each["request_id"] for each in stages} == {"run-7/42"}
    assert {each["stage"]: each["ms"] for each in stages} == request["stages_ms"]
    assert list(request["stages_ms"]) == ["decode", "encode", "search", "score"]


def test_a_misspelt_level_is_told_once_and_info_is_taken(
    invoke: Any, shirt: bytes, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYGIG_LOG_LEVEL", "verbose")
    invoke(shirt, "image/png")
    invoke(shirt, "image/png")
    told, *others = lines()
    assert events(others) == [("cold_start", "info"), ("request", "info"), ("request", "info")]
    assert told == {
        "event": "log_level",
        "level": "warning",
        "message": "STYGIG_LOG_LEVEL is 'verbose', none of debug, info, warning, error: info is taken.",
    }


def test_each_line_names_outcome_and_level(invoke: Any, shirt: bytes, lines: Any) -> None:
    invoke(shirt, "image/png")
    invoke(b"{", JSON)
    started, answered, refused = lines()
    assert (started["event"], started["level"]) == ("cold_start", "info")
    assert (answered["level"], answered["status"], "error" in answered) == ("info", 200, False)
    assert (refused["level"], refused["status"], refused["error"]) == ("warning", 400, "malformed_json")


@pytest.mark.parametrize("given", ["run-7/42", 'a"b\\', "é" * 64, "x" * 1_000])
def test_a_request_id_stays_in_its_line(invoke: Any, shirt: bytes, lines: Any, given: str) -> None:
    invoke(shirt, "image/png", **{"x-amzn-sagemaker-inference-id": given})
    assert lines()[-1]["request_id"] == given[:64]


def test_without_a_context_each_request_gets_an_id_of_its_own(artifact: Any, shirt: bytes) -> None:
    ids = {inference.input_fn(shirt, "image/png").trace.request_id for _ in range(100)}
    assert len(ids) == 100


@pytest.mark.parametrize("level", ["debug", "info"])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (MARKER * 50, "image/png"),
        (json.dumps({"image": base64.b64encode(MARKER * 50).decode()}).encode(), JSON),
        (json.dumps({"image": "!" + ENCODED}).encode(), JSON),
        (json.dumps({"image": {"body": ENCODED}}).encode(), JSON),
        (json.dumps({"image": ENCODED, ENCODED: 1}).encode(), JSON),
        (json.dumps({"image": ENCODED, "category": ENCODED}).encode(), JSON),
        (json.dumps({"image_s3_uri": ENCODED}).encode(), JSON),
        (b'{"image": "' + ENCODED.encode(), JSON),
        (MARKER, "text/plain"),
    ],
)
def test_nothing_of_a_picture_is_ever_logged(
    invoke: Any, lines: Any, monkeypatch: pytest.MonkeyPatch, body: bytes, content_type: str, level: str
) -> None:
    monkeypatch.setenv("STYGIG_LOG_LEVEL", level)
    assert 400 <= invoke(body, content_type).status < 500
    written = json.dumps(lines())
    assert MARKER.decode() not in written
    assert ENCODED[:12] not in written


def test_nothing_of_a_picture_that_is_answered_about_or_fails_is_logged(
    invoke: Any, shirt: bytes, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_json = json.dumps({"image": base64.b64encode(shirt).decode()}).encode()
    assert invoke(as_json, JSON).status == 200
    monkeypatch.setattr("recommender.recommend.dominant_colours", lambda image: [].remove(shirt))
    assert invoke(as_json, JSON).status == 500
    answered, failed = lines()[1:]
    assert (answered["status"], failed["status"], failed["error"]) == (200, 500, "ValueError")
    for part in (shirt[:12].hex(), str(shirt[:12])[2:-1], base64.b64encode(shirt).decode()[:12]):
        assert part not in json.dumps([answered, failed])


def test_a_line_that_is_not_written_is_not_made(lines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(log.LEVEL_VARIABLE, "error")
    monkeypatch.setattr("recommender.log.json", None)
    log.write(log.INFO, "request", status=200)
    assert lines() == []
