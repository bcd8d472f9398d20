"""Shortcuts for what every test of the embedded AWS makes."""

from __future__ import annotations

import io
import json
import math
import tarfile
import time
import urllib.request
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import boto3

from localaws import LocalAws

T = TypeVar("T")
BUCKET = "models"
# Real seconds after which a wait counts as hanging, though it has used hardly any processor time.
HANGS_AFTER_SECONDS = 900.0
# AWS seconds per real second while tests move AWS's time on by hand: almost none, since a rate must be above zero.
STANDING = 1e-6
# A request that HANDLER never answers; with a file's path as the value, it answers once that file exists.
FOREVER = {"until": ""}
HANDLER = """
import json, os, time
def model_fn(model_dir):
    print("model loaded from", model_dir)
    return 2
def input_fn(body, content_type):
    return json.loads(body)
def predict_fn(data, model, context):
    if "until" in data:
        while not os.path.exists(data["until"]): time.sleep(0.01)
    if "exit" in data: os._exit(3)
    if "status" in data: context.set_response_status(code=data["status"], phrase="asked for")
    if "boom" in data: raise RuntimeError("boom")
    return {"x": data.get("x", 0) * model, "pid": os.getpid()}
def output_fn(prediction, accept):
    return json.dumps(prediction), "application/json"
"""
# A handler that answers with the most requests that were ever in hand at once.
COUNTS = """
import threading, time
lock, inside, seen = threading.Lock(), [], []
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept):
    with lock:
        inside.append(1)
        seen.append(len(inside))
    time.sleep(0.1)
    with lock: inside.pop()
    return str(max(seen))
"""


def archive(files: dict[str, str]) -> bytes:
    """A tar.gz with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def input_key(request: dict[str, Any]) -> str:
    """The key of a request's input: each has its own, since inputs are read only when their turn comes."""
    return f"in/{zlib.crc32(json.dumps(request).encode())}.json"


def eventually(look: Callable[[], T | None], cpu_seconds: float = 60.0) -> T:
    """The first answer that is not None.

    The limit is in processor time of this process, which does the awaited work or looks for it: a machine that is
    busy with something else gives the process less of it, so that it waits longer.
    """
    used, hangs = time.process_time() + cpu_seconds, time.monotonic() + HANGS_AFTER_SECONDS
    while (found := look()) is None:
        assert time.process_time() < used, f"nothing came within {cpu_seconds} s of processor time"
        assert time.monotonic() < hangs, f"nothing came, and nothing is done, within {HANGS_AFTER_SECONDS} s"
        time.sleep(0.01)
    return found


@dataclass
class Cloud:
    """Clients of the embedded AWS, and shortcuts for what every test makes."""

    aws: LocalAws
    s3: Any = field(default_factory=lambda: boto3.client("s3"))
    sagemaker: Any = field(default_factory=lambda: boto3.client("sagemaker"))
    runtime: Any = field(default_factory=lambda: boto3.client("sagemaker-runtime"))

    def model(self, name: str = "model", handler: str = HANDLER, **container: Any) -> None:
        """Creates a model whose archive has this handler."""
        url = f"s3://{BUCKET}/{name}.tar.gz"
        self.s3.put_object(Bucket=BUCKET, Key=f"{name}.tar.gz", Body=archive({"code/inference.py": handler}))
        self.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=self.aws.execution_role_arn,
            PrimaryContainer={"Image": "image:1", "ModelDataUrl": url, **container},
        )

    def config(self, name: str = "config", model: str = "model", **more: Any) -> None:
        """Create a configuration of one variant; `variant` changes its members, other arguments go to the request."""
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": model,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
            **more.pop("variant", {}),
        }
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **more)

    def async_config(self, name: str = "config", concurrency: int = 4, **output: Any) -> None:
        """Creates an asynchronous configuration."""
        self.config(
            name,
            AsyncInferenceConfig={
                "OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/out", **output},
                "ClientConfig": {"MaxConcurrentInvocationsPerInstance": concurrency},
            },
        )

    def endpoint(self, name: str = "endpoint", config: str = "config", status: str | None = "InService") -> None:
        """Creates an endpoint and waits for the status."""
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        if status is not None:
            self.settle(name, status)

    def settle(self, name: str = "endpoint", status: str = "InService") -> dict[str, Any]:
        """Wait until nothing is in progress and return the description, which must have this status."""

        def look() -> dict[str, Any] | None:
            description = self.sagemaker.describe_endpoint(EndpointName=name)
            return None if description["EndpointStatus"] in ("Creating", "Updating", "RollingBack") else description

        description: dict[str, Any] = eventually(look)
        assert description["EndpointStatus"] == status, description
        return description

    def gives_up(self, name: str = "endpoint") -> dict[str, Any]:
        """Let a container's time to become healthy pass, and return the description of the endpoint, now Failed."""
        eventually(lambda: self.aws.journal.entries("instance.started", endpoint=name) or None)
        self.aws.advance(3600)
        return self.settle(name, "Failed")

    def minutes(self, count: int) -> None:
        """Stop AWS's clock and move it on by minutes, finishing the work of each minute before the next."""
        self.aws.clock.rate = STANDING
        for _ in range(count):
            self.aws.advance(60)
            for endpoint in self.sagemaker.list_endpoints()["Endpoints"]:
                self.settle(endpoint["EndpointName"])

    def minutes_until(self, look: Callable[[], bool], most: int = 60) -> int:
        """Move AWS's time on minute by minute until `look` is true, and return how many it took."""
        for minute in range(1, most + 1):
            self.minutes(1)
            if look():
                return minute
        raise AssertionError(f"nothing came within {most} AWS minutes")

    def status(self) -> dict[str, Any]:
        """The embedded AWS's description of itself."""
        with urllib.request.urlopen(f"{self.aws.endpoint_url}/_localaws/status") as answer:
            described: dict[str, Any] = json.load(answer)
        return described

    def in_hand(self, count: int = 1) -> None:
        """Waits until so many requests to the only endpoint, an asynchronous one, are being worked on."""
        eventually(lambda: self.status()["endpoints"][0]["queue"]["processing"] == count or None)

    def invoke(self, request: dict[str, Any], name: str = "endpoint") -> dict[str, Any]:
        """The answer of a real-time endpoint."""
        answer = self.runtime.invoke_endpoint(
            EndpointName=name, ContentType="application/json", Body=json.dumps(request)
        )
        parsed: dict[str, Any] = json.loads(answer["Body"].read())
        return parsed

    def invoke_async(self, request: dict[str, Any], name: str = "endpoint", **more: Any) -> dict[str, Any]:
        """Puts the request into S3 and invokes."""
        key = input_key(request)
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(request))
        answer: dict[str, Any] = self.runtime.invoke_endpoint_async(
            EndpointName=name, ContentType="application/json", InputLocation=f"s3://{BUCKET}/{key}", **more
        )
        return answer

    def read(self, location: str) -> bytes | None:
        """The object at a location; None while it is not there."""
        bucket, _, key = location.removeprefix("s3://").partition("/")
        try:
            body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except self.s3.exceptions.NoSuchKey:
            return None
        return body

    def queue(self, name: str = "queue") -> tuple[str, str]:
        """A queue that SNS may send to: its URL and its ARN."""
        sqs = self.client("sqs")
        arn = f"arn:aws:sqs:{self.aws.region}:123456789012:{name}"
        allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Resource": arn}
        policy = {"Version": "2012-10-17", "Statement": [{**allowed, "Action": "sqs:SendMessage"}]}
        return sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps(policy)})["QueueUrl"], arn

    def client(self, service: str, **options: Any) -> Any:
        """A client of the service."""
        return boto3.client(service, **options)

    def delete(self, name: str = "endpoint") -> None:
        """Deletes the endpoint and waits until it is gone."""
        self.sagemaker.delete_endpoint(EndpointName=name)
        eventually(lambda: self.aws.journal.entries("endpoint.deleted", endpoint=name) or None)

    def rescale(self, count: int, name: str = "endpoint") -> None:
        """Asks for a number of instances."""
        wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": count}]
        self.sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=wanted)

    def log_lines(self, name: str = "endpoint") -> list[str]:
        """The lines that the workers of an endpoint have printed."""
        events = self.client("logs").filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["events"]
        return [event["message"] for event in events]

    def metric(self, name: str, statistic: str, dimensions: dict[str, str], namespace: str = "AWS/SageMaker") -> float:
        """The statistic of a metric over the last hour; NaN without data."""
        now = datetime.now(UTC)
        points = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=[statistic],
        )["Datapoints"]
        return float(points[0][statistic]) if points else math.nan

    def together(self, count: int, work: Callable[[], T]) -> list[T]:
        """The answers of the same work done on several threads at once."""
        with ThreadPoolExecutor(count) as pool:
            return [future.result() for future in [pool.submit(work) for _ in range(count)]]
