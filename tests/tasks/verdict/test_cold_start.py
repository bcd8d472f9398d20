"""A cold start, split into the stages that the container's log names."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from localaws.faults import CallRefused, Faults
from tasks.hosting.container_log import log_group
from tasks.hosting.endpoint import Endpoint
from tasks.plan import RunPlan
from tasks.verdict.cold_start import ColdStart, cold_start_of, cold_start_rows, worker_stages
from tests.tasks.deployed import ANSWERING, deployed
from tests.tasks.measurements import endpoint

NOW = datetime.now(UTC).replace(microsecond=0)
STAGES = {"import": 207.315, "engine": 61.402, "construct": 44.87, "warm_up": 12.604, "other": 0.611}
TELLING = f"""{ANSWERING}
import sys
start = {{"event": "cold_start", "stages_ms": {{"import": 0.25, "warm_up": 0.5}}, "total_ms": 0.75}}
print(json.dumps(start), file=sys.stderr)
"""


def asked(**changed: Any) -> Endpoint:
    """An endpoint that was asked for an hour ago and was InService 100 seconds later."""
    return endpoint("async", **({"asked_at": NOW - timedelta(hours=1), "cold_start_seconds": 100.0} | changed))


def put_log(*messages: str, seconds: float = 99) -> None:
    """Write lines into the endpoint's log, dated so many seconds after it was asked for."""
    logs, group = boto3.client("logs"), log_group("stygig-async-1")
    stream = {"logGroupName": group, "logStreamName": "AllTraffic/i-1"}
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(**stream)
    at_ms = int((asked().asked_at + timedelta(seconds=seconds)).timestamp() * 1000)
    logs.put_log_events(**stream, logEvents=[{"timestamp": at_ms + n, "message": m} for n, m in enumerate(messages)])


def line(**changed: Any) -> str:
    return json.dumps({"event": "cold_start", "level": "info", "stages_ms": STAGES, "total_ms": 326.802} | changed)


def split() -> ColdStart:
    found = cold_start_of(asked())
    assert found
    return found


@pytest.mark.usefixtures("local_aws")
def test_the_platforms_time_and_the_workers_stages_sum_to_the_time_until_in_service() -> None:
    put_log("Starting", line(), line(stages_ms={"import": 9.0}), '{"event": "request", "status": 200}')
    found = split()
    assert (found.endpoint, found.side, found.seconds, found.note) == ("stygig-async-1", "asynchronous", 100.0, "")
    assert list(found.stages_seconds) == ["platform", *STAGES]
    assert found.stages_seconds["import"] == pytest.approx(0.207315)
    assert sum(found.stages_seconds.values()) == pytest.approx(100.0, abs=1e-9)


@pytest.mark.usefixtures("local_aws")
def test_what_a_model_server_writes_before_the_line_is_no_hindrance() -> None:
    put_log(f"2026-11-22T03:04:05,678 [WARN ] W-9000-model_1.0-stderr MODEL_LOG - {line()}")
    assert split().stages_seconds["construct"] == pytest.approx(0.04487)


@pytest.mark.usefixtures("local_aws")
def test_a_worker_that_failed_is_passed_over_for_the_one_that_loaded_the_model() -> None:
    put_log(line(level="error", error="ArtifactError", stages_ms={"import": 1.0}), line())
    assert split().stages_seconds["import"] == pytest.approx(0.207315)


@pytest.mark.parametrize(
    ("messages", "note"),
    [
        (("Starting",), "has no line cold_start"),
        (("the words cold_start alone", '{"event": "cold_start", "cut'), "has no line cold_start"),
        ((line(level="error", error="ArtifactError"),), "has no line cold_start"),
        ((line(stages_ms=None),), "has no stages_ms"),
        ((line(stages_ms={"import": "soon"}),), "has no stages_ms"),
        ((line(stages_ms={"import": 100_001}),), "took longer to load the model than the endpoint to be InService"),
    ],
)
@pytest.mark.usefixtures("local_aws")
def test_what_a_log_does_not_tell_is_said_and_the_whole_stays(messages: tuple[str, ...], note: str) -> None:
    put_log(*messages)
    found = split()
    assert (found.seconds, dict(found.stages_seconds)) == (100.0, {})
    assert note in found.note


@pytest.mark.usefixtures("local_aws")
def test_an_endpoint_without_a_log_is_said() -> None:
    assert "has no line cold_start" in split().note


@pytest.mark.usefixtures("local_aws")
def test_a_model_that_was_loaded_after_in_service_is_said() -> None:
    put_log(line(), seconds=107)
    found = split()
    assert found.note == "the model was loaded 7.0 s after it was InService"
    assert sum(found.stages_seconds.values()) == pytest.approx(100.0)


@pytest.mark.usefixtures("local_aws")
def test_lines_from_before_the_request_are_of_another_endpoint() -> None:
    put_log(line(), seconds=-60)
    assert "has no line cold_start" in split().note


def test_a_log_that_can_not_be_read_is_said(local_aws_faults: Faults) -> None:
    local_aws_faults.add(CallRefused(service="logs", operation="FilterLogEvents", code="AccessDeniedException"))
    found = split()
    assert found.note.startswith("its log could not be read: logs:FilterLogEvents on /aws/sagemaker/Endpoints/")
    assert found.seconds == 100.0


def test_an_endpoint_that_was_there_before_has_no_cold_start() -> None:
    assert cold_start_of(asked(cold_start_seconds=None)) is None


def test_the_log_of_a_real_worker_tells_its_start(plan: RunPlan) -> None:
    found = cold_start_of(deployed(plan, "real-time", handler=TELLING))
    assert found
    assert (found.side, found.note) == ("real-time", "")
    assert list(found.stages_seconds) == ["platform", "import", "warm_up"]
    assert sum(found.stages_seconds.values()) == pytest.approx(found.seconds, abs=1e-6)


@pytest.mark.parametrize("stages", [{"a": -1}, {"a": True}, {"a": float("inf")}, {"a": float("nan")}, [1], "a", {}])
def test_what_is_no_duration_is_no_stage(stages: object) -> None:
    assert worker_stages({"stages_ms": stages}) == {}


def test_rows_name_each_stage_once_and_end_with_the_sum() -> None:
    first = ColdStart("a", "real-time", 3.0, {"platform": 1.0, "engine": 2.0})
    second = ColdStart("b", "asynchronous", 4.0, {"platform": 1.5, "weights": 2.5})
    assert cold_start_rows([first, second]) == [
        ("platform", [1.0, 1.5]),
        ("engine", [2.0, None]),
        ("weights", [None, 2.5]),
        ("request to InService", [3.0, 4.0]),
    ]
    assert cold_start_rows([replace(first, stages_seconds={})]) == [("request to InService", [3.0])]
