"""The number of instances of an endpoint, read while a run is alive."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from localaws.faults import CallRefused, Faults
from tasks.hosting import instance_counts
from tasks.hosting.deploying import start_endpoint
from tasks.hosting.endpoint import Endpoint, EndpointSpec
from tasks.hosting.instance_counts import InstanceCounter, InstanceCounts, billed_count, read_count
from tasks.limits import VARIANT
from tasks.plan import RunPlan
from tasks.verdict.cost import instance_seconds
from tests.tasks.deployed import LOADS_WHEN_TOLD, deployed, hurried, put_model
from tests.tasks.measurements import endpoint

START = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
DENIED = CallRefused(
    service="sagemaker", operation="DescribeEndpoint", code="AccessDeniedException", message="not authorized"
)


def at(*trace: tuple[float, int], fault: str = "") -> InstanceCounts:
    return InstanceCounts(tuple((START + timedelta(seconds=seconds), count) for seconds, count in trace), fault)


def times() -> Iterator[datetime]:
    """Ten seconds pass between two looks at the clock."""
    return (START + timedelta(seconds=10 * number) for number in range(1, 1000))


def counter() -> tuple[InstanceCounter, list[str]]:
    said: list[str] = []
    return InstanceCounter(said.append, times().__next__), said


def followed(counting: InstanceCounter, of: Endpoint) -> None:
    """Watch an endpoint without the thread, so that each reading is the test's own."""
    counting.read_so_far[of.name] = [(of.asked_at, instance_counts.ASKED_FOR)]


def scaled(name: str, count: int) -> None:
    sagemaker = boto3.client("sagemaker")
    change = [{"VariantName": VARIANT, "DesiredInstanceCount": count}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=change)
    eventually(lambda: _in_service(name, count), f"{name} to have {count} instances")


def _in_service(name: str, count: int) -> bool:
    found = boto3.client("sagemaker").describe_endpoint(EndpointName=name)
    return (found["EndpointStatus"], found["ProductionVariants"][0]["CurrentInstanceCount"]) == ("InService", count)


def eventually(look: Callable[[], Any], what: str) -> None:
    deadline = hurried(60)
    for _ in deadline.polls(first_seconds=0.01):
        if look():
            return
    raise deadline.exceeded(what, "it is not", "")


@pytest.mark.parametrize(
    ("status", "variants", "before", "count"),
    [
        ("Creating", [], 1, 1),
        ("Creating", [{"CurrentInstanceCount": 0, "DesiredInstanceCount": 0}], 1, 1),
        ("Creating", [{"CurrentInstanceCount": 0, "DesiredInstanceCount": 2}], 1, 2),
        ("InService", [{"CurrentInstanceCount": 1, "DesiredInstanceCount": 1}], 1, 1),
        ("Updating", [{"CurrentInstanceCount": 0, "DesiredInstanceCount": 1}], 0, 1),
        ("Updating", [{"CurrentInstanceCount": 3, "DesiredInstanceCount": 1}], 3, 3),
        ("InService", [{"CurrentInstanceCount": 0, "DesiredInstanceCount": 0}], 1, 0),
        ("InService", [{"CurrentInstanceCount": 1}, {"DesiredInstanceCount": 2}], 1, 3),
        ("Deleting", [{"CurrentInstanceCount": 1, "DesiredInstanceCount": 1}], 1, 1),
        ("Deleting", [], 2, 2),
        ("Failed", [], 1, 0),
    ],
)
def test_an_instance_counts_from_its_launch_until_it_is_gone(
    status: str, variants: list[dict[str, int]], before: int, count: int
) -> None:
    assert billed_count({"EndpointStatus": status, "ProductionVariants": variants}, before) == count


def test_a_recorded_trace_bills_scale_out_load_and_cool_down_and_nothing_at_zero() -> None:
    """In service, idle until its cool-down is over, gone, launched again at the scale-out, working, idle, gone."""
    trace = at((0, 1), (240, 1), (300, 1), (900, 0), (1500, 0), (1800, 1), (2100, 1), (2160, 2), (2400, 1), (3000, 0))
    until = START + timedelta(seconds=3600)
    assert instance_seconds(trace.counts, until) == 900 + 360 + 2 * 240 + 600
    assert instance_seconds(at((0, 1)).counts, until) == 3600


@pytest.mark.parametrize(
    ("read", "why"),
    [
        (at((0, 1), (50, 1), (100, 1)), ""),
        (at((0, 1), (50, 1), (100, 1), fault="Throttling, once"), ""),
        (at((0, 1), (50, 0)), ""),
        (at((0, 1)), "they were not read for 150 s"),
        (at((0, 1), fault="access denied"), "access denied"),
        (at((0, 1), (80, 1), (120, 0)), "they were not read for 80 s"),
        (at((0, 1), (80, 1), (120, 0), fault="S3 is down"), "S3 is down"),
        (at((0, 1), (20, 1), (80, 1)), "they were not read for 70 s"),
    ],
)
def test_readings_with_a_long_gap_are_no_measurement(read: InstanceCounts, why: str) -> None:
    assert read.unread(START + timedelta(seconds=150)) == why


def test_an_endpoint_bills_one_instance_while_it_is_creating_and_none_once_it_is_gone(plan: RunPlan) -> None:
    asked = start_endpoint(plan, EndpointSpec("async", put_model(LOADS_WHEN_TOLD)), None)
    assert boto3.client("sagemaker").describe_endpoint(EndpointName=asked.name)["EndpointStatus"] == "Creating"
    assert read_count(asked.name) == 1
    assert read_count("stygig-absent") == 0


def test_an_endpoint_that_slept_in_between_costs_less_than_one_that_was_always_on(plan: RunPlan) -> None:
    sleeper, steady = deployed(plan), deployed(plan, "real-time")
    counting, said = counter()
    for each in (sleeper, steady):
        counting.read_so_far[each.name] = [(START, 1)]
    counting.read()
    for count in (0, 2, 1):
        scaled(sleeper.name, count)
        counting.read()
    for each in (sleeper, steady):
        boto3.client("sagemaker").delete_endpoint(EndpointName=each.name)
        eventually(lambda name=each.name: read_count(name) == 0, "to be gone")  # type: ignore[misc]
    counting.read()
    read = counting.counts
    assert [count for _, count in read[sleeper.name].counts] == [1, 1, 0, 2, 1, 0]
    assert [count for _, count in read[steady.name].counts] == [1, 1, 1, 1, 1, 0]
    until = START + timedelta(hours=1)
    # The readings of the two alternate, ten seconds apart.
    assert instance_seconds(read[sleeper.name].counts, until) == 10 + 20 * (1 + 0 + 2 + 1)
    assert instance_seconds(read[steady.name].counts, until) == 20 + 20 * 4
    assert read[steady.name].readings == 5
    assert read[sleeper.name].unread(until) == ""
    assert said == []


def test_a_count_that_is_denied_is_said_once_and_fails_nothing(plan: RunPlan, local_aws_faults: Faults) -> None:
    counting, said = counter()
    asked = deployed(plan)
    followed(counting, asked)
    local_aws_faults.add(DENIED)
    counting.read()
    counting.read()
    assert len(said) == 1
    assert f"the instances of {asked.name} could not be counted" in said[0]
    read = counting.counts[asked.name]
    assert (read.readings, "sagemaker:DescribeEndpoint" in read.fault) == (0, True)
    assert read.unread(START + timedelta(days=9999)) == read.fault
    local_aws_faults.clear()
    counting.read()
    assert counting.counts[asked.name].readings == 1


def test_an_answer_that_nobody_expects_fails_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    counting, said = counter()
    followed(counting, endpoint("async"))
    monkeypatch.setattr(instance_counts, "describe", lambda name: {})
    counting.read()
    assert len(said) == 1
    assert counting.counts["stygig-async-1"].fault


def test_readings_go_on_in_a_thread_until_it_is_stopped(plan: RunPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance_counts, "READING_SECONDS", 0.01)
    counting, said = counter()
    asked = deployed(plan)
    counting.watch([asked])
    eventually(lambda: counting.counts[asked.name].readings >= 3, "to be read three times")
    counting.stop()
    assert counting.thread
    assert not counting.thread.is_alive()
    assert {count for _, count in counting.counts[asked.name].counts} == {1}
    assert said == []


def test_a_counter_that_watched_nothing_stops() -> None:
    counting, _ = counter()
    counting.stop()
    counting.read()
    assert counting.counts == {}


def test_the_last_reading_is_made_after_the_body_and_not_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    monkeypatch.setattr(instance_counts, "run_logger", lambda: logging.getLogger("run"))
    monkeypatch.setattr(instance_counts, "read_count", lambda name, before: looks.append(name))

    def run(fails: bool) -> None:
        with instance_counts.instances_counted() as counting:
            followed(counting, endpoint("async"))
            if fails:
                raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        run(fails=True)
    assert looks == []
    run(fails=False)
    assert looks == ["stygig-async-1"]
