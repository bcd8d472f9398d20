"""The real artifact's answers to bad input on an asynchronous endpoint.

AWS's failureReason names only the status; the code is in the notification's responseBody and in the failure object.
"""

import base64
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from PIL import Image

from recommender.pictures.image import MAX_IMAGE_BYTES
from tasks.encoder.choice import EncoderChoice
from tasks.hosting.deploying import start_endpoint
from tasks.hosting.endpoint import Endpoint, EndpointSpec, wait_in_service
from tasks.hosting.notifications import create_messaging, queue_policy
from tasks.invoking.records import InvocationRecord
from tasks.invoking.waiting import Wait
from tasks.names import S3Location
from tasks.packaging.archive import write_tar_gz
from tasks.packaging.building import build
from tasks.packaging.catalogue import scan_catalogue
from tasks.plan import RunPlan
from tasks.storage import upload, upload_file
from tests.tasks.deployed import BUCKET, RUN_ID, hurried, picture_bytes, put_picture

JSON = "application/json"
PICTURE = picture_bytes("red", "PNG")
INPUTS = f"s3://{BUCKET}/runs/{RUN_ID}/input"


@dataclass(frozen=True)
class Bad:
    """One bad request, and how it must end."""

    body: bytes
    status: int
    code: str
    content_type: str = JSON
    accept: str = JSON


def asked(**fields: Any) -> bytes:
    return json.dumps({"image": base64.b64encode(PICTURE).decode(), **fields}).encode()


def picture(content: bytes) -> bytes:
    return asked(image=base64.b64encode(content).decode())


def bomb() -> bytes:
    """A few kilobytes that decode to 64 megapixels."""
    drawn = io.BytesIO()
    Image.new("1", (8_000, 8_000)).save(drawn, "PNG")
    return drawn.getvalue()


BAD = {
    "no picture": Bad(picture(b"nothing to see"), 400, "not_an_image"),
    "cut short": Bad(picture(PICTURE[: len(PICTURE) // 2]), 400, "broken_image"),
    "a decompression bomb": Bad(picture(bomb()), 413, "too_many_pixels"),
    "no bytes": Bad(picture(b""), 400, "empty_image"),
    "raw bytes, no picture": Bad(b"nothing to see", 400, "not_an_image", "image/jpeg"),
    "raw bytes, too many": Bad(bytes(MAX_IMAGE_BYTES + 1), 413, "image_too_large", "image/jpeg"),
    "JSON, too long": Bad(b" " * (MAX_IMAGE_BYTES * 3 // 2), 413, "request_too_large"),
    "base64 with junk": Bad(asked(image="data:image/png;base64,eA=="), 400, "invalid_base64"),
    "base64 of another type": Bad(asked(image=5), 400, "invalid_image"),
    "both pictures": Bad(asked(image_s3_uri=f"{INPUTS}/a.png"), 400, "image_required"),
    "neither picture": Bad(b"{}", 400, "image_required"),
    "no S3 URI": Bad(b'{"image_s3_uri": "https://host/a.png"}', 400, "invalid_image_s3_uri"),
    "outside the prefix": Bad(
        f'{{"image_s3_uri": "s3://{BUCKET}/other/a.png"}}'.encode(), 403, "image_s3_uri_not_allowed"
    ),
    "a foreign bucket": Bad(b'{"image_s3_uri": "s3://foreign/a.png"}', 403, "image_s3_uri_not_allowed"),
    "a missing key": Bad(f'{{"image_s3_uri": "{INPUTS}/none.png"}}'.encode(), 404, "image_s3_uri_not_found"),
    "a wrong type": Bad(asked(top_k="5"), 400, "invalid_top_k"),
    "out of range": Bad(asked(n_recommendations=51), 400, "invalid_top_k"),
    "a contradiction": Bad(asked(top_k=5, n_recommendations=6), 400, "conflicting_top_k"),
    "an unknown gender": Bad(asked(gender="Men"), 400, "invalid_gender"),
    "an unknown category": Bad(asked(category="shirt"), 400, "invalid_category"),
    "no flag": Bad(asked(include_embedding=1), 400, "invalid_include_embedding"),
    "an unknown field": Bad(asked(unheard_of=0.5), 400, "unknown_field"),
    "no object": Bad(b"[]", 400, "invalid_request"),
    "no JSON": Bad(b"{", 400, "malformed_json"),
    "NaN": Bad(b'{"top_k": NaN}', 400, "malformed_json"),
    "an unknown content type": Bad(PICTURE, 415, "unsupported_content_type", "text/plain"),
    "not UTF-8": Bad(b'{"image": "\xff"}', 400, "malformed_json", JSON),
    "another charset": Bad(asked(), 415, "unsupported_content_type", f"{JSON}; charset=utf-16"),
    "an unknown accept": Bad(asked(), 406, "not_acceptable", accept="text/csv"),
}


@pytest.fixture
def endpoint(plan: RunPlan, tmp_path: Path) -> Endpoint:
    """A real artifact with a catalogue of one garment, behind an asynchronous endpoint with topics."""
    put_picture(tmp_path / "catalogue" / "pants" / "1.jpg", "navy")
    build(scan_catalogue(tmp_path / "catalogue"), EncoderChoice("demo"), tmp_path / "stage", lambda line: None)
    write_tar_gz(tmp_path / "stage", tmp_path / "model.tar.gz")
    uri = upload_file(tmp_path / "model.tar.gz", S3Location(BUCKET, "models/real/model.tar.gz"))
    asked_for = start_endpoint(plan, EndpointSpec("async", uri), create_messaging(plan))
    return wait_in_service([asked_for], hurried(60))[0]


def submitted(endpoint: Endpoint, name: str, bad: Bad) -> InvocationRecord:
    location, now = f"{INPUTS}/{name.replace(' ', '-')}", datetime.now(UTC)
    upload(bad.body, S3Location.parse(location))
    answer = boto3.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=endpoint.name, InputLocation=location, ContentType=bad.content_type, Accept=bad.accept
    )
    return InvocationRecord(
        request=name,
        inference_id=answer["InferenceId"],
        input_sha256="",
        input_location=location,
        output_location=answer["OutputLocation"],
        failure_location=answer["FailureLocation"],
        submitted_at=now,
        submit_ms=0.0,
        give_up_at=now + timedelta(minutes=5),
    )


def second_queue(plan: RunPlan, topic_arn: str) -> str:
    """The URL of a second queue on a topic, for the test alone: the wait deletes what it has read from the first."""
    arn = plan.arn("sqs", "seen-by-the-test")
    policy = json.dumps(queue_policy(arn, {topic_arn}))
    url = boto3.client("sqs").create_queue(QueueName="seen-by-the-test", Attributes={"Policy": policy})["QueueUrl"]
    boto3.client("sns").subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )
    return str(url)


def codes_notified(queue_url: str) -> dict[str, str]:
    """The code in each notification's responseBody, by inference id."""
    codes: dict[str, str] = {}
    receive = boto3.client("sqs").receive_message
    while found := receive(QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=600).get("Messages"):
        for each in found:
            message = json.loads(each["Body"])
            body = json.loads(base64.b64decode(message["responseBody"]["content"]))
            codes[message["inferenceId"]] = body["error"]["code"]
    return codes


def test_bad_input_ends_as_a_failure_object_and_a_notification_with_its_code(plan: RunPlan, endpoint: Endpoint) -> None:
    assert endpoint.topics
    seen = second_queue(plan, endpoint.topics.error_arn)
    requests = BAD | {"a good one, last": Bad(asked(), 200, "")}
    records = [submitted(endpoint, name, bad) for name, bad in requests.items()]
    ended = Wait(records, endpoint.name, endpoint.topics.queue_url, hurried()).run()
    *failed, good = sorted(ended, key=lambda record: list(requests).index(record.request))
    assert {each.request: (each.state, each.notified, each.failure_object.partition(":")[0]) for each in failed} == {
        name: ("failed", True, bad.code) for name, bad in BAD.items()
    }
    reasons = {each.request: f"({BAD[each.request].status})" in each.failure_reason for each in failed}
    assert all(reasons.values()), reasons
    notified = codes_notified(seen)
    assert {each.request: notified[each.inference_id] for each in failed} == {n: bad.code for n, bad in BAD.items()}
    assert (good.state, good.notified) == ("completed", True)
