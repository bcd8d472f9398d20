from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deployments.localaws.cloud import BUCKET, Cloud, eventually, input_key


@dataclass
class Subscribed:
    """A cloud with an asynchronous endpoint's topics, both delivered to one queue."""

    cloud: Cloud
    queue: str
    topics: dict[str, str]

    def start(self, **output: Any) -> None:
        self.cloud.model()
        included = output.pop("included", [])
        topics: dict[str, Any] = {**self.topics, **({"IncludeInferenceResponseIn": included} if included else {})}
        self.cloud.async_config(NotificationConfig=topics, **output)
        self.cloud.endpoint()
        for _ in self.topics:
            assert self.receive()[1] == {
                "eventVersion": "1.0",
                "eventSource": "aws:sagemaker",
                "eventName": "TestNotification",
            }

    def receive(self) -> tuple[str, dict[str, Any]]:
        """The topic and the message of the next notification, which is taken off the queue."""
        sqs = self.cloud.client("sqs")
        [message] = eventually(lambda: sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=1).get("Messages"))
        sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        envelope = json.loads(message["Body"])
        return envelope["TopicArn"].split(":")[-1], json.loads(envelope["Message"])


@pytest.fixture
def subscribed(cloud: Cloud) -> Subscribed:
    sns = cloud.client("sns")
    queue, arn = cloud.queue("results")
    topics = {}
    for name in ("SuccessTopic", "ErrorTopic"):
        topics[name] = sns.create_topic(Name=name)["TopicArn"]
        sns.subscribe(TopicArn=topics[name], Protocol="sqs", Endpoint=arn)
    return Subscribed(cloud, queue, topics)


def test_a_completed_invocation_is_told_to_the_success_topic(subscribed: Subscribed) -> None:
    subscribed.start()
    answer = subscribed.cloud.invoke_async({"x": 1}, Accept="application/json", InferenceId="mine")
    topic, message = subscribed.receive()
    assert topic == "SuccessTopic"
    received, finished = message.pop("receivedTime"), message.pop("eventTime")
    assert received <= finished
    assert len(received) == len("2025-08-03T12:40:58.414Z")
    assert message == {
        "awsRegion": "us-east-1",
        "invocationStatus": "Completed",
        "requestParameters": {
            "accept": "application/json",
            "contentType": "application/json",
            "endpointName": "endpoint",
            "inputLocation": f"s3://{BUCKET}/{input_key({'x': 1})}",
        },
        "responseParameters": {"contentType": "application/json", "outputLocation": answer["OutputLocation"]},
        "inferenceId": "mine",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def test_members_come_in_the_order_that_aws_was_recorded_with(subscribed: Subscribed) -> None:
    subscribed.start(S3FailurePath=f"s3://{BUCKET}/failed", included=["ERROR_NOTIFICATION_TOPIC"])
    subscribed.cloud.invoke_async({"boom": 1})
    assert list(subscribed.receive()[1]) == [
        "awsRegion",
        "eventTime",
        "receivedTime",
        "invocationStatus",
        "failureReason",
        "requestParameters",
        "responseParameters",
        "responseBody",
        "inferenceId",
        "eventVersion",
        "eventSource",
        "eventName",
    ]


def test_a_failed_invocation_is_told_to_the_error_topic(subscribed: Subscribed) -> None:
    subscribed.start(S3FailurePath=f"s3://{BUCKET}/failed")
    answer = subscribed.cloud.invoke_async({"status": 400})
    topic, message = subscribed.receive()
    assert topic == "ErrorTopic"
    assert message["invocationStatus"] == "Failed"
    assert message["failureReason"].startswith("ClientError: Received client error (400) from model.")
    assert message["responseParameters"] == {"failureLocation": answer["FailureLocation"]}
    assert "responseBody" not in message


def test_without_a_failure_path_a_failure_has_no_response_parameters(subscribed: Subscribed) -> None:
    subscribed.start()
    subscribed.cloud.invoke_async({"boom": 1})
    assert "responseParameters" not in subscribed.receive()[1]


def test_the_topics_of_the_time_of_acceptance_are_told_though_an_update_removes_them(
    subscribed: Subscribed, tmp_path: Path
) -> None:
    subscribed.start()
    cloud = subscribed.cloud
    cloud.async_config("silent")
    answer = cloud.invoke_async({"x": 1, "until": str(tmp_path / "updated")})
    cloud.in_hand()
    cloud.sagemaker.update_endpoint(EndpointName="endpoint", EndpointConfigName="silent")
    describe = cloud.sagemaker.describe_endpoint
    eventually(lambda: describe(EndpointName="endpoint")["EndpointConfigName"] == "silent" or None)
    (tmp_path / "updated").touch()
    cloud.settle()
    topic, message = subscribed.receive()
    assert (topic, message["inferenceId"]) == ("SuccessTopic", answer["InferenceId"])


def test_a_response_can_be_included(subscribed: Subscribed) -> None:
    subscribed.start(included=["SUCCESS_NOTIFICATION_TOPIC"])
    subscribed.cloud.invoke_async({"x": 1})
    body = subscribed.receive()[1]["responseBody"]
    assert body["encoding"] == "BASE64"
    assert json.loads(base64.b64decode(body["content"]))["x"] == 2


def test_a_failed_input_download_is_told_to_the_error_topic(subscribed: Subscribed) -> None:
    subscribed.start()
    location = f"s3://{BUCKET}/nothing"
    subscribed.cloud.runtime.invoke_endpoint_async(EndpointName="endpoint", InputLocation=location)
    topic, message = subscribed.receive()
    assert (topic, message["invocationStatus"]) == ("ErrorTopic", "Failed")
    assert location in message["failureReason"]


def test_a_topic_that_vanished_loses_the_notification_but_not_the_result(subscribed: Subscribed) -> None:
    subscribed.start()
    subscribed.cloud.client("sns").delete_topic(TopicArn=subscribed.topics["SuccessTopic"])
    answer = subscribed.cloud.invoke_async({"x": 1})
    assert eventually(lambda: subscribed.cloud.read(answer["OutputLocation"]))
    eventually(lambda: subscribed.cloud.aws.journal.entries("async.completed") or None)
    variant = {"EndpointName": "endpoint", "VariantName": "AllTraffic"}
    assert subscribed.cloud.metric("NotificationFailures", "Sum", variant) == 1


def test_rescaling_and_updating_send_the_test_notification_again(subscribed: Subscribed) -> None:
    subscribed.start()
    subscribed.cloud.rescale(0)
    assert subscribed.receive()[1]["eventName"] == "TestNotification"
    subscribed.cloud.settle()
