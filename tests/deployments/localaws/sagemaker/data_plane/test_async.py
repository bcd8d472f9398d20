from __future__ import annotations

import json
import math
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployments.localaws.cloud import BUCKET, COUNTS, FOREVER, STANDING, Cloud, eventually

FAILURES = f"s3://{BUCKET}/failed"
ENDPOINT = {"EndpointName": "endpoint"}
VARIANT = {"EndpointName": "endpoint", "VariantName": "AllTraffic"}


@pytest.fixture
def asynchronous(cloud: Cloud) -> Cloud:
    cloud.model()
    cloud.async_config(S3FailurePath=FAILURES)
    cloud.endpoint()
    return cloud


def output(cloud: Cloud, answer: dict[str, Any]) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(eventually(lambda: cloud.read(answer["OutputLocation"])))
    return parsed


def failure(cloud: Cloud, answer: dict[str, Any]) -> str:
    text = eventually(lambda: cloud.read(answer["FailureLocation"])).decode()
    assert cloud.read(answer["OutputLocation"]) is None
    return text


def reason(cloud: Cloud, answer: dict[str, Any], event: str = "async.failed") -> str:
    inference = answer["InferenceId"]
    [entry] = eventually(lambda: cloud.aws.journal.entries(event, inference_id=inference) or None)
    return str(entry.fields["reason"])


def test_an_accepted_invocation_says_where_its_result_will_be(asynchronous: Cloud) -> None:
    answer = asynchronous.invoke_async({"x": 1}, InferenceId="mine")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == "mine"
    assert answer["OutputLocation"].startswith(f"s3://{BUCKET}/out/")
    assert answer["OutputLocation"].endswith(".out")
    assert answer["FailureLocation"].startswith(f"{FAILURES}/")
    assert answer["FailureLocation"].endswith("-error.out")
    assert "mine" not in answer["OutputLocation"]


def test_without_a_failure_path_there_is_no_failure_location(cloud: Cloud) -> None:
    cloud.model()
    cloud.async_config()
    cloud.endpoint()
    assert "FailureLocation" not in cloud.invoke_async({})


def test_the_output_object_is_the_answer_with_its_content_type(asynchronous: Cloud) -> None:
    answer = asynchronous.invoke_async({"x": 21})
    assert output(asynchronous, answer)["x"] == 42
    key = answer["OutputLocation"].removeprefix(f"s3://{BUCKET}/")
    assert asynchronous.s3.head_object(Bucket=BUCKET, Key=key)["ContentType"] == "application/json"
    assert asynchronous.read(answer["FailureLocation"]) is None


def test_an_inline_body_is_the_input(asynchronous: Cloud) -> None:
    answer = asynchronous.runtime.invoke_endpoint_async(
        EndpointName="endpoint", ContentType="application/json", Body=b'{"x": 3}'
    )
    assert output(asynchronous, answer)["x"] == 6


def test_filename_and_extension_name_the_output(asynchronous: Cloud) -> None:
    answer = asynchronous.invoke_async({"x": 1}, Filename="one.json", S3OutputPathExtension="day/1")
    assert answer["OutputLocation"] == f"s3://{BUCKET}/out/day/1/one.json"
    assert answer["FailureLocation"] == f"{FAILURES}/one-error.out"
    assert output(asynchronous, answer)["x"] == 2


@pytest.mark.parametrize(("status", "kind"), [(400, "client"), (503, "server")])
def test_an_error_of_the_handler_is_written_to_the_failure_location(
    asynchronous: Cloud, status: int, kind: str
) -> None:
    answer = asynchronous.invoke_async({"x": 1, "status": status})
    assert json.loads(failure(asynchronous, answer))["x"] == 2
    assert reason(asynchronous, answer) == (
        f"ClientError: Received {kind} error ({status}) from model. "
        "See the SageMaker Endpoint logs in your account for more information."
    )


def test_an_exception_is_written_with_its_traceback_and_is_not_retried(asynchronous: Cloud) -> None:
    answer = asynchronous.invoke_async({"boom": 1})
    assert failure(asynchronous, answer).startswith("boom\nTraceback (most recent call last):")
    assert "server error (500)" in reason(asynchronous, answer)
    assert asynchronous.metric("Invocation5XXErrors", "Sum", VARIANT) == 1


def test_a_missing_input_is_accepted_and_fails_when_its_turn_comes(asynchronous: Cloud) -> None:
    location = f"s3://{BUCKET}/nothing"
    answer = asynchronous.runtime.invoke_endpoint_async(EndpointName="endpoint", InputLocation=location)
    assert location in failure(asynchronous, answer)
    assert asynchronous.metric("RequestDownloadFailures", "Sum", VARIANT) == 1


def test_an_invocation_that_takes_too_long_fails_and_the_next_is_served(asynchronous: Cloud) -> None:
    asynchronous.aws.clock.rate = 60
    answer = asynchronous.invoke_async(FOREVER, InvocationTimeoutSeconds=30)
    assert "timed out" in failure(asynchronous, answer)
    asynchronous.aws.clock.rate = 1
    assert output(asynchronous, asynchronous.invoke_async({"x": 1}))["x"] == 2


def test_a_crash_fails_the_invocation_in_hand_and_the_next_is_served(asynchronous: Cloud) -> None:
    answer = asynchronous.invoke_async({"exit": 1})
    assert json.loads(failure(asynchronous, answer))["message"] == "Worker died."
    assert output(asynchronous, asynchronous.invoke_async({"x": 1}))["x"] == 2


def test_a_missing_output_bucket_is_a_failure(cloud: Cloud) -> None:
    cloud.model()
    cloud.async_config(S3OutputPath="s3://nowhere/out", S3FailurePath=FAILURES)
    cloud.endpoint()
    answer = cloud.invoke_async({"x": 1})
    assert "s3://nowhere/out" in eventually(lambda: cloud.read(answer["FailureLocation"])).decode()
    assert cloud.metric("ResponseUploadFailures", "Sum", VARIANT) == 1


def test_at_zero_instances_requests_wait_and_are_served_after_scaling_out(asynchronous: Cloud) -> None:
    asynchronous.rescale(0)
    asynchronous.settle()
    answers = [asynchronous.invoke_async({"x": 1}) for _ in range(3)]
    asynchronous.minutes(1)
    assert asynchronous.metric("ApproximateBacklogSize", "Maximum", ENDPOINT) == 3
    assert asynchronous.metric("HasBacklogWithoutCapacity", "Maximum", ENDPOINT) == 1
    assert asynchronous.read(answers[0]["OutputLocation"]) is None
    asynchronous.rescale(1)
    assert [output(asynchronous, answer)["x"] for answer in answers] == [2, 2, 2]


@pytest.mark.parametrize("flies", [True, False])
def test_a_request_that_waits_longer_than_its_time_to_live_fails_also_when_time_flies_or_leaps_meanwhile(
    asynchronous: Cloud, flies: bool
) -> None:
    asynchronous.rescale(0)
    asynchronous.settle()
    asynchronous.aws.clock.rate = STANDING
    answer = asynchronous.invoke_async({"x": 1}, RequestTTLSeconds=60)
    if flies:
        asynchronous.aws.clock.rate = 600
    else:
        asynchronous.aws.advance(60)
    assert "more than 60 seconds" in failure(asynchronous, answer)
    reason(asynchronous, answer, "async.expired")
    assert asynchronous.metric("ExpiredRequests", "Sum", VARIANT) == 1


def test_no_more_invocations_run_at_once_than_the_configuration_allows(cloud: Cloud) -> None:
    cloud.model(handler=COUNTS)
    cloud.async_config(concurrency=1)
    cloud.endpoint()
    answers = [cloud.invoke_async({"x": n}) for n in range(3)]
    assert [eventually(lambda: cloud.read(each["OutputLocation"])) for each in answers] == [b"1"] * 3  # noqa: B023


def test_the_queue_survives_an_update(asynchronous: Cloud) -> None:
    asynchronous.rescale(0)
    asynchronous.settle()
    answer = asynchronous.invoke_async({"x": 1})
    asynchronous.async_config("next", S3FailurePath=FAILURES)
    asynchronous.sagemaker.update_endpoint(EndpointName="endpoint", EndpointConfigName="next")
    assert output(asynchronous, answer)["x"] == 2
    asynchronous.settle()


def test_metrics_of_the_queue_and_the_model_can_be_read(asynchronous: Cloud) -> None:
    asynchronous.aws.clock.rate = STANDING
    answer = asynchronous.invoke_async({"x": 1})
    output(asynchronous, answer)
    eventually(lambda: asynchronous.aws.journal.entries("async.completed") or None)
    assert asynchronous.metric("InvocationsProcessed", "Sum", VARIANT) == 1
    assert asynchronous.metric("ModelLatency", "Average", VARIANT) > 100
    assert asynchronous.metric("TimeInBacklog", "SampleCount", VARIANT) == 1
    assert asynchronous.metric("TotalProcessingTime", "SampleCount", VARIANT) == 1
    before = asynchronous.metric("ApproximateBacklogSizePerInstance", "SampleCount", ENDPOINT)
    asynchronous.minutes(2)
    assert asynchronous.metric("ApproximateBacklogSizePerInstance", "Minimum", ENDPOINT) == 0
    seen = asynchronous.metric("ApproximateBacklogSizePerInstance", "SampleCount", ENDPOINT)
    assert seen == 2 + (0 if math.isnan(before) else before)


def test_a_real_time_invocation_of_an_asynchronous_endpoint_is_refused(asynchronous: Cloud) -> None:
    with pytest.raises(ClientError, match="is asynchronous") as refusal:
        asynchronous.invoke({})
    assert refusal.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    ("request_members", "text"),
    [
        ({}, "neither was found"),
        ({"Body": b"x", "InputLocation": "s3://models/x"}, "both was found"),
        ({"Body": bytes(128_001)}, "less than or equal to 128000"),
        ({"InputLocation": "file:///etc/passwd"}, "at 'inputLocation' failed to satisfy constraint"),
        ({"InputLocation": "s3://models/x", "RequestTTLSeconds": 21_601}, "less than or equal to 21600"),
        ({"InputLocation": "s3://models/x", "InvocationTimeoutSeconds": 3601}, "less than or equal to 3600"),
        ({"InputLocation": "s3://models/x", "InferenceId": "i" * 65}, "less than or equal to 64"),
        ({"InputLocation": "s3://models/x", "Filename": "a.b.c"}, "at 'filename'"),
        ({"InputLocation": "s3://models/x", "Filename": "f" * 33}, "less than or equal to 32"),
        ({"InputLocation": "s3://models/x", "S3OutputPathExtension": "s3://other"}, "at 's3OutputPathExtension'"),
        ({"InputLocation": "s3://models/x", "CustomAttributes": "c" * 1025}, "less than or equal to 1024"),
    ],
)
def test_a_request_against_the_rules_is_refused(cloud: Cloud, request_members: Any, text: str) -> None:
    with pytest.raises(ClientError) as refusal:
        cloud.runtime.invoke_endpoint_async(EndpointName="endpoint", **request_members)
    error = refusal.value.response["Error"]
    assert error["Code"] == "ValidationError"
    assert text in error["Message"]


def test_an_unknown_endpoint_is_told_so(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match=r"Endpoint nobody of account 123456789012 not found\."):
        cloud.runtime.invoke_endpoint_async(EndpointName="nobody", InputLocation="s3://models/x")
