"""Sending: the same bytes to both endpoints, one record per request."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from tasks.deadline import Deadline
from tasks.errors import InvocationFailedError, NotFoundError, StygigError
from tasks.exchange.recommendations import NOT_A_PICTURE, payload, picture_request
from tasks.invoking.answer import parsed_answer
from tasks.invoking.invocation import (
    invoke_real_time,
    submit,
    submit_all,
    warm_up,
)
from tasks.invoking.records import InvocationRecord, find_record, load_records, save_record, save_records
from tasks.pictures.queries import Picture
from tasks.plan import RunPlan
from tests.tasks.deployed import ANSWER, BUCKET, RUN_ID, Clock, deployed, picture_bytes

RED_PICTURE = Picture("red.jpg", picture_bytes("red"))
RED = picture_request(RED_PICTURE, 5)
ECHO = "def model_fn(d): pass\ndef input_fn(b, t): return b\ndef predict_fn(a, m): return a\n"
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
RECORD = InvocationRecord(
    request="red.jpg",
    inference_id="id-1",
    input_sha256=RED.sha256,
    input_location="s3://bucket/in",
    output_location="s3://bucket/out",
    failure_location="s3://bucket/failed",
    submitted_at=NOW,
    submit_ms=12.5,
    give_up_at=NOW + timedelta(hours=1),
)


def test_the_payload_is_the_picture_in_base64_and_how_many_are_wanted() -> None:
    read = json.loads(picture_request(RED_PICTURE, 7).body)
    assert base64.b64decode(read.pop("image")) == RED_PICTURE.content
    assert read == {"top_k": 7}


def test_the_same_picture_makes_the_same_bytes() -> None:
    other = picture_request(Picture("other name", RED_PICTURE.content), 5)
    assert RED.body == other.body == payload(RED_PICTURE.content, 5)


@pytest.mark.parametrize("state", ["completed", "failed", "expired", "lost"])
def test_a_record_has_ended_in_every_state_but_the_first(state: str) -> None:
    assert not RECORD.ended
    assert replace(RECORD, state=state).ended  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        replace(RECORD, state="failed", failure_reason="why", failure_object="not_an_image: …", notified=True),
        replace(RECORD, state="completed", received_at=NOW, completed_at=NOW, seen_at=NOW + timedelta(seconds=1)),
    ],
)
def test_a_record_survives_json(record: InvocationRecord) -> None:
    assert InvocationRecord.from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_records_are_saved_for_another_process_to_wait_on(plan: RunPlan) -> None:
    records = [RECORD, replace(RECORD, inference_id="id-2", state="completed", seen_at=NOW)]
    save_records(plan, records)
    assert load_records(plan.names) == records
    assert boto3.client("s3").head_object(Bucket=BUCKET, Key=f"runs/{RUN_ID}/invocations.jsonl")


def test_a_run_that_saved_no_records_is_named(plan: RunPlan) -> None:
    with pytest.raises(NotFoundError, match=rf"runs/{RUN_ID}/invocations\.jsonl does not exist"):
        load_records(plan.names)


def test_a_record_is_found_by_its_inference_id_however_it_was_kept(plan: RunPlan) -> None:
    by_hand, in_a_batch = replace(RECORD, inference_id="alone"), replace(RECORD, inference_id="together")
    save_record(plan.names, by_hand)
    other = replace(plan, run_id="another")
    save_records(other, [RECORD, in_a_batch])
    assert find_record(BUCKET, "alone") == (plan.names, by_hand)
    assert find_record(BUCKET, "together") == (other.names, in_a_batch)
    with pytest.raises(NotFoundError, match="has a record of inference absent"):
        find_record(BUCKET, "absent")


@pytest.mark.parametrize("content", [b"<html>", b"", b"[]", b"null", b'{"schema_version": 1}', b"\xff\xfe"])
def test_what_is_no_answer_of_the_contract_is_an_error_that_shows_it(content: bytes) -> None:
    answer = parsed_answer("red.jpg", content, "application/json", "recommendations", 1.0)
    assert answer.response is None
    assert answer.error
    assert answer.error.startswith("an answer that can't be read: ")
    assert repr(content[:200]) in answer.error


def test_both_endpoints_get_the_same_bytes_and_give_the_same_answer(plan: RunPlan) -> None:
    baseline = deployed(plan, "real-time")
    answer = invoke_real_time(baseline.name, RED, "recommendations")
    assert (answer.request, answer.error) == ("red.jpg", None)
    assert answer.response == ANSWER
    assert answer.latency_ms > 0
    refused = invoke_real_time(baseline.name, NOT_A_PICTURE, "recommendations")
    assert refused.response is None
    assert "(400)" in str(refused.error)
    assert warm_up(baseline.name, RED, Deadline(5)) > 0
    clock = Clock()
    with pytest.raises(
        InvocationFailedError, match=r"InService and answers \(deliberate failure\) .* with 400: .*refused"
    ):
        warm_up(baseline.name, NOT_A_PICTURE, clock.deadline(3))
    assert clock.sleeps == []


def test_an_endpoint_that_does_not_answer_is_asked_again_and_says_so(plan: RunPlan) -> None:
    broken = deployed(plan, "real-time", handler="def model_fn(d): pass\ndef input_fn(b, t): raise OSError('no disk')")
    clock, told = Clock(), list[str]()
    with pytest.raises(
        InvocationFailedError, match=r"(?s)is InService but does not answer: .*no disk.*aws logs filter-log-events"
    ):
        warm_up(broken.name, RED, clock.deadline(3), told.append)
    assert len(clock.sleeps) == 2, "the same error of its own three times is no start"
    assert all("does not answer yet: Received server error (500)" in each for each in told)


def test_any_answer_shows_that_an_endpoint_answers(plan: RunPlan) -> None:
    odd = deployed(plan, "real-time", handler=f"{ECHO}def output_fn(answer, accept): return b'\\xff', 'text/plain'\n")
    assert warm_up(odd.name, RED, Clock().deadline(3)) > 0


def test_a_submission_says_where_its_endings_will_be_and_when_to_give_up(plan: RunPlan) -> None:
    endpoint = deployed(plan)
    first, second = submit_all(plan, endpoint.name, [RED, NOT_A_PICTURE])
    assert (first.request, second.request) == (RED.name, NOT_A_PICTURE.name)
    assert first.inference_id != second.inference_id
    assert first.output_location.startswith(f"s3://{BUCKET}/runs/{RUN_ID}/output/")
    assert first.failure_location.startswith(f"s3://{BUCKET}/runs/{RUN_ID}/failure/")
    key = first.input_location.removeprefix(f"s3://{BUCKET}/")
    sent = boto3.client("s3").get_object(Bucket=BUCKET, Key=key)
    assert (sent["Body"].read(), sent["ContentType"]) == (RED.body, "application/json")
    settings = plan.settings
    longest = settings.request_ttl_seconds + settings.invocation_timeout_seconds
    assert first.give_up_at - first.submitted_at > timedelta(seconds=longest)
    assert (first.state, first.notified, first.input_sha256) == ("submitted", False, RED.sha256)


def test_sending_to_an_endpoint_that_is_not_there_names_it(plan: RunPlan) -> None:
    with pytest.raises(NotFoundError, match=r"sagemaker:InvokeEndpointAsync on absent"):
        submit(plan, "absent", RED)
    with pytest.raises(StygigError, match=r"sagemaker:InvokeEndpoint on absent"):
        invoke_real_time("absent", RED, 5)
