"""The last lines of an endpoint's log."""

import time

import boto3
import pytest

from localaws import LocalAws
from tasks.monitoring import last_log_lines, log_group

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
