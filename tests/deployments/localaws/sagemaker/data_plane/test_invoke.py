from __future__ import annotations

import os
import signal

import pytest
from botocore.exceptions import ClientError

from tests.deployments.localaws.cloud import COUNTS, FOREVER, Cloud, eventually

ECHO = """
def model_fn(model_dir): return None
def input_fn(body, content_type): return (type(body).__name__, len(body), content_type)
def predict_fn(data, model, context):
    context.set_response_header(0, "X-Amzn-SageMaker-Custom-Attributes", "answer=1")
    return [*data, context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes")]
def output_fn(prediction, accept): return repr(prediction + [accept]), "text/plain"
"""
# Answers once four requests are in hand.
MEETS = """
import threading
meeting = threading.Barrier(4)
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept):
    meeting.wait()
    return b"met"
"""


@pytest.fixture
def real_time(cloud: Cloud) -> Cloud:
    cloud.model()
    cloud.config()
    cloud.endpoint()
    return cloud


def test_the_handler_answers(real_time: Cloud) -> None:
    assert real_time.invoke({"x": 21})["x"] == 42


def test_headers_and_bytes_reach_the_handler_and_come_back(cloud: Cloud) -> None:
    cloud.model(handler=ECHO)
    cloud.config()
    cloud.endpoint()
    answer = cloud.runtime.invoke_endpoint(
        EndpointName="endpoint", ContentType="image/png", Accept="a/b", CustomAttributes="ask=1", Body=b"\xff\xd8\x00"
    )
    assert answer["Body"].read() == b"['bytearray', 3, 'image/png', 'ask=1', 'a/b']"
    assert answer["ContentType"] == "text/plain"
    assert answer["CustomAttributes"] == "answer=1"
    assert answer["InvokedProductionVariant"] == "AllTraffic"


@pytest.mark.parametrize(("asked", "kind", "status"), [({"boom": 1}, "server", 500), ({"status": 418}, "client", 418)])
def test_a_container_error_is_a_model_error(real_time: Cloud, asked: dict[str, int], kind: str, status: int) -> None:
    with pytest.raises(ClientError) as failure:
        real_time.invoke(asked)
    response = failure.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == status
    assert response["Error"]["Message"].startswith(f'Received {kind} error ({status}) from primary with message "')
    assert ":log-group:/aws/sagemaker/Endpoints/endpoint:log-stream:AllTraffic/i-" in response["LogStreamArn"]


def test_an_answer_after_sixty_seconds_is_a_model_error_of_status_zero(real_time: Cloud) -> None:
    real_time.aws.clock.rate = 60
    with pytest.raises(ClientError) as failure:
        real_time.invoke(FOREVER)
    response = failure.value.response
    assert response["OriginalStatusCode"] == 0
    assert response["Error"]["Message"].startswith(
        'Received server error (0) from primary with message "Your invocation timed out while waiting for a response '
        "from container primary."
    )


def test_a_crash_fails_the_request_in_hand_and_the_next_is_answered_by_a_new_worker(real_time: Cloud) -> None:
    before = real_time.invoke({"x": 1})["pid"]
    with pytest.raises(ClientError, match="Worker died"):
        real_time.invoke({"exit": 1})
    assert real_time.invoke({"x": 1})["pid"] != before


def test_a_worker_killed_between_requests_is_replaced(real_time: Cloud) -> None:
    [pid] = real_time.aws.worker_pids()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: real_time.aws.journal.entries("instance.crashed") or None)
    assert real_time.invoke({"x": 1})["x"] == 2


def test_an_unknown_endpoint_is_told_so(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as failure:
        cloud.runtime.invoke_endpoint(EndpointName="nobody", Body=b"")
    error = failure.value.response["Error"]
    assert error == {"Code": "ValidationError", "Message": "Endpoint nobody of account 123456789012 not found."}


def test_a_request_against_the_rules_is_refused(real_time: Cloud) -> None:
    for members, text in [
        ({"Body": bytes(6_291_457)}, "less than or equal to 6291456"),
        ({"ContentType": "c" * 1025}, "at 'contentType'"),
        ({"Accept": "a" * 1025}, "at 'accept'"),
        ({"CustomAttributes": "é"}, "at 'customAttributes'"),
        ({"TargetVariant": "nobody"}, "Variant nobody not found"),
        ({"TargetModel": "model.tar.gz"}, "TargetModel is not supported"),
        ({"InferenceComponentName": "component"}, "InferenceComponentName is not supported"),
    ]:
        with pytest.raises(ClientError, match=text) as refusal:
            real_time.runtime.invoke_endpoint(EndpointName="endpoint", **{"Body": b"", **members})
        assert refusal.value.response["Error"]["Code"] == "ValidationError"


def test_an_asynchronous_invocation_of_a_real_time_endpoint_is_refused(real_time: Cloud) -> None:
    with pytest.raises(ClientError, match="does not support asynchronous"):
        real_time.invoke_async({})


def answered(cloud: Cloud) -> str:
    return str(cloud.runtime.invoke_endpoint(EndpointName="endpoint", Body=b"")["Body"].read().decode())


def test_requests_are_answered_at_the_same_time(cloud: Cloud) -> None:
    cloud.model(handler=MEETS)
    cloud.config()
    cloud.endpoint()
    assert cloud.together(4, lambda: answered(cloud)) == ["met"] * 4


def test_one_worker_of_the_model_server_answers_one_request_at_a_time(cloud: Cloud) -> None:
    cloud.model(handler=COUNTS, Environment={"SAGEMAKER_MODEL_SERVER_WORKERS": "1"})
    cloud.config()
    cloud.endpoint()
    assert cloud.together(3, lambda: answered(cloud)) == ["1"] * 3


def test_metrics_of_an_invocation_can_be_read(real_time: Cloud) -> None:
    real_time.invoke({"x": 1})
    with pytest.raises(ClientError):
        real_time.invoke({"status": 400})
    dimensions = {"EndpointName": "endpoint", "VariantName": "AllTraffic"}
    assert real_time.metric("Invocations", "Sum", dimensions) == 2
    assert real_time.metric("Invocation4XXErrors", "Average", dimensions) == 0.5
    assert real_time.metric("ModelLatency", "Minimum", dimensions) > 100
    assert real_time.metric("OverheadLatency", "SampleCount", dimensions) == 2
