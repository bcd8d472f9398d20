"""The SageMaker runtime: InvokeEndpoint and InvokeEndpointAsync."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass

from werkzeug.datastructures import Headers

from localaws.errors import ModelError, ValidationError
from localaws.sagemaker.async_invocation import accept, read_request
from localaws.sagemaker.constraints import violation_message, violations
from localaws.sagemaker.endpoint import Endpoint
from localaws.sagemaker.hosting import Hosting
from localaws.sagemaker.instance import Instance
from localaws.sagemaker.state import State, key
from localaws.sagemaker.worker_process import AnswerTimeoutError, ContainerResponse, WorkerGoneError
from localaws.services.moto_services import ACCOUNT

REAL_TIME_LIMIT_SECONDS = 60.0
SERVING_STATUSES = ("InService", "Updating", "SystemUpdating", "RollingBack")
_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for "
    "each container in Amazon CloudWatch, resolve the issue, and try again."
)
_FORWARDED = (
    "Content-Type",
    "Accept",
    "X-Amzn-SageMaker-Custom-Attributes",
    "X-Amzn-SageMaker-Inference-Id",
    "X-Amzn-SageMaker-Target-Model",
)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of the runtime."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Runtime:
    """Invokes the endpoints of the state."""

    hosting: Hosting
    state: State

    def invoke_async(self, region: str, name: str, headers: Headers, body: bytes) -> Answer:
        """Queues one invocation and tells where its result will be."""
        request = read_request(name, headers, body)
        with self.hosting.lock:
            endpoint = self._serving_endpoint(region, name)
            async_config = endpoint.config.async_config
            if async_config is None:
                raise ValidationError(f"Endpoint {name} does not support asynchronous invocations: use InvokeEndpoint.")
            invocation = accept(request, async_config, endpoint.name, region, self.hosting.clock.now())
            endpoint.queue.put(invocation)
        self.hosting.journal.record("async.accepted", endpoint=endpoint.name, inference_id=invocation.inference_id)
        answer = {"Content-Type": "application/json", "X-Amzn-SageMaker-OutputLocation": invocation.output_location}
        if invocation.failure_location is not None:
            answer["X-Amzn-SageMaker-FailureLocation"] = invocation.failure_location
        return Answer(202, answer, json.dumps({"InferenceId": invocation.inference_id}).encode())

    def invoke(self, region: str, name: str, headers: Headers, body: bytes) -> Answer:
        """Sends the body to an instance and hands on its answer."""
        self._check_real_time(name, headers, body)
        started = time.monotonic()
        endpoint, variant = self._target(region, name, headers.get("X-Amzn-SageMaker-Target-Variant"))
        forwarded = {header: headers[header] for header in _FORWARDED if headers.get(header) is not None}
        deadline = self.hosting.clock.now() + REAL_TIME_LIMIT_SECONDS
        instance = self._take_instance(endpoint, variant, deadline)
        try:
            response, model_seconds = self._call(endpoint, instance, forwarded, body, deadline)
        finally:
            with endpoint.changed:
                instance.in_flight -= 1
                endpoint.changed.notify_all()
        self._measure(endpoint, variant, response.status, model_seconds, time.monotonic() - started)
        if not response.ok:
            raise self._model_error(endpoint, instance, response.status, response.body.decode("utf-8", "replace"))
        return Answer(200, _answer_headers(response, variant), response.body)

    def _check_real_time(self, name: str, headers: Headers, body: bytes) -> None:
        request: dict[str, object] = {"EndpointName": name, "Body": body}
        for member, header in (
            ("CustomAttributes", "X-Amzn-SageMaker-Custom-Attributes"),
            ("InferenceId", "X-Amzn-SageMaker-Inference-Id"),
            ("TargetVariant", "X-Amzn-SageMaker-Target-Variant"),
        ):
            if headers.get(header) is not None:
                request[member] = headers[header]
        if found := violations("sagemaker-runtime", "InvokeEndpoint", request):
            raise ValidationError(violation_message(found))

    def _target(self, region: str, name: str, wanted: str | None) -> tuple[Endpoint, str]:
        with self.hosting.lock:
            endpoint = self._serving_endpoint(region, name)
            if endpoint.config.async_config is not None:
                raise ValidationError(f"Endpoint {name} is asynchronous: invoke it by InvokeEndpointAsync.")
            if wanted is not None and wanted not in endpoint.variants:
                raise ValidationError(f"Variant {wanted} not found in endpoint {name}.")
            return endpoint, wanted or _by_weight(endpoint)

    def _serving_endpoint(self, region: str, name: str) -> Endpoint:
        endpoint = self.state.endpoints.get(key(region, name))
        if endpoint is None:
            raise ValidationError(f"Endpoint {name} of account {ACCOUNT} not found.")
        if endpoint.status not in SERVING_STATUSES:
            raise ValidationError(f"Endpoint {name} of account {ACCOUNT} is not in service: it is {endpoint.status}.")
        return endpoint

    def _take_instance(self, endpoint: Endpoint, variant: str, deadline: float) -> Instance:
        """The least busy healthy instance; waits for one while workers restart."""
        with endpoint.changed:
            while not (healthy := _healthy(endpoint, variant)):
                left = deadline - self.hosting.clock.now()
                if left <= 0 or endpoint.status == "Deleting":
                    raise self._model_error(endpoint, None, 0, _TIMED_OUT)
                endpoint.changed.wait(self.hosting.clock.real_seconds(left))
            instance = min(healthy, key=lambda each: each.in_flight)
            instance.in_flight += 1
            return instance

    def _call(
        self, endpoint: Endpoint, instance: Instance, headers: dict[str, str], body: bytes, deadline: float
    ) -> tuple[ContainerResponse, float]:
        clock = self.hosting.clock
        started = time.monotonic()
        try:
            response = instance.invoke(body, headers, clock.real_seconds(deadline - clock.now()) + 1e-6)
        except AnswerTimeoutError as exc:
            self._measure(endpoint, instance.variant_name, 0, time.monotonic() - started, time.monotonic() - started)
            raise self._model_error(endpoint, instance, 0, _TIMED_OUT) from exc
        except WorkerGoneError:
            response = instance.worker_died()
        return response, time.monotonic() - started

    def _model_error(self, endpoint: Endpoint, instance: Instance | None, status: int, message: str) -> ModelError:
        group = f"/aws/sagemaker/Endpoints/{endpoint.name}"
        kind = "client" if 400 <= status < 500 else "server"
        text = (
            f'Received {kind} error ({status}) from primary with message "{message}". See '
            f"https://{endpoint.region}.console.aws.amazon.com/cloudwatch/home?region={endpoint.region}"
            f"#logEventViewer:group={group} in account {ACCOUNT} for more information."
        )
        stream = f":log-stream:{instance.log_stream}" if instance is not None else ""
        log_arn = f"arn:aws:logs:{endpoint.region}:{ACCOUNT}:log-group:{group}{stream}"
        self.hosting.journal.record("invoke.failed", endpoint=endpoint.name, status=status, message=message[:1000])
        return ModelError(text, status, message, log_arn)

    def _measure(self, endpoint: Endpoint, variant: str, status: int, model_seconds: float, seconds: float) -> None:
        endpoint.metrics.count("Invocations", variant)
        endpoint.metrics.microseconds("ModelLatency", variant, model_seconds)
        endpoint.metrics.microseconds("OverheadLatency", variant, max(0.0, seconds - model_seconds))
        endpoint.metrics.status(variant, status)


def _healthy(endpoint: Endpoint, variant: str) -> list[Instance]:
    return endpoint.healthy_instances(variant) if variant in endpoint.variants else []


def _by_weight(endpoint: Endpoint) -> str:
    names = list(endpoint.variants)
    weights = [endpoint.variants[name].weight for name in names]
    # Which variant answers is no secret: the pseudo-random generator is enough.
    return random.choices(names, weights)[0] if any(weights) else names[0]  # noqa: S311


def _answer_headers(response: ContainerResponse, variant: str) -> dict[str, str]:
    headers = {"Content-Type": response.content_type, "x-Amzn-Invoked-Production-Variant": variant}
    attributes = response.headers.get("x-amzn-sagemaker-custom-attributes")
    if attributes is not None:
        headers["X-Amzn-SageMaker-Custom-Attributes"] = attributes
    return headers
