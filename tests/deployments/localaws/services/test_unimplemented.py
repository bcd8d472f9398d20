"""Calls that the embedded AWS does not have are refused at once, as a service would, in its protocol."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws import LocalAws
from tests.deployments.localaws.cloud import Cloud

TOPIC = "arn:aws:sns:us-east-1:123456789012:topic"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:queue"
CALLS: list[tuple[str, str, dict[str, Any], str]] = [
    ("sns", "GetDataProtectionPolicy", {"ResourceArn": TOPIC}, "InvalidAction"),
    ("sqs", "StartMessageMoveTask", {"SourceArn": QUEUE}, "UnknownOperationException"),
    ("cloudwatch", "ListMetricStreams", {}, "UnknownOperationException"),
    (
        "application-autoscaling",
        "GetPredictiveScalingForecast",
        {
            "ServiceNamespace": "ecs",
            "ResourceId": "r",
            "ScalableDimension": "ecs:service:DesiredCount",
            "PolicyName": "p",
            "StartTime": 0,
            "EndTime": 1,
        },
        "UnknownOperationException",
    ),
    ("s3", "GetBucketMetricsConfiguration", {"Bucket": "bucket", "Id": "i"}, "NotImplemented"),
    ("s3", "RenameObject", {"Bucket": "bucket", "Key": "k", "RenameSource": "/bucket/other"}, "NotImplemented"),
    ("iam", "GenerateServiceLastAccessedDetails", {"Arn": "arn:aws:iam::123456789012:user/u"}, "InvalidAction"),
    ("sts", "DecodeAuthorizationMessage", {"EncodedMessage": "m"}, "InvalidAction"),
    ("logs", "ListAnomalies", {}, "UnknownOperationException"),
    ("kms", "CreateCustomKeyStore", {"CustomKeyStoreName": "s"}, "UnknownOperationException"),
    ("lambda", "GetAccountSettings", {}, "UnknownOperationException"),
    ("braket", "SearchDevices", {"filters": []}, "UnknownOperationException"),  # a service that moto lacks
    ("polly", "ListSpeechSynthesisTasks", {}, "UnknownOperationException"),
    (
        "sagemaker-runtime",
        "InvokeEndpointWithResponseStream",
        {"EndpointName": "e", "Body": b""},
        "UnknownOperationException",
    ),
    ("sagemaker", "ListNotebookInstances", {}, "UnknownOperationException"),
]


@pytest.mark.parametrize(("service", "operation", "parameters", "code"), CALLS, ids=lambda value: str(value)[:40])
def test_an_unknown_operation_is_refused_at_the_first_attempt(
    aws: LocalAws, service: str, operation: str, parameters: dict[str, Any], code: str
) -> None:
    client = Cloud(aws).client(service)
    attempts: list[Any] = []
    client.meta.events.register("before-send", lambda request, **_: attempts.append(request))
    method = next(name for name, value in client.meta.method_to_api_mapping.items() if value == operation)
    with pytest.raises(ClientError, match="The embedded AWS does not implement") as caught:
        getattr(client, method)(**parameters)
    assert (caught.value.response["Error"]["Code"], len(attempts)) == (code, 1)
    assert aws.journal.entries("server.error") == []
