"""The queue of an asynchronous endpoint: dispatch to free instances, expiry, and what happens to each result."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from localaws.clock import utc_now
from localaws.sagemaker import notifications
from localaws.sagemaker.async_invocation import AsyncInvocation, Outcome
from localaws.sagemaker.instance import Instance
from localaws.sagemaker.worker_process import AnswerTimeoutError, WorkerGoneError
from localaws.services.moto_services import DeliveryError, ObjectMissingError

if TYPE_CHECKING:
    from localaws.sagemaker.endpoint import Endpoint

DEFAULT_CONCURRENCY = 4
_SEE_LOGS = "See the SageMaker Endpoint logs in your account for more information."
_TIMED_OUT = "ClientError: Your invocation timed out while waiting for a response from container primary."


class AsyncQueue:
    """The waiting invocations of one endpoint; they survive an update and a time without instances."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._hosting = endpoint.hosting
        self._changed = threading.Condition(endpoint.hosting.lock)
        self._waiting: OrderedDict[int, AsyncInvocation] = OrderedDict()
        self._expiries: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self._processing: dict[int, AsyncInvocation] = {}
        self._closed = False

    def start(self) -> None:
        """Begins to dispatch."""
        self._hosting.threads.spawn(f"dispatch-{self._endpoint.name}", self._dispatch)

    def put(self, invocation: AsyncInvocation) -> None:
        """Adds an accepted invocation."""
        with self._changed:
            number = next(self._numbers)
            self._waiting[number] = invocation
            heapq.heappush(self._expiries, (invocation.expires_clock, number))
            self._changed.notify_all()

    def wake(self) -> None:
        """Tells the dispatcher that instances came or went."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Drops what waits, as deleting the endpoint does."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def join(self, deadline: float) -> None:
        """Waits until nothing is being processed; the deadline is one of time.monotonic."""
        with self._changed:
            self._changed.wait_for(lambda: not self._processing, max(0.0, deadline - time.monotonic()))

    def publish_backlog(self) -> None:
        """Puts the backlog metrics of this moment."""
        with self._hosting.lock:
            backlog = [*self._waiting.values(), *self._processing.values()]
            instances = sum(len(variant.instances) for variant in self._endpoint.variants.values())
            oldest = min((invocation.received_clock for invocation in backlog), default=self._hosting.clock.now())
        self._endpoint.metrics.backlog(len(backlog), instances, self._hosting.clock.now() - oldest)

    def _dispatch(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._has_work():
                    self._changed.wait(self._until_next_expiry())
                if self._closed:
                    return
                expired = self._take_expired()
                started = None if expired else self._take_next()
            for invocation in expired:
                self._finish(invocation, self._endpoint.default_variant, _expired(invocation))
            if started is not None:
                number, invocation, instance = started
                name = f"invocation-{invocation.inference_id}"
                self._hosting.threads.spawn(name, self._process, number, invocation, instance)

    def _has_work(self) -> bool:
        self._forget_started()
        if self._expiries and self._expiries[0][0] <= self._hosting.clock.now():
            return True
        return bool(self._waiting) and self._free_instance() is not None

    def _until_next_expiry(self) -> float | None:
        if not self._expiries:
            return None
        return self._hosting.clock.real_seconds(self._expiries[0][0] - self._hosting.clock.now()) + 0.001

    def _forget_started(self) -> None:
        while self._expiries and self._expiries[0][1] not in self._waiting:
            heapq.heappop(self._expiries)

    def _take_expired(self) -> list[AsyncInvocation]:
        expired = []
        while self._expiries and self._expiries[0][0] <= self._hosting.clock.now():
            _, number = heapq.heappop(self._expiries)
            if number in self._waiting:
                expired.append(self._waiting.pop(number))
        return expired

    def _free_instance(self) -> Instance | None:
        client = (self._endpoint.config.async_config or {}).get("ClientConfig", {})
        limit = client.get("MaxConcurrentInvocationsPerInstance", DEFAULT_CONCURRENCY)
        free = [instance for instance in self._endpoint.healthy_instances() if instance.in_flight < limit]
        return min(free, key=lambda instance: instance.in_flight, default=None)

    def _take_next(self) -> tuple[int, AsyncInvocation, Instance] | None:
        instance = self._free_instance()
        if instance is None or not self._waiting:
            return None
        number, invocation = self._waiting.popitem(last=False)
        self._processing[number] = invocation
        instance.in_flight += 1
        return number, invocation, instance

    def _process(self, number: int, invocation: AsyncInvocation, instance: Instance) -> None:
        variant = instance.variant_name
        waited = self._hosting.clock.now() - invocation.received_clock
        self._endpoint.metrics.milliseconds("TimeInBacklog", variant, waited)
        try:
            self._finish(invocation, variant, self._invoke(invocation, instance))
        finally:
            with self._changed:
                instance.in_flight -= 1
                del self._processing[number]
                self._changed.notify_all()

    def _invoke(self, invocation: AsyncInvocation, instance: Instance) -> Outcome:
        try:
            body = self._input(invocation)
        except ObjectMissingError as exc:
            self._endpoint.metrics.count("RequestDownloadFailures", instance.variant_name)
            location = invocation.request["InputLocation"]
            return Outcome(None, f"ClientError: Could not download the input data from {location}: {exc}.")
        timeout = self._hosting.clock.real_seconds(invocation.timeout_seconds)
        started = utc_now()
        try:
            response = instance.invoke(body, invocation.container_headers(), timeout)
        except AnswerTimeoutError:
            return Outcome(None, _TIMED_OUT)
        except WorkerGoneError:
            return Outcome(instance.worker_died(), f"ClientError: Received server error (500) from model. {_SEE_LOGS}")
        latency = (utc_now() - started).total_seconds()
        self._endpoint.metrics.microseconds("ModelLatency", instance.variant_name, latency)
        self._endpoint.metrics.status(instance.variant_name, response.status)
        if response.ok:
            return Outcome(response)
        kind = "client" if 400 <= response.status < 500 else "server"
        return Outcome(response, f"ClientError: Received {kind} error ({response.status}) from model. {_SEE_LOGS}")

    def _input(self, invocation: AsyncInvocation) -> bytes:
        if "Body" in invocation.request:
            inline: bytes = invocation.request["Body"]
            return inline
        return self._endpoint.services.read_object(invocation.request["InputLocation"])

    def _finish(self, invocation: AsyncInvocation, variant: str, outcome: Outcome) -> None:
        outcome = self._upload(invocation, variant, outcome)
        metrics = self._endpoint.metrics
        metrics.count("InvocationsProcessed", variant)
        if not outcome.completed:
            metrics.count("InvocationFailures", variant)
        if outcome.expired:
            metrics.count("ExpiredRequests", variant)
        metrics.milliseconds("TotalProcessingTime", variant, self._hosting.clock.now() - invocation.received_clock)
        self._notify(invocation, variant, outcome)
        self._hosting.journal.record(
            "async.completed" if outcome.completed else "async.failed",
            endpoint=self._endpoint.name,
            inference_id=invocation.inference_id,
            reason=outcome.failure_reason,
        )

    def _upload(self, invocation: AsyncInvocation, variant: str, outcome: Outcome) -> Outcome:
        services = self._endpoint.services
        if outcome.completed and outcome.response is not None:
            try:
                services.write_object(invocation.output_location, outcome.response.body, outcome.response.content_type)
                return outcome
            except ObjectMissingError as exc:
                self._endpoint.metrics.count("ResponseUploadFailures", variant)
                reason = f"ClientError: Could not upload the response to {invocation.output_location}: {exc}."
                outcome = Outcome(None, reason)
        if invocation.failure_location is not None:
            try:
                services.write_object(invocation.failure_location, outcome.failure_body, "text/plain")
            except ObjectMissingError as exc:
                self._endpoint.metrics.count("ResponseUploadFailures", variant)
                self._hosting.journal.record("async.failure_lost", location=invocation.failure_location, error=str(exc))
        return outcome

    def _notify(self, invocation: AsyncInvocation, variant: str, outcome: Outcome) -> None:
        async_config = self._endpoint.config.async_config
        topic = notifications.topic_of(outcome, async_config) if async_config else None
        if topic is None or async_config is None:
            return
        text = notifications.message(invocation, outcome, async_config, self._endpoint.region, utc_now())
        try:
            self._endpoint.services.publish(topic, text)
        except DeliveryError as exc:
            self._endpoint.metrics.count("NotificationFailures", variant)
            self._hosting.journal.record("async.notification_lost", topic=topic, error=str(exc))


def _expired(invocation: AsyncInvocation) -> Outcome:
    waited = invocation.expires_clock - invocation.received_clock
    reason = f"ClientError: The request expired: it waited in the queue for more than {waited:.0f} seconds."
    return Outcome(None, reason, expired=True)
