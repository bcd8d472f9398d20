"""The figures of a measurement: latencies by phase, and a cost by the instances that were counted."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from tasks.hosting.instance_counts import InstanceCounts
from tasks.plan import RunPlan
from tasks.verdict.measurement import Measurement, cost_of, latencies_of
from tasks.verdict.omissions import Omissions
from tests.tasks.answers import answer, no_answer
from tests.tasks.measurements import STARTED, endpoint, measured, record

ASYNC, BASELINE = "stygig-async-1", "stygig-real-time-1"
SECOND = timedelta(seconds=1)
END = STARTED + 300 * SECOND


def medians(measurement: Measurement) -> dict[tuple[str, str], tuple[int, float]]:
    found = latencies_of(measurement, Omissions())
    return {(each.side, each.phase): (each.percentiles.count, each.percentiles.p50_ms) for each in found}


def test_latencies_are_of_what_was_answered() -> None:
    records = [record("1.jpg"), record("2.jpg", state="failed", seen_at=None)]
    answers = [answer("1.jpg", 60.0), no_answer("2.jpg")]
    found = medians(measured(records=records, baseline_answers=answers))
    assert found["real-time", "round trip"] == (1, 60.0)
    assert found["asynchronous", "submit"] == (2, 20.0)
    assert found["asynchronous", "queue and processing"] == (1, 800.0)
    assert found["asynchronous", "end to end"] == (1, 1100.0)


def test_queue_model_and_total_time_are_told_for_both_sides_of_one_run() -> None:
    found = medians(measured())
    model_ms = 4.0 + 40.0 + 0.5 + 1.0
    assert found["real-time", "round trip"] == (2, 60.0)
    assert found["real-time", "model"] == (2, model_ms)
    assert found["real-time", "queue and transfer"] == (2, 60.0 - model_ms)
    assert found["asynchronous", "end to end"] == (2, 1100.0)
    assert found["asynchronous", "model"] == (2, model_ms)
    assert found["asynchronous", "queue and transfer"] == (2, pytest.approx(800.0 - model_ms))


def test_a_model_that_took_longer_than_the_notification_says_leaves_no_queue() -> None:
    quick = [record(name, completed_at=STARTED + timedelta(milliseconds=110)) for name in ("1.jpg", "2.jpg")]
    assert medians(measured(records=quick))["asynchronous", "queue and transfer"] == (2, 0.0)


def test_a_time_that_runs_backwards_costs_its_phase_alone_and_is_said() -> None:
    odd = [record("1.jpg", seen_at=STARTED - SECOND), record("2.jpg")]
    omissions = Omissions()
    phases = {(each.side, each.phase) for each in latencies_of(measured(records=odd), omissions)}
    assert ("asynchronous", "end to end") not in phases
    assert {("real-time", "round trip"), ("asynchronous", "submit")} <= phases
    (line,) = omissions.lines
    assert line.startswith("latency of asynchronous end to end: left out, ValueError: durations run from -1000.0")


def counts(*trace: tuple[float, int], fault: str = "") -> InstanceCounts:
    return InstanceCounts(tuple((STARTED + seconds * SECOND, count) for seconds, count in trace), fault)


def every(seconds: int, trace: Sequence[tuple[float, float, int]]) -> InstanceCounts:
    """Readings at that interval of a count; the trace lists (from second, to second, count)."""
    read = [(at, n) for begin, end, n in trace for at in range(int(begin), int(end), seconds)]
    return counts(*read, (trace[-1][1], 0))


def test_a_cost_is_that_of_the_counts_that_were_read(plan: RunPlan) -> None:
    """Scale-out, load and cool-down are included: the count is up from the launch until the instance is gone."""
    scaled = every(20, [(0, 100, 1), (100, 200, 0), (200, 240, 1), (240, 260, 2), (260, 280, 1)])
    steady = every(20, [(0, 280, 1)])
    cost = cost_of(plan, measured(), END, {ASYNC: scaled, BASELINE: steady})
    assert cost
    assert cost.async_instance_seconds == 100 + 40 + 2 * 20 + 20
    assert cost.baseline_instance_seconds == 280
    assert (cost.measured, cost.readings) == (True, scaled.readings + steady.readings)


@pytest.mark.parametrize(
    ("read", "why"),
    [
        ({}, "they were not read"),
        ({ASYNC: counts((0, 1), (1, 0))}, "they were not read"),
        ({ASYNC: counts((0, 1), (1, 0)), BASELINE: counts((0, 1), fault="access denied")}, "access denied"),
        ({ASYNC: counts((0, 1), (1, 0)), BASELINE: counts((0, 1), (90, 0))}, "they were not read for 90 s"),
        ({ASYNC: counts((0, 1), (1, 0)), BASELINE: counts((0, 1), (1, 1))}, "they were not read for 299 s"),
    ],
)
def test_counts_that_were_not_read_all_the_time_leave_an_estimate_of_one_instance(
    plan: RunPlan, read: dict[str, InstanceCounts], why: str
) -> None:
    late = endpoint("async", asked_at=STARTED + 100 * SECOND)
    cost = cost_of(plan, measured(asynchronous=late), END, read)
    assert cost
    assert (cost.baseline_instance_seconds, cost.async_instance_seconds) == (300, 200)
    assert (cost.measured, cost.unread) == (False, why)


def test_a_cost_knows_its_requests_and_what_the_model_took_for_them(plan: RunPlan) -> None:
    cost = cost_of(plan, measured(), END, {})
    assert cost
    assert (cost.sent, cost.requests.s3_puts, cost.requests.sns_publishes) == (3, 6, 3)
    assert cost.async_model_seconds == cost.baseline_model_seconds == pytest.approx(0.0455)
    unanswered = cost_of(plan, measured(async_answers=[no_answer("1.jpg"), no_answer("2.jpg")]), END, {})
    assert unanswered
    assert unanswered.async_model_seconds == 0.06, "at most the baseline's round trip"


@pytest.mark.parametrize("until", [STARTED, END])
def test_without_a_price_there_is_no_cost(plan: RunPlan, until: datetime) -> None:
    assert cost_of(plan, measured(asynchronous=endpoint("async", instance_type="ml.no-such.large")), until, {}) is None
