from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from localaws import LocalAws
from localaws.journal import Journal
from tests.deployments.localaws.cloud import BUCKET, FOREVER, Cloud, eventually

ENDINGS = ("async.completed", "async.failed", "async.expired", "async.dropped")


def test_entries_are_numbered_in_order_and_found_by_event_and_field() -> None:
    journal = Journal()
    journal.record("async.accepted", endpoint="a")
    journal.record("async.accepted", endpoint="b")
    journal.record("async.failed", endpoint="a", reason="boom")
    assert [(entry.number, entry.event) for entry in journal.entries("async", endpoint="a")] == [
        (1, "async.accepted"),
        (3, "async.failed"),
    ]
    assert [entry.number for entry in journal.entries("", 1)] == [2, 3]
    assert journal.entries("", 3) == []


def test_counts_and_numbers_survive_the_entries_they_count() -> None:
    journal = Journal(kept_entries=3)
    for number in range(10):
        journal.record("async.accepted", endpoint="even" if number % 2 == 0 else "odd")
    assert [entry.number for entry in journal] == [8, 9, 10]
    assert [entry.number for entry in journal.entries("", 4)] == [8, 9, 10]
    assert journal.count("async.accepted") == 10
    assert journal.count("async.accepted", endpoint="odd") == 5
    assert journal.count("async") == 0


def test_clearing_forgets_entries_and_counts_and_numbers_go_on() -> None:
    journal = Journal()
    journal.record("async.accepted", endpoint="a")
    journal.clear()
    journal.record("async.accepted", endpoint="a")
    assert journal.count("async.accepted", endpoint="a") == 1
    assert [entry.number for entry in journal] == [2]


def test_every_line_of_the_file_is_there_as_soon_as_it_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.record("async.accepted", endpoint="a")
    [line] = path.read_text().splitlines()
    assert json.loads(line).items() >= {"number": 1, "event": "async.accepted", "endpoint": "a"}.items()
    journal.close()
    journal.record("async.completed", endpoint="a")
    journal.close()
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [1, 2]


def test_threads_that_record_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    try:
        threads = [
            threading.Thread(target=lambda: [journal.record("e", endpoint="a") for _ in range(200)]) for _ in "12"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    journal.close()
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == list(range(1, 401))
    assert journal.count("e", endpoint="a") == 400


def balance(cloud: Cloud) -> dict[str, int]:
    """The number of accepted invocations by ending, once all have ended."""
    journal = cloud.aws.journal
    eventually(lambda: sum(map(journal.count, ENDINGS)) == journal.count("async.accepted") or None)
    return {event.removeprefix("async."): journal.count(event) for event in ENDINGS}


def test_every_accepted_invocation_ends_once_and_the_endings_add_up(cloud: Cloud) -> None:
    cloud.model()
    cloud.async_config(concurrency=2)
    cloud.endpoint()
    for request in ({"x": 1}, {"boom": 1}, {"exit": 1}):
        cloud.invoke_async(request)
        balance(cloud)  # the worker's death would fail whatever it has in hand
    cloud.runtime.invoke_endpoint_async(EndpointName="endpoint", InputLocation=f"s3://{BUCKET}/nothing")
    assert balance(cloud) == {"completed": 1, "failed": 3, "expired": 0, "dropped": 0}
    cloud.rescale(0)
    cloud.settle()
    cloud.invoke_async({"x": 1}, RequestTTLSeconds=60)
    cloud.aws.advance(60)
    assert balance(cloud)["expired"] == 1
    for _ in range(3):
        cloud.invoke_async({"x": 1})
    cloud.delete()
    assert balance(cloud) == {"completed": 1, "failed": 3, "expired": 1, "dropped": 3}
    ended = [entry.fields["inference_id"] for event in ENDINGS for entry in cloud.aws.journal.entries(event)]
    accepted = [entry.fields["inference_id"] for entry in cloud.aws.journal.entries("async.accepted")]
    assert sorted(ended) == sorted(accepted)
    for inference_id in accepted:
        events = [entry.event for entry in cloud.aws.journal if entry.fields.get("inference_id") == inference_id]
        assert events[0] == "async.accepted"


def test_an_invocation_ends_in_the_journal_even_if_the_embedded_aws_itself_fails(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.model()
    cloud.async_config()
    cloud.endpoint()

    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr("localaws.sagemaker.metrics.EndpointMetrics.milliseconds", broken)
        cloud.invoke_async({"x": 1})
        assert balance(cloud)["failed"] == 1
    [entry] = cloud.aws.journal.entries("async.failed")
    assert "a defect" in entry.fields["reason"]
    cloud.invoke_async({"x": 1})
    assert balance(cloud)["completed"] == 1


def test_stopping_ends_every_invocation_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    with LocalAws(journal_path=path) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        cloud = Cloud(aws)
        cloud.s3.create_bucket(Bucket=BUCKET)
        cloud.model()
        cloud.async_config(concurrency=1)
        cloud.endpoint()
        for _ in range(3):
            cloud.invoke_async(FOREVER)
        cloud.in_hand()
    counts = Counter(json.loads(line)["event"] for line in path.read_text().splitlines())
    assert (counts["async.accepted"], counts["async.failed"], counts["async.dropped"]) == (3, 1, 2)


def test_real_time_invocations_are_recorded_as_answered_or_failed(cloud: Cloud) -> None:
    cloud.model()
    cloud.config()
    cloud.endpoint()
    cloud.invoke({"x": 1})
    with pytest.raises(cloud.runtime.exceptions.ModelError):
        cloud.invoke({"boom": 1})
    journal = cloud.aws.journal
    assert [journal.count(f"invoke.{ending}", endpoint="endpoint") for ending in ("answered", "failed")] == [1, 1]
