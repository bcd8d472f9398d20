"""Every request that a client sends is recognised as the operation that was called."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSRequest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from localaws.calls import identify, model_of

S3 = {"Bucket": "bucket"}
OBJECT = {**S3, "Key": "a folder/key.json"}
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("s3", "ListBuckets", {}),
    ("s3", "CreateBucket", S3),
    ("s3", "HeadBucket", S3),
    ("s3", "GetBucketLocation", S3),
    ("s3", "GetBucketLifecycleConfiguration", S3),
    ("s3", "ListObjects", S3),
    ("s3", "ListObjectsV2", S3),
    ("s3", "PutObject", {**OBJECT, "Body": b"x"}),
    ("s3", "GetObject", OBJECT),
    ("s3", "HeadObject", OBJECT),
    ("s3", "CopyObject", {**OBJECT, "CopySource": "bucket/other"}),
    ("s3", "UploadPart", {**OBJECT, "UploadId": "u", "PartNumber": 1, "Body": b"x"}),
    ("s3", "CompleteMultipartUpload", {**OBJECT, "UploadId": "u"}),
    ("s3", "DeleteObject", OBJECT),
    ("s3", "DeleteObjects", {**S3, "Delete": {"Objects": [{"Key": "k"}]}}),
    ("sns", "Publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Message": "m"}),
    ("sqs", "ReceiveMessage", {"QueueUrl": "http://127.0.0.1/q"}),
    ("iam", "GetRole", {"RoleName": "r"}),
    ("cloudwatch", "DescribeAlarms", {}),
    ("logs", "FilterLogEvents", {"logGroupName": "g"}),
    ("application-autoscaling", "DescribeScalableTargets", {"ServiceNamespace": "sagemaker"}),
    ("resourcegroupstaggingapi", "GetResources", {}),
    ("sagemaker", "DescribeEndpoint", {"EndpointName": "endpoint"}),
    ("sagemaker-runtime", "InvokeEndpoint", {"EndpointName": "endpoint", "Body": b"{}"}),
    ("sagemaker-runtime", "InvokeEndpointAsync", {"EndpointName": "endpoint", "InputLocation": "s3://b/k"}),
]


@pytest.mark.parametrize(("service", "operation", "parameters"), CALLS, ids=lambda value: str(value)[:40])
def test_a_call_is_recognised(service: str, operation: str, parameters: dict[str, Any]) -> None:
    sent: list[AWSRequest] = []
    client = boto3.client(
        service,
        region_name="eu-central-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
    )

    def catch(request: AWSRequest, **_: Any) -> Any:
        sent.append(request)
        raise InterruptedError

    client.meta.events.register("before-send", catch)
    method = next(name for name, value in client.meta.method_to_api_mapping.items() if value == operation)
    with pytest.raises(InterruptedError):
        getattr(client, method)(**parameters)
    call = identify(received(sent[0]), "us-east-1")
    assert (model_of(call.service), call.operation) in {(service, operation), ("sagemaker", operation)}
    assert (call.region, call.access_key) == ("eu-central-1", "AKIDEXAMPLE")
    assert (call.bucket, call.key) == (parameters.get("Bucket"), parameters.get("Key"))


def received(sent: Any) -> Request:
    """The request as the server sees it."""
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in sent.headers.items()}
    data = sent.body if isinstance(sent.body, (bytes, str)) or sent.body is None else sent.body.read()
    return Request(EnvironBuilder(sent.url, method=sent.method, headers=headers, data=data).get_environ())
