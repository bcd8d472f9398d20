"""Deploys, invokes and deletes with the resources of the SageMaker SDK, version 3.

Arguments: execution role, model data, bucket.
"""
# ruff: noqa: T201 - it is a program

import json
import sys

import boto3
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import (
    AsyncInferenceConfig,
    AsyncInferenceOutputConfig,
    ContainerDefinition,
    ProductionVariant,
)

role, model_data, bucket = sys.argv[1:]
region = boto3.Session().region_name

model = Model.create(
    model_name="sdk",
    primary_container=ContainerDefinition(image="image:1", model_data_url=model_data, environment={"A": "b"}),
    execution_role_arn=role,
)
variant = ProductionVariant(
    variant_name="AllTraffic", model_name=model.model_name, instance_type="ml.m5.large", initial_instance_count=1
)
output = AsyncInferenceOutputConfig(s3_output_path=f"s3://{bucket}/sdk")
configs = [
    EndpointConfig.create(endpoint_config_name="sdk-real-time", production_variants=[variant]),
    EndpointConfig.create(
        endpoint_config_name="sdk-async",
        production_variants=[variant],
        async_inference_config=AsyncInferenceConfig(output_config=output),
    ),
]
endpoints = [
    Endpoint.create(endpoint_name=config.endpoint_config_name, endpoint_config_name=config.endpoint_config_name)
    for config in configs
]
for endpoint in endpoints:
    endpoint.wait_for_status("InService", poll=1, timeout=1800)
real_time, asynchronous = endpoints
print("model", Model.get("sdk").primary_container.environment)
print("status", Endpoint.get("sdk-async").endpoint_status)
print("listed", sorted(endpoint.endpoint_name for endpoint in Endpoint.get_all(name_contains="sdk")))

answer = real_time.invoke(body=b'{"x": 4}', content_type="application/json")
print("answer", json.loads(answer.body.read())["x"])
location = f"s3://{bucket}/sdk/in.json"
boto3.client("s3").put_object(Bucket=bucket, Key="sdk/in.json", Body=b'{"x": 5}')
accepted = asynchronous.invoke_async(input_location=location, content_type="application/json", inference_id="mine")
key = accepted.output_location.removeprefix(f"s3://{bucket}/")
boto3.client("s3").get_waiter("object_exists").wait(
    Bucket=bucket, Key=key, WaiterConfig={"Delay": 1, "MaxAttempts": 1800}
)
print("async", json.loads(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())["x"])

for endpoint in endpoints:
    endpoint.delete()
for endpoint in endpoints:
    endpoint.wait_for_delete(poll=1, timeout=1800)
for config in configs:
    config.delete()
model.delete()
# The SDK has drawn a panel, and left the cursor at its end.
print("\nleft", [endpoint.endpoint_name for endpoint in Endpoint.get_all()])
