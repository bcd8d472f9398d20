"""Ten thousand asynchronous invocations while workers die, notifications are lost or doubled, and S3 fails.

`python -m benchmarks.localaws_load` prints one JSON line per measure: whether the journal balances, whether every
caller that tells answers by inference id has exactly one, and whether memory comes back once the objects are deleted.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.exceptions import ClientError

from benchmarks.localaws import BUCKET, CLIENTS, ENDPOINT, Clients, together
from benchmarks.measure import Measure
from benchmarks.server_process import Server, ServerProcess, has_ended
from localaws import LocalAws
from localaws.faults import NotificationDoubled, NotificationLost, S3Fails

INPUT_BYTES = 100_000
KILL_EVERY_SECONDS = 3.0
LISTENERS = 2
MEMORY_MB = 100
TRIMMED_WITHIN_SECONDS = 12.0
QUIET_SECONDS = 2
FAULTS = (NotificationLost(probability=0.02), NotificationDoubled(probability=0.05), S3Fails(probability=0.01))


class Caller:
    """A caller that invokes and keeps the first answer to each inference id, whether from a message or found in S3."""

    def __init__(self, server: Server) -> None:
        self.answers: dict[str, str] = {}
        self.contradictions = 0
        self._locations: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()
        self._clients = Clients(server, attempts=10)
        self._sqs: Any = boto3.client("sqs")
        self._queue = ""

    def deploy(self) -> None:
        """Create the endpoint, a topic, and a queue that receives every result."""
        topic = boto3.client("sns").create_topic(Name="results")["TopicArn"]
        self._queue = self._sqs.create_queue(QueueName="results")["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        arn = attributes["Attributes"]["QueueArn"]
        may_send = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
        # SNS may write to a queue only if the queue's own policy allows it
        self._sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": policy})
        boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        self._clients.deploy(
            S3FailurePath=f"s3://{BUCKET}/failed", NotificationConfig={"SuccessTopic": topic, "ErrorTopic": topic}
        )

    def invoke(self, number: int) -> None:
        """Upload an input of its own and invoke."""
        inference_id = f"request-{number}"
        location = f"s3://{BUCKET}/{self._clients.put(number, inference_id.encode().ljust(INPUT_BYTES))}"
        accepted = self._clients.runtime.invoke_endpoint_async(
            EndpointName=ENDPOINT, InputLocation=location, ContentType="text/plain", InferenceId=inference_id
        )
        with self._lock:
            self._locations[inference_id] = (accepted["OutputLocation"], accepted["FailureLocation"])

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take messages meanwhile, and go on until no more have come for a while."""
        done = threading.Event()
        listeners = [threading.Thread(target=self._listen, args=(done,)) for _ in range(LISTENERS)]
        for listener in listeners:
            listener.start()
        yield
        done.set()
        for listener in listeners:
            listener.join()

    def look_for_the_rest(self) -> int:
        """Look in S3 for the answers that no message told of; return how many were missing."""
        missing = self._locations.keys() - self.answers.keys()
        for inference_id, status in zip(missing, together(self._look, missing), strict=True):
            if status is not None:
                self.answers[inference_id] = status
        return len(missing)

    def wrong_outputs(self) -> int:
        """The number of answers that were reported as completed and aren't the invocation's own."""
        completed = [inference_id for inference_id, status in self.answers.items() if status == "Completed"]
        return together(self._is_own, completed).count(False)

    def delete_objects(self) -> None:
        """Empty the bucket."""
        # a page has at most 1,000 keys, as many as DeleteObjects takes
        pages = self._clients.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        for keys in [[{"Key": each["Key"]} for each in page.get("Contents", [])] for page in pages]:
            self._clients.s3.delete_objects(Bucket=BUCKET, Delete={"Objects": keys, "Quiet": True})

    def _listen(self, done: threading.Event) -> None:
        while True:
            finishing = done.is_set()
            received = self._sqs.receive_message(
                QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=QUIET_SECONDS
            ).get("Messages", [])
            if finishing and not received:
                return
            for message in received:  # SNS puts the notification into an envelope of its own
                self._hear(json.loads(json.loads(message["Body"])["Message"]))
            if received:
                entries = [{"Id": each["MessageId"], "ReceiptHandle": each["ReceiptHandle"]} for each in received]
                self._sqs.delete_message_batch(QueueUrl=self._queue, Entries=entries)

    def _hear(self, notification: dict[str, Any]) -> None:
        if "inferenceId" not in notification:
            return
        with self._lock:
            status = notification["invocationStatus"]
            first = self.answers.setdefault(notification["inferenceId"], status)
            self.contradictions += first != status

    def _look(self, inference_id: str) -> str | None:
        for location, status in zip(self._locations[inference_id], ("Completed", "Failed"), strict=True):
            try:
                self._clients.get(location)
            except ClientError as exc:
                if exc.response["Error"]["Code"] != "NoSuchKey":
                    raise
            else:
                return status
        return None

    def _is_own(self, inference_id: str) -> bool:
        return self._clients.get(self._locations[inference_id][0]).split()[0] == inference_id.encode()


def add_faults(aws: LocalAws) -> None:
    """Add all faults, with a seed that always gives the same ones."""
    aws.faults.seed(1)
    for fault in FAULTS:
        aws.faults.add(fault)


def clear_faults(aws: LocalAws) -> None:
    """Remove all faults."""
    aws.faults.clear()


def kill_workers(aws: LocalAws) -> int:
    """Kill every worker and return how many there were."""
    pids = aws.worker_pids()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return len(pids)


def counted(aws: LocalAws) -> Counter[str]:
    """The number of times that each event has been recorded."""
    names = ("accepted", "completed", "failed", "expired", "dropped")
    return Counter({name: aws.journal.count(f"async.{name}") for name in names})


@contextmanager
def killing(server: Server) -> Iterator[list[int]]:
    """Kill the workers every few seconds meanwhile; yield a list with the number killed so far."""
    done, killed = threading.Event(), [0]

    def kill() -> None:
        while not done.wait(KILL_EVERY_SECONDS):
            killed[0] += server.call(kill_workers)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield killed
    finally:
        done.set()
        killer.join()


def load(server: Server, invocations: int) -> Iterator[Measure]:
    """Yield the measures after this many invocations."""
    caller = Caller(server)
    caller.deploy()
    together(caller.invoke, range(-CLIENTS, 0))
    server.wait_until(has_ended, CLIENTS)
    before = server.resident_bytes
    server.call(add_faults)
    with caller.listening():
        started = time.monotonic()
        with killing(server) as killed:
            together(caller.invoke, range(invocations))
            server.wait_until(has_ended, CLIENTS + invocations)
        seconds = time.monotonic() - started
    server.call(clear_faults)
    yield _balance(server.call(counted), killed[0], seconds)
    yield _answered(caller, CLIENTS + invocations)
    caller.delete_objects()
    yield _memory(server, before)


def _balance(counts: Counter[str], killed: int, seconds: float) -> Measure:
    accepted = counts.pop("accepted")
    ends = sum(counts.values())
    how = ", ".join(f"{count} {name}" for name, count in counts.items())
    name = (
        f"invocations that ended ({how}) of those accepted, {killed} workers killed, {accepted / seconds:.0f} a second"
    )
    return Measure(name, ends, accepted, "1", min(ends, accepted) / max(ends, accepted), 1)


def _answered(caller: Caller, invocations: int) -> Measure:
    unheard = caller.look_for_the_rest()
    wrong = caller.wrong_outputs() + caller.contradictions
    answered = len(caller.answers) - wrong
    name = f"callers with exactly one answer of their own ({unheard} of whom no notification reached)"
    return Measure(name, answered, invocations, "1", answered / invocations, 1)


def _memory(server: Server, before: int) -> Measure:
    time.sleep(TRIMMED_WITHIN_SECONDS)
    kept = (server.resident_bytes - before) / 1e6
    return Measure("memory still held once the objects are deleted", kept, MEMORY_MB, "MB", MEMORY_MB / max(kept, 1), 1)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--invocations", type=int, default=10_000, help="of 100 KB each (%(default)s)")
    chosen = parser.parse_args(arguments)
    with ServerProcess() as server:
        for measure in load(server, chosen.invocations):
            print(measure.to_json(), flush=True)


if __name__ == "__main__":
    main()
