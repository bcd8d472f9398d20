"""The effects of faults on the data plane; each function is called where one can happen, and usually does nothing."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from localaws.faults import (
    DiskFull,
    HandlerHangs,
    InstanceLost,
    MemoryLimit,
    NotificationDelayed,
    NotificationDoubled,
    NotificationLost,
    S3Fails,
    SlowColdStart,
    WorkerKilled,
)
from localaws.faults.gate import S3_ERRORS
from localaws.sagemaker.hosting import Hosting
from localaws.sagemaker.instances.artifact import ModelDataError
from localaws.sagemaker.instances.host_metrics import resident_mebibytes
from localaws.sagemaker.instances.worker_process import (
    AnswerTimeoutError,
    ContainerResponse,
    WorkerGoneError,
    WorkerProcess,
)
from localaws.services.moto_services import Location, ObjectMissingError

Result = TypeVar("Result")
# The pauses, in AWS seconds, of the AWS SDKs' standard retry mode: three attempts, a growing pause between them.
S3_PAUSES_SECONDS = (0.5, 1.0)
_POLL_REAL_SECONDS = 0.01


class ObjectUnavailableError(ObjectMissingError):
    """A failure of S3 at each attempt that an AWS SDK makes."""


def cold_start_seconds(hosting: Hosting, endpoint: str) -> float:
    """AWS seconds during which a container that starts now answers no ping."""
    slow = hosting.faults.strike(SlowColdStart, endpoint=endpoint)
    return slow.seconds if slow is not None else 0.0


def before_model_data(hosting: Hosting, endpoint: str, container: dict[str, Any]) -> None:
    """Raise ModelDataError if a fault keeps the instance from fetching or unpacking its model data."""
    if not hosting.faults:
        return
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri = container.get("ModelDataUrl") or source.get("S3Uri")
    if uri is None:
        return
    try:
        through_s3(hosting, "GetObject", uri, lambda: None)
    except ObjectUnavailableError as exc:
        raise ModelDataError(f'Failed to download model data for container "primary" from URL "{uri}": {exc}') from exc
    except ObjectMissingError:
        return  # no location in S3, which place_model_data reports better
    if hosting.faults.strike(DiskFull, endpoint=endpoint) is not None:
        raise ModelDataError(
            f'Failed to extract model data archive from URL "{uri}". The model data archive is too large. '
            "Please reduce the size of the model data archive or move to an instance type with more memory."
        )


def through_s3(hosting: Hosting, operation: str, uri: str, work: Callable[[], Result]) -> Result:
    """Do the data plane's work with an object; while S3 fails, try as often as an AWS SDK does."""
    if not hosting.faults:
        return work()
    location = Location.parse(uri)
    where = {"bucket": location.bucket, "key": location.key, "operation": operation, "caller": "data-plane"}
    pauses = iter(S3_PAUSES_SECONDS)
    while (failing := hosting.faults.strike(S3Fails, **where)) is not None:
        pause = next(pauses, None)
        if pause is None:
            status, message = S3_ERRORS[failing.code]
            attempts = len(S3_PAUSES_SECONDS) + 1
            raise ObjectUnavailableError(f"{failing.code} ({status}) after {attempts} attempts: {message}")
        hosting.clock.wait(hosting.closing, pause)
    return work()


def notify(hosting: Hosting, topic: str, publish: Callable[[], None]) -> None:
    """Publish a notification once, unless a fault loses, delays or doubles it."""
    name = topic.rpartition(":")[2]
    if hosting.faults.strike(NotificationLost, topic=name) is not None:
        return
    if (delayed := hosting.faults.strike(NotificationDelayed, topic=name)) is not None:
        hosting.threads.spawn("delayed-notification", _later, hosting, delayed.seconds, publish)
        return
    publish()
    if hosting.faults.strike(NotificationDoubled, topic=name) is not None:
        publish()


def invoke(
    hosting: Hosting,
    endpoint: str,
    worker: WorkerProcess,
    lose_instance: Callable[[], None],
    body: bytes,
    headers: dict[str, str],
    timeout: float,
) -> ContainerResponse:
    """Invoke the worker and return its answer, unless a fault prevents it."""
    faults = hosting.faults
    if not faults:
        return worker.invoke(body, headers, timeout)
    if faults.strike(HandlerHangs, endpoint=endpoint) is not None:
        _hang(hosting, worker, timeout)
    on_sent = _nothing
    if faults.strike(WorkerKilled, endpoint=endpoint) is not None:
        on_sent = _ending(worker.kill)
    elif faults.strike(InstanceLost, endpoint=endpoint) is not None:
        on_sent = _ending(lose_instance)
    with _memory_limited(hosting, endpoint, worker):
        return worker.invoke(body, headers, timeout, on_sent)


def _nothing() -> None:
    """Do nothing to the worker: no fault struck."""


def _ending(end: Callable[[], None]) -> Callable[[], None]:
    """A callback that ends the worker or instance with the request in hand, and drops an answer that still comes."""

    def then_reset() -> None:
        end()
        raise ConnectionResetError("a fault ended the worker with the request in hand")

    return then_reset


def _hang(hosting: Hosting, worker: WorkerProcess, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while worker.alive() and not hosting.closing.is_set():
        if time.monotonic() >= deadline:
            raise AnswerTimeoutError(f"a fault: no answer within {timeout:.3f} s")
        time.sleep(_POLL_REAL_SECONDS)
    raise WorkerGoneError("the worker ended while a fault kept its answer back")


def _later(hosting: Hosting, seconds: float, publish: Callable[[], None]) -> None:
    generation = hosting.faults.generation
    ended = hosting.clock.wait(hosting.closing, seconds)
    if not ended and generation == hosting.faults.generation:
        publish()


@contextlib.contextmanager
def _memory_limited(hosting: Hosting, endpoint: str, worker: WorkerProcess) -> Iterator[None]:
    """Watch the worker's memory as an instance's kernel does, and once more after the request."""
    limit = hosting.faults.threatens(MemoryLimit, endpoint=endpoint)
    if limit is None:
        yield
        return
    answered = threading.Event()
    watcher = hosting.threads.spawn("memory-limit", _watch_memory, hosting, endpoint, worker, limit.mebibytes, answered)
    try:
        yield
    finally:
        answered.set()
        watcher.join()


def _watch_memory(
    hosting: Hosting, endpoint: str, worker: WorkerProcess, mebibytes: float, answered: threading.Event
) -> None:
    last = False
    while not last:
        last = answered.wait(_POLL_REAL_SECONDS)
        if resident_mebibytes(worker.pid) > mebibytes:
            if hosting.faults.strike(MemoryLimit, endpoint=endpoint) is not None:
                worker.kill()
            return
