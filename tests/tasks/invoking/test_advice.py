"""What follows from what was seen: one finding, with one cause and one advice."""

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from tasks.hosting.condition import Backlog, Condition, Scaling
from tasks.invoking.advice import ADVICE
from tasks.invoking.diagnosis import Diagnosis, Limits
from tasks.invoking.diagnosis_words import advice_of, lines
from tasks.invoking.findings import (
    EndedFinding,
    Finding,
    IdleFinding,
    RequestSeen,
    WaitingFinding,
    endpoint_finding,
    request_finding,
)
from tasks.invoking.records import InvocationRecord, State

NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)
ERROR = "ClientError: Received {} error ({}) from model. See the SageMaker Endpoint logs in your account."
TORCHSERVE = '{\n  "code": 500,\n  "type": "InternalServerException",\n  "message": "Worker died."\n}'
SCALES = Scaling(0, 2, ("backlog-per-instance", "backlog-without-capacity"), wakes=True)
SERVING = Condition(name="mine", status="InService", current=1, desired=1, scaling=SCALES)
ASLEEP = replace(SERVING, current=0, desired=0)
WAITING = Backlog(size=3, per_instance=3, oldest_seconds=90, without_capacity=1, at=NOW)


def seen(state: State = "submitted", reason: str = "", minutes: float = 1, **found: Any) -> RequestSeen:
    record = InvocationRecord(
        request="1.jpg",
        inference_id="id-1",
        input_sha256="",
        input_location="s3://bucket/in",
        output_location="s3://bucket/out",
        failure_location="s3://bucket/failed",
        submitted_at=NOW - timedelta(minutes=minutes),
        submit_ms=1.0,
        give_up_at=NOW - timedelta(minutes=minutes - 60),
        state=state,
        failure_reason=reason,
        endpoint_name="mine",
    )
    return RequestSeen(record, NOW, **({"output_there": False, "failure_there": False} | found))


ENDED: list[tuple[RequestSeen, EndedFinding]] = [
    (seen("completed", output_there=True), "completed"),
    (seen("completed", output_there=None), "completed"),
    (seen("completed"), "answer_gone"),
    (seen(output_there=True), "answered"),
    (seen("expired", output_there=True), "answered"),
    (seen("failed", ERROR.format("client", 400)), "bad_request"),
    (seen("failed", ERROR.format("server", 500)), "model_failed"),
    (seen("failed", ERROR.format("server", 0)), "model_failed"),
    (seen(failure_there=True, failure_text=TORCHSERVE), "model_failed"),
    (seen(failure_there=True, log_lines=("[id-1] Received client error (413) from primary",)), "bad_request"),
    (seen(failure_there=True, failure_text="not_an_image: no picture"), "failed"),
    (seen(failure_there=True, failure_text="the token request expired"), "failed"),
    (seen(failure_there=True, failure_text="ClientError: The request expired: it waited"), "expired"),
    (seen("failed", "ClientError: Your invocation timed out while waiting for a response"), "timed_out"),
    (seen("failed", "ClientError: Could not download the input data from s3://a/b: 404."), "input_unreadable"),
    (seen("failed", "ClientError: Could not upload the response to s3://a/b: 403."), "failed"),
    (seen("expired"), "expired"),
]
PENDING: list[tuple[RequestSeen, Condition | None, Finding]] = [
    (seen("lost"), SERVING, "endpoint_gone"),
    (seen(), None, "endpoint_gone"),
    (seen(output_there=None), SERVING, "unknown"),
    (seen(failure_there=None), SERVING, "unknown"),
    (seen(minutes=61), SERVING, "expired"),
    (seen(minutes=61), replace(SERVING, status="Failed"), "endpoint_failed"),
    (seen(), replace(SERVING, status="Deleting"), "endpoint_gone"),
    (seen(), replace(SERVING, status="Creating", current=0), "starting"),
    (seen(), SERVING, "queued"),
    (seen(), replace(SERVING, status="Updating"), "queued"),
    (seen(), ASLEEP, "waking"),
    (seen(minutes=21), ASLEEP, "stuck"),
    (seen(), replace(ASLEEP, scaling=None), "no_capacity"),
    (seen(), replace(ASLEEP, scaling=None, desired=1), "waking"),
    (seen(), replace(ASLEEP, scaling=None, scaling_known=False), "unknown"),
    (seen(), replace(ASLEEP, scaling=replace(SCALES, maximum=0)), "no_capacity"),
    (seen(), replace(ASLEEP, scaling=replace(SCALES, wakes=False)), "no_wake"),
]
ENDPOINTS: list[tuple[Condition, Finding]] = [
    (replace(SERVING, status="Failed"), "endpoint_failed"),
    (replace(SERVING, status="Deleting"), "endpoint_gone"),
    (replace(SERVING, status="Creating"), "starting"),
    (replace(SERVING, expires_at=NOW), "overdue"),
    (replace(SERVING, expires_at=NOW + timedelta(hours=1)), "ready"),
    (replace(SERVING, asynchronous=False, scaling=None), "always_on"),
    (SERVING, "ready"),
    (replace(SERVING, backlog=WAITING), "queued"),
    (replace(SERVING, scaling=None), "unscaled"),
    (replace(SERVING, scaling=None, scaling_known=False), "unknown"),
    (replace(SERVING, scaling=replace(SCALES, minimum=1)), "never_zero"),
    (ASLEEP, "asleep"),
    (replace(ASLEEP, scaling=None), "no_capacity"),
    (replace(ASLEEP, scaling=replace(SCALES, wakes=False)), "no_wake"),
    (replace(ASLEEP, backlog=WAITING), "waking"),
    (replace(ASLEEP, backlog=replace(WAITING, oldest_seconds=1300)), "stuck"),
    (replace(ASLEEP, desired=1), "waking"),
]


@pytest.mark.parametrize(("request_", "finding"), ENDED)
def test_a_request_that_ended_is_told_by_how_it_ended(request_: RequestSeen, finding: Finding) -> None:
    assert request_finding(request_, SERVING) == request_finding(request_, None) == finding


@pytest.mark.parametrize(("request_", "endpoint", "finding"), PENDING)
def test_a_request_that_has_not_ended_is_told_by_its_endpoint(
    request_: RequestSeen, endpoint: Condition | None, finding: Finding
) -> None:
    assert request_finding(request_, endpoint) == finding


def test_an_endpoint_that_may_not_be_looked_at_is_not_gone() -> None:
    assert request_finding(seen(), None, unread=True) == "unknown"


@pytest.mark.parametrize(("endpoint", "finding"), ENDPOINTS)
def test_an_endpoint_is_told_by_its_status_instances_and_scaling(endpoint: Condition, finding: Finding) -> None:
    assert endpoint_finding(endpoint, NOW) == finding


FINDINGS = [each for kind in (EndedFinding, WaitingFinding, IdleFinding) for each in get_args(kind)]


def test_every_finding_has_an_advice_and_comes_of_something() -> None:
    assert set(ADVICE) == set(FINDINGS)
    found = {each[-1] for each in (*ENDED, *PENDING, *ENDPOINTS)}
    assert found == set(FINDINGS)


@pytest.mark.parametrize("finding", FINDINGS)
def test_an_advice_is_filled_in_with_what_was_seen(finding: Finding) -> None:
    """Those about endpoints alone can do without a request, and those about a request without its endpoint."""
    request, endpoint = seen("failed", ERROR.format("client", 400)), replace(SERVING, reason="no disk", expires_at=NOW)
    limits = Limits(ttl_seconds=3600, timeout_seconds=300)
    whole = Diagnosis(
        asked="id-1", finding=finding, limits=limits, request=request, endpoint=endpoint, endpoint_name="mine"
    )
    told = [whole]
    if finding in get_args(IdleFinding):
        told.append(replace(whole, request=None))
    if finding in (*get_args(EndedFinding), "endpoint_gone", "unknown"):
        told.append(replace(whole, endpoint=None))
    for each in told:
        advice = advice_of(each)
        assert advice.cause
        assert advice.todo
        assert not [name for _, name, _, _ in string.Formatter().parse(advice.cause + advice.todo) if name]
        *_, last = lines(each)
        assert last == f"what to do: {advice.todo}"
