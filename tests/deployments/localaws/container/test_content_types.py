"""The content type and accept that reach the container of an asynchronous endpoint, and those of its results."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest

from tests.deployments.localaws.cloud import BUCKET, Cloud, eventually

TELLS = """
import json
def model_fn(model_dir): return None
def input_fn(body, content_type): return body
def predict_fn(data, model, context):
    return [context.get_request_header(0, name) for name in ("Content-Type", "Accept")]
def output_fn(prediction, accept): return repr(prediction), "text/x-python"
"""
REFUSES = """
import json
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept, context):
    context.set_response_status(400)
    return json.dumps({"error": "no"}), "application/json; charset=utf-8"
"""
FAILURES = f"s3://{BUCKET}/failed"


@pytest.fixture
def telling(cloud: Cloud) -> Cloud:
    cloud.model(handler=TELLS)
    cloud.async_config(S3FailurePath=FAILURES)
    cloud.endpoint()
    return cloud


def told(cloud: Cloud, **request: Any) -> list[str | None]:
    """The content type and the accept that reached the container."""
    answer = cloud.runtime.invoke_endpoint_async(EndpointName="endpoint", **request)
    text = eventually(lambda: cloud.read(answer["OutputLocation"])).decode()
    parsed: list[str | None] = ast.literal_eval(text)
    return parsed


def head(cloud: Cloud, location: str) -> dict[str, Any]:
    eventually(lambda: cloud.read(location))
    described: dict[str, Any] = cloud.s3.head_object(Bucket=BUCKET, Key=location.removeprefix(f"s3://{BUCKET}/"))
    return described


@pytest.mark.parametrize(
    ("put", "asked", "expected"),
    [
        ({"ContentType": "application/json"}, {}, "application/json"),
        ({"ContentType": "text/csv"}, {"ContentType": "image/png"}, "image/png"),
        ({}, {}, "binary/octet-stream"),
        ({}, {"ContentType": "application/json"}, "application/json"),
        ({"ContentType": "text/csv"}, {"ContentType": ""}, "text/csv"),
    ],
)
def test_the_input_objects_content_type_reaches_the_container_unless_the_caller_names_one(
    telling: Cloud, put: dict[str, str], asked: dict[str, str], expected: str
) -> None:
    telling.s3.put_object(Bucket=BUCKET, Key="in", Body=b"{}", **put)
    assert told(telling, InputLocation=f"s3://{BUCKET}/in", **asked) == [expected, None]


def test_an_inline_body_has_the_content_type_that_the_caller_names_or_none(telling: Cloud) -> None:
    assert told(telling, Body=b"{}", ContentType="text/csv") == ["text/csv", None]
    assert told(telling, Body=b"{}") == [None, None]


def test_accept_reaches_the_container_as_the_caller_names_it(telling: Cloud) -> None:
    telling.s3.put_object(Bucket=BUCKET, Key="in", Body=b"{}", ContentType="text/csv")
    location = f"s3://{BUCKET}/in"
    assert told(telling, InputLocation=location, Accept="application/json, text/csv")[1] == "application/json, text/csv"


def test_an_output_object_has_the_containers_content_type(telling: Cloud) -> None:
    answer = telling.runtime.invoke_endpoint_async(EndpointName="endpoint", Body=b"{}")
    assert head(telling, answer["OutputLocation"])["ContentType"] == "text/x-python"


def test_a_failure_object_has_the_content_type_of_whoever_wrote_it(cloud: Cloud) -> None:
    cloud.model(handler=REFUSES)
    cloud.async_config(S3FailurePath=FAILURES)
    cloud.endpoint()
    refused = cloud.runtime.invoke_endpoint_async(EndpointName="endpoint", Body=b"x")["FailureLocation"]
    assert head(cloud, refused)["ContentType"] == "application/json; charset=utf-8"
    assert json.loads(cloud.read(refused) or b"") == {"error": "no"}
    nothing = f"s3://{BUCKET}/nothing"
    missing = cloud.runtime.invoke_endpoint_async(EndpointName="endpoint", InputLocation=nothing)["FailureLocation"]
    assert head(cloud, missing)["ContentType"] == "text/plain"


def test_a_key_that_is_not_ascii_is_read_and_told_as_it_was_sent(telling: Cloud) -> None:
    telling.s3.put_object(Bucket=BUCKET, Key="Größe/写真.json", Body=b"{}", ContentType="text/csv")
    assert told(telling, InputLocation=f"s3://{BUCKET}/Größe/写真.json") == ["text/csv", None]
    missing = f"s3://{BUCKET}/Größe/missing/写真.json"
    failed = telling.runtime.invoke_endpoint_async(EndpointName="endpoint", InputLocation=missing)["FailureLocation"]
    assert missing in eventually(lambda: telling.read(failed)).decode()
