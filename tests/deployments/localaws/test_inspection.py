from __future__ import annotations

import json
import math
from http.client import HTTPConnection
from typing import Any

import boto3
import pytest

from localaws import LocalAws, faults
from localaws.faults import WorkerKilled
from localaws.faults.as_json import FAULT_KINDS
from tests.deployments.localaws.cloud import FOREVER, STANDING, Cloud, eventually


def ask(aws: LocalAws, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
    """The status and body of an answer, of any method and with any headers."""
    connection = HTTPConnection("127.0.0.1", aws.port)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def journal(aws: LocalAws, query: str) -> list[dict[str, Any]]:
    status, text = ask(aws, "GET", f"/_localaws/journal?{query}")
    assert status == 200
    return [json.loads(line) for line in text.splitlines()]


def test_the_journal_is_read_by_event_and_field_and_followed_by_number(aws: LocalAws) -> None:
    aws.journal.record("async.accepted", endpoint="a")
    aws.journal.record("invoke.answered", endpoint="a")
    aws.journal.record("async.accepted", endpoint="b")
    first, second = journal(aws, "event=async")
    assert (first["event"], first["endpoint"], second["endpoint"]) == ("async.accepted", "a", "b")
    assert [entry["endpoint"] for entry in journal(aws, "event=async&endpoint=b")] == ["b"]
    assert journal(aws, f"event=async&after={first['number']}") == [second]
    assert journal(aws, f"after={second['number']}") == []
    assert journal(aws, "self=1") == []


def test_the_status_tells_endpoints_instances_queues_and_failures(cloud: Cloud) -> None:
    cloud.model()
    cloud.async_config()
    cloud.endpoint()
    cloud.invoke_async({"boom": 1})
    eventually(lambda: cloud.aws.journal.entries("async.failed") or None)
    cloud.invoke_async(FOREVER)
    cloud.in_hand()
    found = json.loads(ask(cloud.aws, "GET", "/_localaws/status")[1])
    assert found["clock"]["rate"] == 1
    [endpoint] = found["endpoints"]
    assert (endpoint["name"], endpoint["kind"], endpoint["status"]) == ("endpoint", "async", "InService")
    assert endpoint["invocations"] == {"accepted": 2, "completed": 0, "failed": 1, "expired": 0, "dropped": 0}
    [instance] = endpoint["instances"]
    assert (instance["state"], instance["variant"]) == ("healthy", "AllTraffic")
    assert [instance["pid"]] == cloud.aws.worker_pids()
    assert 0 < instance["billed_seconds"] <= endpoint["billed_seconds"]["AllTraffic"]
    [failure] = found["failures"]
    assert failure["event"] == "async.failed"
    assert "server error (500)" in failure["reason"]


def test_what_waits_at_zero_instances_is_told_with_its_age(cloud: Cloud) -> None:
    cloud.model()
    cloud.async_config()
    cloud.endpoint()
    cloud.rescale(0)
    cloud.settle()
    cloud.aws.clock.rate = STANDING
    cloud.invoke_async({})
    cloud.aws.advance(90)
    [endpoint] = cloud.status()["endpoints"]
    assert (endpoint["queue"]["waiting"], endpoint["queue"]["processing"]) == (1, 0)
    assert endpoint["queue"]["oldest_age_seconds"] == pytest.approx(90, abs=1)


def test_faults_are_set_listed_and_cleared_over_http(aws: LocalAws) -> None:
    status, text = ask(aws, "POST", "/_localaws/faults", {"kind": "WorkerKilled", "endpoint": "mine", "times": 2})
    added = json.loads(text)
    assert status == 201
    assert [active.fault for active in aws.faults.active()] == [WorkerKilled(endpoint="mine", times=2)]
    listed = json.loads(ask(aws, "GET", "/_localaws/faults")[1])["faults"]
    assert listed == [added]
    assert (added["kind"], added["struck"], added["probability"]) == ("WorkerKilled", 0, 1.0)
    assert ask(aws, "DELETE", f"/_localaws/faults/{added['number']}")[0] == 204
    assert ask(aws, "DELETE", f"/_localaws/faults/{added['number']}")[0] == 404
    ask(aws, "POST", "/_localaws/faults", {"kind": "DiskFull"})
    assert ask(aws, "PUT", "/_localaws/faults", {"seed": 7})[0] == 204
    assert ask(aws, "DELETE", "/_localaws/faults")[0] == 204
    assert aws.faults.active() == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "Earthquake"}, "WorkerKilled"),
        ({"kind": "WorkerKilled", "endpont": "mine"}, "has no endpont"),
        ({"kind": "WorkerKilled", "times": 0}, "times=0"),
        ({"kind": "WorkerKilled", "times": "often"}, "times"),
        ({"kind": "WorkerKilled", "probability": 2}, "probability=2"),
        ({"kind": "SlowColdStart"}, "seconds"),
        ({"kind": "S3Fails", "code": "NoSuchKey"}, "InternalError"),
        (["WorkerKilled"], "object"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(aws: LocalAws, fault: Any, words: str) -> None:
    status, text = ask(aws, "POST", "/_localaws/faults", fault)
    assert status == 400
    assert words in json.loads(text)["message"]
    assert aws.faults.active() == []


def test_every_kind_of_fault_can_be_set_over_http() -> None:
    kinds = {kind for kind in vars(faults).values() if isinstance(kind, type) and issubclass(kind, faults.Fault)}
    assert set(FAULT_KINDS.values()) == {kind for kind in kinds if not kind.__subclasses__()}


def test_the_clock_is_set_over_http(aws: LocalAws) -> None:
    assert ask(aws, "PUT", "/_localaws/clock", {"rate": 7}) == (200, '{"rate": 7.0}')
    assert aws.clock.rate == 7
    for wrong in ({"rate": 0}, {"rate": "fast"}, {"rate": math.inf}, {}, None):
        assert ask(aws, "PUT", "/_localaws/clock", wrong)[0] == 400
    assert aws.clock.rate == 7


def test_what_does_not_exist_is_404(aws: LocalAws) -> None:
    for method, path in (
        ("GET", "/_localaws/nothing"),
        ("POST", "/_localaws/status"),
        ("DELETE", "/_localaws/faults/x"),
    ):
        assert ask(aws, method, path)[0] == 404


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "127.9.9.9:80", "[::1]:4577"])
def test_loopback_names_are_answered(aws: LocalAws, host: str) -> None:
    assert ask(aws, "GET", "/_localaws/status", Host=host)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:4577"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "192.0.2.1"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_web_page_which_names_loopback_its_own_is_refused(aws: LocalAws, headers: dict[str, str]) -> None:
    aws.journal.record("before")
    for method, path in (
        ("GET", "/_localaws/journal"),
        ("POST", "/moto-api/reset"),
        ("POST", "/_localaws/faults"),
        ("OPTIONS", "/"),  # a browser asks this before it sends an AWS call
        ("PUT", "/bucket"),
    ):
        status, text = ask(aws, method, path, {"kind": "DiskFull"}, **headers)
        assert status == 403
        assert "loopback" in json.loads(text)["message"]
    assert aws.journal.count("before") == 1
    assert aws.faults.active() == []
    assert boto3.client("s3").list_buckets()["Buckets"] == []


def test_a_picture_in_a_web_page_resets_nothing(aws: LocalAws) -> None:
    aws.journal.record("before")
    assert ask(aws, "GET", "/moto-api/reset")[0] >= 400
    assert aws.journal.count("before") == 1


def test_a_reset_over_http_also_takes_the_faults_away(aws: LocalAws) -> None:
    aws.faults.add(WorkerKilled())
    assert ask(aws, "POST", "/moto-api/reset") == (200, '{"status": "ok"}')
    assert aws.faults.active() == []
