"""Deploys, asks and displays as the scripts for the previous recommender do, with boto3 alone.

Written from the documentation of what those scripts send, wait for and read, with their own names of resources,
settings and keys, and none of this project's. They fail on a missing field that they read as row[name], and show a
default for one that they read as row.get(name): both are kept, since only the first kind is sure to be noticed.
"""
# ruff: noqa: T201 - it is a program

import argparse
import base64
import json
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

CONTAINER = {
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": "300",
    "MODEL_SERVER_TIMEOUT": "300",
    "TS_DEFAULT_RESPONSE_TIMEOUT": "300",
    "MODEL_SERVER_WORKERS": "1",
    "TS_DEFAULT_WORKERS_PER_MODEL": "1",
    "TS_MAX_REQUEST_SIZE": "100000000",
    "TS_MAX_RESPONSE_SIZE": "100000000",
    "OMP_NUM_THREADS": "2",
    "MKL_NUM_THREADS": "2",
    "TOKENIZERS_PARALLELISM": "false",
    "SAGEMAKER_PROGRAM": "inference.py",
}
ENDPOINT = "stygig-async-endpoint-20251115-120000"

parser = argparse.ArgumentParser()
for option in ("bucket", "model-uri", "role", "topic", "image"):
    parser.add_argument(f"--{option}", required=True)
parser.add_argument("--image-key", help="asks about a picture in S3, too")
parser.add_argument("--allowed", help="from where the endpoint may read pictures, which those scripts don't set")
asked = parser.parse_args()

s3, sagemaker, runtime = (boto3.client(name) for name in ("s3", "sagemaker", "sagemaker-runtime"))


def deploy() -> None:
    code = f"async-inference-code/{ENDPOINT}/source.tar.gz"
    s3.put_object(Bucket=asked.bucket, Key=code, Body=b"nobody reads it")
    environment = CONTAINER | {"SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{asked.bucket}/{code}"}
    if asked.allowed:
        environment["STYGIG_ALLOWED_S3_PREFIXES"] = asked.allowed
    region = boto3.Session().region_name
    image = f"763104351884.dkr.ecr.{region}.amazonaws.com/pytorch-inference:2.0.0-cpu-py310"
    sagemaker.create_model(
        ModelName=f"{ENDPOINT}-model",
        PrimaryContainer={"Image": image, "ModelDataUrl": asked.model_uri, "Environment": environment},
        ExecutionRoleArn=asked.role,
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=f"{ENDPOINT}-config",
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": f"{ENDPOINT}-model",
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "InitialVariantWeight": 1,
            }
        ],
        AsyncInferenceConfig={
            "OutputConfig": {
                "S3OutputPath": f"s3://{asked.bucket}/async-inference-results/",
                "NotificationConfig": {"SuccessTopic": asked.topic, "ErrorTopic": asked.topic},
            },
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 5},
        },
    )
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=f"{ENDPOINT}-config")
    # the original polls every 30 s
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 1800}
    )
    Path("async_endpoint_info.json").write_text(json.dumps({"endpoint_name": ENDPOINT, "endpoint_type": "async"}))


def submit(payload: dict[str, Any], key: str) -> str:
    """Submit a request and return the location at which its answer will appear."""
    s3.put_object(Bucket=asked.bucket, Key=key, Body=json.dumps(payload), ContentType="application/json")
    accepted = runtime.invoke_endpoint_async(
        EndpointName=json.loads(Path("async_endpoint_info.json").read_text())["endpoint_name"],
        InputLocation=f"s3://{asked.bucket}/{key}",
        ContentType="application/json",
    )
    return str(accepted["OutputLocation"])


def wait_for(location: str) -> Any:
    """The result; any error but a 404 ends the wait. The original polls every 10 s, for 600 s."""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    for _ in range(18_000):
        try:
            s3.head_object(Bucket=bucket, Key=key)
            return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8"))
        except ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise
            time.sleep(0.1)
    raise SystemExit(f"nothing came to {location}")


def display(result: dict[str, Any]) -> None:
    if "error" in result:
        raise SystemExit(f"Error: {result['error']}")
    if "input_item" in result:
        seen = result["input_item"]
        print("Input Category:", seen.get("category", "Unknown"))
        print("Input Gender:", seen.get("gender", "Unknown"))
        print("Dominant Colors:", ", ".join(seen.get("colors", [])))
    print("TOP", len(result.get("recommendations", [])), "RECOMMENDATIONS:")
    for place, row in enumerate(result.get("recommendations", []), 1):
        print(f"{place}. {row['item_id']}")
        print(f"   Category: {row['category']}")
        print(f"   Gender: {row['gender']}")
        print(f"   Overall Score: {row['score']:.4f}")
        print(f"   Color Match: {row['color_score']:.4f}")
        print(f"   Category Match: {row['category_score']:.4f}")
        print(f"   Gender Match: {row['gender_score']:.4f}")
        print(f"   Colors: {', '.join(row.get('colors', []))}")
        print(f"   Label: {row.get('id', 'Unknown')}: {row.get('match_reason', 'N/A')[:30]}")
        print(f"   Picture: {row.get('path', '')}")
    about = result.get("metadata", {})
    print(f"Processing time: {about.get('processing_time_ms', 0):.2f}ms")
    print("Total items searched:", about.get("total_items", 0))
    print("Model version:", about.get("model_version", "unknown"))


def delete() -> None:
    sagemaker.delete_endpoint(EndpointName=ENDPOINT)
    sagemaker.delete_endpoint_config(EndpointConfigName=f"{ENDPOINT}-config")
    sagemaker.delete_model(ModelName=f"{ENDPOINT}-model")


deploy()
encoded = base64.b64encode(Path(asked.image).read_bytes()).decode("utf-8")
display(wait_for(submit({"image": encoded, "top_k": 5, "min_score": 0.2}, "async-inference-input/request-1.json")))
if asked.image_key:
    print("FROM S3")
    by_uri = {"image_s3_uri": f"s3://{asked.bucket}/{asked.image_key}", "top_k": 5}
    display(wait_for(submit(by_uri, "async-inputs/test-1.json")))
delete()
