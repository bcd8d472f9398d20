"""A faultless measurement, made up but complete, for the tests that judge and report one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.exchange.recommendations import NOT_A_PICTURE
from tasks.exchange.request import Request
from tasks.hosting.endpoint import Endpoint
from tasks.invoking.answer import Answer
from tasks.invoking.records import InvocationRecord
from tasks.verdict.measurement import Measurement, Refused
from tests.tasks.answers import answer
from tests.tasks.deployed import BUCKET

STARTED = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
NAMES = ("1.jpg", "2.jpg")
MODEL = f"s3://{BUCKET}/models/abc/model.tar.gz"
REFUSED = Answer(NOT_A_PICTURE.name, None, "Received client error (400) from primary", 8.0)


def record(picture: str, **changed: Any) -> InvocationRecord:
    made = InvocationRecord(
        request=picture,
        inference_id=f"id-{picture}",
        input_sha256="",
        input_location=f"s3://{BUCKET}/in",
        output_location=f"s3://{BUCKET}/out",
        failure_location=f"s3://{BUCKET}/failed",
        submitted_at=STARTED,
        submit_ms=20.0,
        give_up_at=STARTED + timedelta(hours=1),
        state="completed",
        notified=True,
        received_at=STARTED + timedelta(milliseconds=100),
        completed_at=STARTED + timedelta(milliseconds=900),
        seen_at=STARTED + timedelta(milliseconds=1100),
    )
    return replace(made, **changed)


FAILURE = record(NOT_A_PICTURE.name, state="failed", failure_object="not_an_image: The body is no picture.")


def endpoint(kind: Any, **changed: Any) -> Endpoint:
    made = Endpoint(
        kind=kind,
        name=f"stygig-{kind}-1",
        model_uri=MODEL,
        instance_type="ml.m5.large",
        asked_at=STARTED,
        cold_start_seconds=12.5,
    )
    return replace(made, **changed)


def refused(**changed: Any) -> list[Refused]:
    return [replace(Refused(NOT_A_PICTURE, REFUSED, FAILURE), **changed)]


def measured(**changed: Any) -> Measurement:
    given = {
        "baseline": endpoint("real-time"),
        "asynchronous": endpoint("async"),
        "requests": [Request(name, b"") for name in NAMES],
        "baseline_answers": [answer(name, 60.0) for name in NAMES],
        "async_answers": [answer(name, 1100.0) for name in NAMES],
        "records": [record(name) for name in NAMES],
        "refused": refused(),
        "listening": True,
    }
    return Measurement(**(given | changed))
