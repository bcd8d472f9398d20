"""The last lines of an endpoint's log."""

import json
import time
from datetime import UTC, datetime

import boto3
import pytest

from localaws import LocalAws
from tasks.hosting.container_log import LogEntry, last_log_lines, log_group, logged

NOW_MS = int(time.time() * 1000)


@pytest.fixture
def streams(local_aws: LocalAws) -> None:
    """Two instances' streams; the second began later."""
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName=log_group("mine"))
    for number in (1, 2):
        stream = {"logGroupName": log_group("mine"), "logStreamName": f"AllTraffic/i-{number}"}
        logs.create_log_stream(**stream)
        events = [{"timestamp": NOW_MS + 1000 * number + n, "message": f"{number}-{n}\n"} for n in range(3)]
        logs.put_log_events(**stream, logEvents=events)


@pytest.mark.usefixtures("streams")
def test_the_lines_of_all_streams_come_oldest_first() -> None:
    assert last_log_lines("mine") == ["1-0", "1-1", "1-2", "2-0", "2-1", "2-2"]


@pytest.mark.usefixtures("streams")
def test_of_many_lines_the_last_are_kept() -> None:
    assert last_log_lines("mine", 2) == ["2-1", "2-2"]


def test_an_endpoint_that_never_logged_has_no_lines(local_aws: LocalAws) -> None:
    assert last_log_lines("absent") == []


@pytest.mark.usefixtures("streams")
def test_events_of_all_streams_come_oldest_first_and_others_are_passed_over() -> None:
    logs, since = boto3.client("logs"), datetime.fromtimestamp(NOW_MS / 1000, UTC)
    for number in (2, 1):
        starts = {"event": "cold_start", "worker": number}
        lines = [json.dumps(starts), json.dumps({"event": "request", "of": "cold_start"}), "cold_start {"]
        logs.put_log_events(
            logGroupName=log_group("mine"),
            logStreamName=f"AllTraffic/i-{number}",
            logEvents=[{"timestamp": NOW_MS + 5000 + number, "message": line} for line in lines],
        )
    found = logged("mine", "cold_start", since)
    assert [entry.fields["worker"] for entry in found] == [1, 2]
    assert found[0] == LogEntry(
        datetime.fromtimestamp((NOW_MS + 5001) / 1000, UTC), {"event": "cold_start", "worker": 1}
    )
    assert logged("mine", "cold_start", datetime.fromtimestamp((NOW_MS + 6000) / 1000, UTC)) == []


def test_an_endpoint_that_never_logged_has_no_events(local_aws: LocalAws) -> None:
    assert logged("absent", "cold_start", datetime.now(UTC)) == []
