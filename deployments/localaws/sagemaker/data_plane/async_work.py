"""The processing of one asynchronous invocation: its input, the container's answer, the result, the notification."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from localaws.clock import utc_now
from localaws.sagemaker import fault_effects
from localaws.sagemaker.data_plane import notifications, wording
from localaws.sagemaker.data_plane.async_invocation import AsyncInvocation, Outcome
from localaws.sagemaker.instances.instance import Instance
from localaws.sagemaker.instances.worker_process import AnswerTimeoutError, ContainerResponse, InstanceLostError
from localaws.services.moto_services import DeliveryError, ObjectMissingError

if TYPE_CHECKING:
    from localaws.sagemaker.endpoint import Endpoint

# AWS's limits for an input in S3, and for the headers of a container's answer.
MAX_INPUT_BYTES = 1024**3
MAX_HEADER_BYTES = 4096


class Input(NamedTuple):
    """The input for the container; an inline body has no content type of its own."""

    body: bytes
    content_type: str | None = None


class AsyncWork:
    """The work on one invocation. Without an instance it can only expire."""

    def __init__(self, endpoint: Endpoint, invocation: AsyncInvocation, instance: Instance | None) -> None:
        self._endpoint = endpoint
        self._invocation = invocation
        self._instance = instance
        self._variant = instance.variant_name if instance is not None else endpoint.default_variant
        self._waited = endpoint.hosting.clock.now() - invocation.received_clock
        self._latencies = dict.fromkeys(("ModelLatency", "RequestDownloadLatency", "ResponseUploadLatency"), 0.0)

    def run(self, instance: Instance) -> None:
        """Have the instance answer the invocation; whatever happens, the journal records its end."""
        with self._certain_end():
            self._endpoint.metrics.milliseconds("TimeInBacklog", self._variant, self._waited)
            self._end(self._ask(instance))

    def expire(self) -> None:
        """End the invocation because it waited too long."""
        waited = self._invocation.expires_clock - self._invocation.received_clock
        with self._certain_end():
            self._end(Outcome(None, wording.expired(waited), expired=True))

    @contextmanager
    def _certain_end(self) -> Iterator[None]:
        """Record a failure if our own code raises: the invocation must end, and the thread must go on."""
        try:
            yield
        except Exception as exc:
            self._endpoint.hosting.journal.record("thread.error", thread="invocation", error=repr(exc))
            self._record(self._invocation.event("failed"), f"InternalFailure: {exc!r}")

    def _ask(self, instance: Instance) -> Outcome:
        # As on AWS the input is read only now: a missing one is accepted at first, and fails here.
        given = self._input()
        if isinstance(given, Outcome):
            return given
        headers = self._invocation.container_headers(given.content_type)
        timeout = self._endpoint.hosting.clock.real_seconds(self._invocation.timeout_seconds)
        started = time.monotonic()
        try:
            response = instance.invoke(given.body, headers, timeout)
        except AnswerTimeoutError:
            return Outcome(None, wording.ASYNC_TIMED_OUT, log_message=wording.TIMED_OUT)
        except InstanceLostError:
            # AWS does not say whether another instance gets the request; here it fails, as when a container fails.
            return _failed(0, wording.no_response(self._endpoint.name))
        self._latencies["ModelLatency"] = time.monotonic() - started
        self._endpoint.metrics.microseconds("ModelLatency", self._variant, self._latencies["ModelLatency"])
        self._endpoint.metrics.status(self._variant, response.status)
        return _judged(response)

    def _input(self) -> Input | Outcome:
        if "Body" in self._invocation.request:
            return Input(self._invocation.request["Body"])
        location = self._invocation.request["InputLocation"]
        started = time.monotonic()
        try:
            size = self._endpoint.services.object_size(location)
            if size > MAX_INPUT_BYTES:
                return self._not_downloaded(wording.too_large(location, size, MAX_INPUT_BYTES))
            hosting, services = self._endpoint.hosting, self._endpoint.services
            body = fault_effects.through_s3(hosting, "GetObject", location, lambda: services.read_object(location))
            content_type = services.object_content_type(location)
        except ObjectMissingError as exc:
            return self._not_downloaded(wording.not_downloaded(location, exc))
        self._latencies["RequestDownloadLatency"] = time.monotonic() - started
        return Input(body, content_type)

    def _not_downloaded(self, reason: str) -> Outcome:
        self._endpoint.metrics.count("RequestDownloadFailures", self._variant)
        return Outcome(None, reason)

    def _end(self, outcome: Outcome) -> None:
        outcome = self._upload(outcome)
        self._measure(outcome)
        self._notify(outcome)
        self._write_data_log(outcome)
        ending = "completed" if outcome.completed else "expired" if outcome.expired else "failed"
        self._record(self._invocation.event(ending), outcome.failure_reason)

    def _upload(self, outcome: Outcome) -> Outcome:
        started = time.monotonic()
        if outcome.completed and outcome.response is not None:
            location = self._invocation.output_location
            try:
                self._write(location, outcome.response.body, outcome.response.content_type)
            except ObjectMissingError as exc:
                self._endpoint.metrics.count("ResponseUploadFailures", self._variant)
                outcome = Outcome(None, wording.not_uploaded(location, exc))
            else:
                self._latencies["ResponseUploadLatency"] = time.monotonic() - started
                return outcome
        if (location_of_failure := self._invocation.failure_location) is not None:
            try:
                self._write(location_of_failure, outcome.failure_body, outcome.failure_content_type)
            except ObjectMissingError as exc:
                self._endpoint.metrics.count("ResponseUploadFailures", self._variant)
                self._endpoint.hosting.journal.record(
                    "async.failure_lost", location=location_of_failure, error=str(exc)
                )
        return outcome

    def _write(self, location: str, body: bytes, content_type: str) -> None:
        hosting, services = self._endpoint.hosting, self._endpoint.services
        put = partial(
            services.write_object, location, body, content_type, self._invocation.output_config.get("KmsKeyId")
        )
        fault_effects.through_s3(hosting, "PutObject", location, put)

    def _measure(self, outcome: Outcome) -> None:
        metrics = self._endpoint.metrics
        metrics.count("InvocationsProcessed", self._variant)
        if not outcome.completed:
            metrics.count("InvocationFailures", self._variant)
        if outcome.expired:
            metrics.count("ExpiredRequests", self._variant)
        for name in ("RequestDownloadLatency", "ResponseUploadLatency"):
            if self._latencies[name]:
                metrics.microseconds(name, self._variant, self._latencies[name])
        metrics.milliseconds("TotalProcessingTime", self._variant, self._total_seconds())

    def _notify(self, outcome: Outcome) -> None:
        topic = notifications.topic_of(outcome, self._invocation.output_config)
        if topic is None:
            return
        text = notifications.message(self._invocation, outcome, self._endpoint.region, utc_now())
        fault_effects.notify(self._endpoint.hosting, topic, lambda: self._publish(topic, text))

    def _publish(self, topic: str, text: str) -> None:
        try:
            self._endpoint.services.publish(topic, text)
        except DeliveryError as exc:
            self._endpoint.metrics.count("NotificationFailures", self._variant)
            self._endpoint.hosting.journal.record("async.notification_lost", topic=topic, error=str(exc))

    def _write_data_log(self, outcome: Outcome) -> None:
        if self._instance is None:
            return
        said = (
            wording.succeeded(self._latencies, self._waited, self._total_seconds())
            if outcome.completed
            else outcome.logged
        )
        line = wording.data_log_line(utc_now(), self._invocation.inference_id, said)
        self._endpoint.services.log(self._instance.log_group, f"{self._instance.log_stream}/data-log", [line])

    def _total_seconds(self) -> float:
        return self._endpoint.hosting.clock.now() - self._invocation.received_clock

    def _record(self, event: str, reason: str | None) -> None:
        inference_id = self._invocation.inference_id
        journal = self._endpoint.hosting.journal
        journal.record(event, endpoint=self._endpoint.name, inference_id=inference_id, reason=reason)


def _judged(response: ContainerResponse) -> Outcome:
    """The outcome of a container's answer, by the platform's rules on its status and headers."""
    if response.header_bytes > MAX_HEADER_BYTES:
        return Outcome(None, f"ClientError: {wording.LONG_HEADERS}", log_message=wording.LONG_HEADERS)
    if not response.ok:
        return _failed(response.status, response.body.decode("utf-8", "replace"), response)
    if not response.names_its_length:  # AWS fails such asynchronous answers, chunked ones for instance
        return Outcome(None, f"ClientError: {wording.NO_CONTENT_LENGTH}", log_message=wording.NO_CONTENT_LENGTH)
    return Outcome(response)


def _failed(status: int, message: str, response: ContainerResponse | None = None) -> Outcome:
    quoted = message[: wording.MAX_QUOTED_CHARACTERS]
    return Outcome(response, wording.async_error(status), log_message=wording.received_error(status, quoted))
