"""Waiting for asynchronous answers: one test for each way in which a request, or the wait, can end."""

import hashlib
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from localaws.faults import Faults, MissingKeyForbidden
from tasks.deadline import Deadline
from tasks.errors import DeadlineExceededError, PermissionDeniedError, ServiceUnreachableError
from tasks.exchange.recommendations import NOT_A_PICTURE, picture_request
from tasks.hosting.deploying import start_endpoint
from tasks.hosting.endpoint import EndpointSpec
from tasks.hosting.notifications import Topics, create_messaging
from tasks.invoking.answer import Answer
from tasks.invoking.endings import failure_text, read_answer
from tasks.invoking.invocation import submit_all
from tasks.invoking.records import InvocationRecord
from tasks.invoking.waiting import Wait
from tasks.names import S3Location
from tasks.pictures.queries import Picture
from tasks.plan import RunPlan
from tasks.storage import upload
from tests.tasks.deployed import (
    ANSWER,
    BUCKET,
    LOADS_WHEN_TOLD,
    Clock,
    deployed,
    picture_bytes,
    put_model,
)

NOW = datetime.now(UTC)
NOT_AN_IMAGE = b'{"error": {"code": "not_an_image", "message": "no picture"}}'


def record(number: int = 1, **changed: Any) -> InvocationRecord:
    made = InvocationRecord(
        request=f"{number}.jpg",
        inference_id=f"id-{number}",
        input_sha256="",
        input_location=f"s3://{BUCKET}/in/{number}",
        output_location=f"s3://{BUCKET}/out/{number}.out",
        failure_location=f"s3://{BUCKET}/failed/{number}-error.out",
        submitted_at=NOW,
        submit_ms=1.0,
        give_up_at=NOW + timedelta(hours=1),
    )
    return replace(made, **changed)


def put(location: str, content: bytes = b"{}") -> None:
    upload(content, S3Location.parse(location))


def tell(topic_arn: str, number: int = 1, **said: Any) -> None:
    """Publishes what SageMaker would."""
    message = {
        "eventTime": "2026-11-22T03:00:02.500Z",
        "receivedTime": "2026-11-22T03:00:01.000Z",
        "invocationStatus": "Completed",
        "inferenceId": f"id-{number}",
        "eventName": "InferenceResult",
    }
    boto3.client("sns").publish(TopicArn=topic_arn, Message=json.dumps(message | said))


def wait_in_s3(*records: InvocationRecord, limit: float = 60, endpoint: str = "gone") -> Wait:
    return Wait(records, endpoint, "", Clock().deadline(limit))


@pytest.fixture
def topics(plan: RunPlan) -> Topics:
    return create_messaging(plan)


@pytest.fixture
def starting(plan: RunPlan) -> str:
    """An endpoint that exists and doesn't answer yet."""
    return start_endpoint(plan, EndpointSpec("async", put_model(LOADS_WHEN_TOLD)), None).name


def test_a_request_ends_by_its_notification_without_a_look_into_s3(topics: Topics) -> None:
    tell(topics.success_arn)
    (ended,) = Wait([record()], "gone", topics.queue_url, Deadline(10)).run()
    assert (ended.state, ended.notified) == ("completed", True)
    assert ended.received_at == datetime(2026, 11, 22, 3, 0, 1, tzinfo=UTC)
    assert ended.completed_at == datetime(2026, 11, 22, 3, 0, 2, 500_000, UTC)


def test_a_failed_notification_says_why_and_the_failure_object_says_more(topics: Topics) -> None:
    put(record().failure_location, NOT_AN_IMAGE)
    tell(topics.error_arn, invocationStatus="Failed", failureReason="client error (400)")
    (ended,) = Wait([record()], "gone", topics.queue_url, Deadline(10)).run()
    assert (ended.state, ended.failure_reason) == ("failed", "client error (400)")
    assert ended.failure_object == "not_an_image: no picture"


def test_a_failed_notification_without_an_object_is_a_failure_too(topics: Topics) -> None:
    tell(topics.error_arn, invocationStatus="Failed", failureReason="the input is not there")
    (ended,) = Wait([record()], "gone", topics.queue_url, Deadline(10)).run()
    assert (ended.state, ended.failure_reason, ended.failure_object) == ("failed", "the input is not there", "")


def test_a_duplicate_notification_changes_nothing(topics: Topics) -> None:
    wait = Wait([record()], "gone", topics.queue_url, Deadline(10))
    tell(topics.success_arn)
    wait.listen(1)
    once = wait.records["id-1"]
    later = "2026-11-22T09:00:00.000Z"
    tell(topics.success_arn, eventTime=later)
    tell(topics.error_arn, eventTime=later, invocationStatus="Failed", failureReason="a late liar")
    wait.listen(1)
    assert once.state == "completed"
    assert wait.records == {"id-1": once}


def test_somebody_elses_notification_changes_nothing(topics: Topics) -> None:
    tell(topics.success_arn, number=99)
    boto3.client("sns").publish(TopicArn=topics.success_arn, Message="not even JSON")
    wait = Wait([record()], "gone", topics.queue_url, Deadline(10))
    wait.listen(1)
    assert wait.pending == [record()]


def test_a_lost_notification_is_found_in_s3(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.invoking.waiting.LATE_NOTIFICATION_SECONDS", 0.2)
    put(record().output_location)
    (ended,) = Wait([record()], "gone", topics.queue_url, Deadline(10)).run()
    assert (ended.state, ended.notified) == ("completed", False)


def test_a_late_notification_is_listened_for(topics: Topics) -> None:
    put(record().output_location)
    wait = Wait([record()], "gone", topics.queue_url, Deadline(10))
    wait.look_in_s3()
    assert wait.pending == []
    tell(topics.success_arn)
    (ended,) = wait.run()
    assert ended.notified
    assert ended.completed_at


def test_the_handlers_error_is_read_from_its_failure_object() -> None:
    assert failure_text(NOT_AN_IMAGE) == "not_an_image: no picture"


@pytest.mark.parametrize("content", [b"Traceback: boom", b"[]", b"null", b'{"error": "text"}', b'{"code": 500}'])
def test_a_failure_object_that_is_not_ours_is_shown_as_it_is(content: bytes) -> None:
    assert failure_text(content) == content.decode()


def test_a_long_failure_object_is_cut() -> None:
    assert failure_text(b"x" * 10_000) == "x" * 300


def test_objects_in_s3_end_a_batch_with_one_listing_each(plan: RunPlan) -> None:
    for number in (1, 2):
        put(record(number).output_location)
    put(record(3).failure_location, NOT_AN_IMAGE)
    told: list[tuple[int, int]] = []
    wait = Wait([record(n) for n in (1, 2, 3)], "gone", "", Clock().deadline(60), lambda *seen: told.append(seen))
    ended = wait.run()
    assert [each.state for each in ended] == ["completed", "completed", "failed"]
    assert [each.request for each in ended] == ["1.jpg", "2.jpg", "3.jpg"]
    assert ended[2].failure_reason == "not_an_image: no picture"
    assert all(each.seen_at for each in ended)
    assert told == [(3, 3)]


def test_objects_of_a_like_name_end_nothing(plan: RunPlan, starting: str) -> None:
    put(record(1).output_location + ".metadata")
    put(record(10).output_location)
    with pytest.raises(DeadlineExceededError):
        wait_in_s3(record(1), endpoint=starting, limit=5).run()


def test_locations_in_several_buckets_and_in_the_https_form_are_looked_for(plan: RunPlan) -> None:
    boto3.client("s3").create_bucket(Bucket="another-bucket")
    put("s3://another-bucket/out/2.out")
    put(record(1).output_location)
    over_https = f"https://{BUCKET}.s3.us-east-1.amazonaws.com/out/1.out"
    first, second = record(1, output_location=over_https), record(2, output_location="s3://another-bucket/out/2.out")
    assert [each.state for each in wait_in_s3(first, second).run()] == ["completed", "completed"]


def test_a_request_without_a_failure_location_can_still_complete(plan: RunPlan) -> None:
    put(record().output_location)
    (ended,) = wait_in_s3(record(failure_location="")).run()
    assert ended.state == "completed"


def test_requests_are_lost_with_their_endpoint(plan: RunPlan) -> None:
    put(record(1).output_location)
    answered, lost = wait_in_s3(record(1), record(2)).run()
    assert answered.state == "completed"
    assert (lost.state, lost.failure_reason) == ("lost", "endpoint gone is gone")


def test_an_answer_that_came_before_the_endpoint_went_is_not_lost(plan: RunPlan) -> None:
    put(record().output_location)
    wait = wait_in_s3(record())
    wait.look_at_the_endpoint()
    assert wait.records["id-1"].state == "completed"


def test_a_request_expires_by_its_own_time(plan: RunPlan, starting: str) -> None:
    late = record(1, give_up_at=NOW - timedelta(seconds=1))
    (ended,) = wait_in_s3(late, endpoint=starting).run()
    assert (ended.state, ended.failure_reason[:42]) == ("expired", "neither an output nor a failure within TTL")


def test_an_answer_that_came_just_before_the_expiry_counts(plan: RunPlan) -> None:
    late = record(1, give_up_at=NOW - timedelta(seconds=1))
    put(late.output_location)
    wait = wait_in_s3(late)
    wait.give_up_on_the_expired()
    assert wait.records["id-1"].state == "completed"


def test_a_wait_that_gives_up_says_how_many_are_missing_and_where_to_look(plan: RunPlan, starting: str) -> None:
    put(record(1).output_location)
    with pytest.raises(
        DeadlineExceededError,
        match=r"3 asynchronous .* of 30 s: 2 have not ended, the oldest id-2\. `stygig diagnose id-2` says why",
    ):
        wait_in_s3(record(1), record(2), record(3), endpoint=starting, limit=30).run()


def test_a_refused_listing_is_told_at_once_and_not_as_a_time_out(
    plan: RunPlan, only_allowed: Callable[..., None]
) -> None:
    only_allowed("s3:GetObject")
    with pytest.raises(PermissionDeniedError, match=rf"s3:ListBucket on s3://{BUCKET}/out/ was denied"):
        wait_in_s3(*(record(number) for number in range(1, 6))).run()


def test_a_missing_key_that_may_not_be_seen_is_told_at_once_and_not_as_a_time_out(
    plan: RunPlan, local_aws_faults: Faults
) -> None:
    local_aws_faults.add(MissingKeyForbidden(bucket=BUCKET))
    with pytest.raises(PermissionDeniedError, match=r"s3:ListBucket, without which a missing key answers 403"):
        wait_in_s3(record()).run()


def test_without_a_queue_an_answer_is_seen_within_a_second_for_ten_minutes_and_then_within_fifteen(
    plan: RunPlan, starting: str
) -> None:
    clock, looked = Clock(), list[float]()
    wait = Wait([record()], starting, "", clock.deadline(900))
    look_in_s3 = wait.look_in_s3

    def look() -> None:
        looked.append(clock.now - 1000)
        look_in_s3()

    wait.look_in_s3 = look  # type: ignore[method-assign]
    with pytest.raises(DeadlineExceededError):
        wait.run()
    pauses = [(at, later - at) for at, later in itertools.pairwise(looked)]
    assert max(pause for at, pause in pauses if at < 599) < 1.1
    assert max(pause for at, pause in pauses if at > 600) > 5
    assert max(pause for _, pause in pauses) < 16


def test_a_wait_that_gives_up_says_how_to_go_on(plan: RunPlan, starting: str) -> None:
    with pytest.raises(DeadlineExceededError, match="`stygig wait id-1` goes on waiting") as gave_up:
        wait_in_s3(record(), endpoint=starting, limit=5).run()
    assert gave_up.value.exit_status == 4


def test_a_failure_object_is_found_by_the_first_look_at_it(plan: RunPlan) -> None:
    put(record().failure_location, NOT_AN_IMAGE)
    wait = wait_in_s3(record())
    (ended,) = wait.run()
    assert (ended.state, wait.looks) == ("failed", 1)


def test_an_empty_batch_has_ended() -> None:
    assert wait_in_s3().run() == []


def test_an_answer_is_read_with_its_time_from_submission_to_sight(plan: RunPlan) -> None:
    seen = replace(record(), state="completed", seen_at=NOW + timedelta(milliseconds=1500))
    content = json.dumps(ANSWER.to_json()).encode()
    put(seen.output_location, content)
    answer, read = read_answer(seen, "recommendations")
    assert answer == Answer("1.jpg", ANSWER, None, 1500.0)
    assert read == replace(seen, output_sha256=hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"state": "failed", "failure_object": "not_an_image: x", "failure_reason": "y"}, "failed: not_an_image: x"),
        ({"state": "failed", "failure_reason": "client error (400)"}, "failed: client error (400)"),
        ({"state": "lost", "failure_reason": "endpoint mine is gone"}, "lost: endpoint mine is gone"),
    ],
)
def test_what_did_not_complete_is_an_error_that_says_how_it_ended(changed: dict[str, Any], error: str) -> None:
    assert read_answer(record(1, **changed), "recommendations")[0].error == error


def test_a_batch_goes_the_whole_way_through_an_endpoint(plan: RunPlan, topics: Topics) -> None:
    endpoint = deployed(plan, topics=topics)
    pictures = [picture_request(Picture(f"{colour}.jpg", picture_bytes(colour)), 5) for colour in ("red", "blue")]
    records = submit_all(plan, endpoint.name, [*pictures, NOT_A_PICTURE])
    red, blue, failed = Wait(records, endpoint.name, topics.queue_url, Deadline(60)).run()
    assert [read_answer(each, "recommendations")[0].response for each in (red, blue)] == [ANSWER, ANSWER]
    assert (failed.state, failed.failure_object) == ("failed", "not_an_image: The body is no picture.")
    assert all(each.notified and each.completed_at for each in (red, blue, failed))


def test_a_connection_that_is_lost_for_a_while_does_not_end_the_wait(
    plan: RunPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(record().output_location)
    looks, look = itertools.count(), Wait._look

    def silent_twice(wait: Wait) -> None:
        if next(looks) < 2:
            raise ServiceUnreachableError("no answer")
        look(wait)

    monkeypatch.setattr(Wait, "_look", silent_twice)
    (ended,) = wait_in_s3(record()).run()
    assert ended.state == "completed"


def test_a_silent_queue_does_not_keep_the_wait_from_s3(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(queue_url: str, wait_seconds: int) -> list[object]:
        raise ServiceUnreachableError("no answer")

    monkeypatch.setattr("tasks.invoking.waiting.receive", silent)
    put(record().output_location)
    (ended,) = Wait([record()], "gone", topics.queue_url, Deadline(900)).run()
    assert (ended.state, ended.notified) == ("completed", False)


def test_a_long_silence_is_told_as_what_it_is_and_not_as_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(locations: object) -> set[str]:
        raise ServiceUnreachableError("no answer")

    monkeypatch.setattr("tasks.invoking.waiting.present", silent)
    with pytest.raises(ServiceUnreachableError, match="no answer"):
        wait_in_s3(record(), limit=3600).run()
