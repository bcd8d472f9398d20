"""Asynchronous invocations per second on the embedded AWS, and the CPU time of its server for one of them.

`python -m benchmarks.localaws` prints one JSON line per measure. The server is a process of its own, clients are
threads of this one; they and the worker share the cores.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import tarfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.measure import Measure
from benchmarks.server_process import Server, ServerProcess, ended, has_ended, is_in_service

BUCKET = "benchmark"
ENDPOINT = "benchmark"
CLIENTS = 8
ROUNDS = 5
AT_LEAST_PER_SECOND = 100
CPU_OF_FLOOR = 1.3
BODY = json.dumps({"text": "x" * 100_000}).encode()
HANDLER = b"""
def model_fn(model_dir):
    return None

def transform_fn(model, body, content_type, accept):
    return body, content_type
"""


class Clients:
    """Clients of the embedded AWS, used by several threads at once."""

    def __init__(self, server: Server, attempts: int = 1) -> None:
        self._server = server
        retries: Any = {"mode": "standard", "total_max_attempts": attempts}
        options = Config(max_pool_connections=CLIENTS, retries=retries)
        self.s3: Any = boto3.client("s3", config=options)
        self.runtime: Any = boto3.client("sagemaker-runtime", config=options)
        self.sagemaker: Any = boto3.client("sagemaker")

    def deploy(self, handler: bytes = HANDLER, **output: Any) -> None:
        """Create an asynchronous endpoint with this handler and wait for it."""
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=_archive(handler))
        self.sagemaker.create_model(
            ModelName=ENDPOINT,
            ExecutionRoleArn=os.environ["LOCALAWS_EXECUTION_ROLE_ARN"],
            PrimaryContainer={"Image": "image:1", "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"},
        )
        variant = {"VariantName": "all", "ModelName": ENDPOINT, "InstanceType": "ml.m5.large"}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=ENDPOINT,
            ProductionVariants=[{**variant, "InitialInstanceCount": 1}],
            AsyncInferenceConfig={
                "OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/out", **output},
                "ClientConfig": {"MaxConcurrentInvocationsPerInstance": CLIENTS},
            },
        )
        self.sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)
        self._server.wait_until(is_in_service, ENDPOINT)

    def put(self, number: int, body: bytes = BODY) -> str:
        """Upload an input and return its key."""
        key = f"in/{number}"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body, ContentType="application/json")
        return key

    def get(self, location: str) -> bytes:
        """Download an object by its location."""
        found: bytes = self.s3.get_object(Bucket=BUCKET, Key=location.removeprefix(f"s3://{BUCKET}/"))["Body"].read()
        return found

    def put_and_get(self, number: int) -> None:
        """Do the bare upload and download that an asynchronous invocation contains."""
        self.get(self.put(number))

    def invoke(self, number: int) -> str:
        """Upload an input, invoke, and return the location that the output will have."""
        location = f"s3://{BUCKET}/{self.put(number)}"
        answer = self.runtime.invoke_endpoint_async(
            EndpointName=ENDPOINT, InputLocation=location, ContentType="application/json"
        )
        found: str = answer["OutputLocation"]
        return found

    def invoke_all(self, count: int) -> None:
        """Have `count` invocations answered, and download the answers."""
        before = self._server.call(ended)
        locations = together(self.invoke, range(count))
        self._server.wait_until(has_ended, before + count)
        assert set(together(self.get, locations)) == {BODY}


def together(work: Callable[[Any], Any], arguments: Iterable[Any]) -> list[Any]:
    """Do the work for all arguments in several threads and return the results."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(work, arguments))


def throughput(invocations: int) -> Measure:
    """Measure the rate of upload, invocation, the worker's answer and its download together."""
    with ServerProcess() as server:
        clients = Clients(server)
        clients.deploy()
        clients.invoke_all(CLIENTS)
        started = time.monotonic()
        clients.invoke_all(invocations)
        rate = invocations / (time.monotonic() - started)
    name = f"asynchronous invocations, {invocations} by {CLIENTS} clients, end to end"
    return Measure(name, rate, AT_LEAST_PER_SECOND, "1/s", rate / AT_LEAST_PER_SECOND, 1)


def server_cpu(invocations: int) -> Measure:
    """Measure the server's CPU time per invocation against that of the bare upload and download, in turn."""
    each = max(1, invocations // ROUNDS)
    ours, floor = [], []
    with ServerProcess() as server:
        clients = Clients(server)
        clients.deploy()
        clients.invoke_all(CLIENTS)
        for _ in range(ROUNDS):
            floor.append(_cpu_ms(server, lambda: together(clients.put_and_get, range(each))) / each)
            ours.append(_cpu_ms(server, lambda: clients.invoke_all(each)) / each)
    cost, least = statistics.median(ours), statistics.median(floor)
    name = "the server's CPU time per asynchronous invocation against 1.3 times a bare put and get"
    return Measure(name, cost, CPU_OF_FLOOR * least, "ms", CPU_OF_FLOOR * least / cost, 1)


def _cpu_ms(server: Server, work: Callable[[], object]) -> float:
    before = server.cpu_seconds
    work()
    return (server.cpu_seconds - before) * 1000


def _archive(handler: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo("code/inference.py")
        member.size = len(handler)
        tar.addfile(member, io.BytesIO(handler))
    return buffer.getvalue()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--invocations", type=int, default=2_000, help="of the trivial handler (%(default)s)")
    chosen = parser.parse_args(arguments)
    print(throughput(chosen.invocations).to_json(), flush=True)
    print(server_cpu(chosen.invocations).to_json(), flush=True)


if __name__ == "__main__":
    main()
