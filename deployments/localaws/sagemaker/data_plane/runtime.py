"""The SageMaker runtime: InvokeEndpoint and InvokeEndpointAsync."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import Headers

from localaws.clock import LOOK_AGAIN_REAL_SECONDS
from localaws.errors import ModelError, ValidationError
from localaws.sagemaker.data_plane import wording
from localaws.sagemaker.data_plane.async_invocation import accept, read_async_request
from localaws.sagemaker.data_plane.async_work import MAX_HEADER_BYTES
from localaws.sagemaker.data_plane.runtime_request import read_request
from localaws.sagemaker.endpoint import Endpoint
from localaws.sagemaker.hosting import Hosting
from localaws.sagemaker.instances.instance import Instance
from localaws.sagemaker.instances.worker_process import AnswerTimeoutError, ContainerResponse, InstanceLostError
from localaws.sagemaker.state import State, key
from localaws.services.moto_services import ACCOUNT

REAL_TIME_LIMIT_SECONDS = 60.0  # AWS's, which nothing configures
SERVING_STATUSES = ("InService", "Updating", "SystemUpdating", "RollingBack")
# AWS removes other headers from a request.
_FORWARDED = (
    "Content-Type",
    "Accept",
    "X-Amzn-SageMaker-Custom-Attributes",
    "X-Amzn-SageMaker-Inference-Id",
)
_NOT_HOSTED = {
    "InferenceComponentName": "no inference component is deployed to it",
    "TargetContainerHostname": "it invokes its containers in series",
    "TargetModel": "it does not host multiple models",
}
_TOO_LONG = ContainerResponse(0, {}, wording.LONG_HEADERS.encode())


@dataclass(frozen=True)
class RuntimeAnswer:
    """An HTTP answer of the runtime."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Runtime:
    """The operations of the runtime on the endpoints of the state."""

    hosting: Hosting
    state: State

    def invoke_async(self, region: str, name: str, headers: Headers, body: bytes) -> RuntimeAnswer:
        """Queue one invocation and answer with the locations of its result."""
        request = read_async_request(name, headers, body)
        with self.hosting.lock:
            endpoint = self._serving_endpoint(region, name)
            async_config = endpoint.config.async_config
            if async_config is None:
                raise ValidationError(f"Endpoint {name} does not support asynchronous invocations: use InvokeEndpoint.")
            invocation = accept(request, async_config, endpoint.name, region, self.hosting.clock.now())
            endpoint.queue.put(invocation)
        answer = {"Content-Type": "application/json", "X-Amzn-SageMaker-OutputLocation": invocation.output_location}
        if invocation.failure_location is not None:
            answer["X-Amzn-SageMaker-FailureLocation"] = invocation.failure_location
        return RuntimeAnswer(202, answer, json.dumps({"InferenceId": invocation.inference_id}).encode())

    def invoke(self, region: str, name: str, headers: Headers, body: bytes) -> RuntimeAnswer:
        """Send the body to an instance and pass on its answer."""
        request = read_request("InvokeEndpoint", name, headers, body)
        endpoint, variant = self._target(region, name, request)
        started = time.monotonic()
        forwarded = {header: headers[header] for header in _FORWARDED if headers.get(header) is not None}
        deadline = self.hosting.clock.now() + REAL_TIME_LIMIT_SECONDS
        instance = self._take_instance(endpoint, variant, deadline)
        asked = time.monotonic()
        response = self._ask(endpoint, instance, forwarded, body, deadline)
        self._measure(endpoint, variant, response.status, time.monotonic() - asked, time.monotonic() - started)
        if not response.ok:
            raise self._model_error(endpoint, instance, response.status, response.body.decode("utf-8", "replace"))
        self.hosting.journal.record("invoke.answered", endpoint=endpoint.name, instance=instance.id)
        return RuntimeAnswer(200, _answer_headers(response, variant), response.body)

    def _target(self, region: str, name: str, request: dict[str, Any]) -> tuple[Endpoint, str]:
        wanted = request.get("TargetVariant")
        with self.hosting.lock:
            endpoint = self._serving_endpoint(region, name)
            if endpoint.config.async_config is not None:
                raise ValidationError(f"Endpoint {name} is asynchronous: invoke it by InvokeEndpointAsync.")
            if unsupported := next((member for member in _NOT_HOSTED if member in request), None):
                raise ValidationError(f"{unsupported} is not supported by endpoint {name}: {_NOT_HOSTED[unsupported]}.")
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
        """Take the least busy healthy instance; wait for one while workers restart."""
        with endpoint.changed:
            while not (healthy := _healthy(endpoint, variant)):
                left = deadline - self.hosting.clock.now()
                if left <= 0 or endpoint.status == "Deleting":
                    raise self._model_error(endpoint, None, 0, wording.TIMED_OUT)
                endpoint.changed.wait(min(self.hosting.clock.real_seconds(left), LOOK_AGAIN_REAL_SECONDS))
            instance = min(healthy, key=lambda each: each.in_flight)
            instance.in_flight += 1
            return instance

    def _ask(
        self, endpoint: Endpoint, instance: Instance, headers: dict[str, str], body: bytes, deadline: float
    ) -> ContainerResponse:
        """The container's answer, or the platform's text in its place, with status 0."""
        clock = self.hosting.clock
        try:
            # Python takes a time-out of 0 for a socket that does not block.
            response = instance.invoke(body, headers, clock.real_seconds(deadline - clock.now()) + 1e-6)
        except AnswerTimeoutError:
            return ContainerResponse(0, {}, wording.TIMED_OUT.encode())
        except InstanceLostError:
            return ContainerResponse(0, {}, wording.no_response(endpoint.name).encode())
        finally:
            with endpoint.changed:
                instance.in_flight -= 1
                endpoint.changed.notify_all()
        return response if response.header_bytes <= MAX_HEADER_BYTES else _TOO_LONG

    def _model_error(self, endpoint: Endpoint, instance: Instance | None, status: int, message: str) -> ModelError:
        group = f"/aws/sagemaker/Endpoints/{endpoint.name}"
        stream = f":log-stream:{instance.log_stream}" if instance is not None else ""
        log_arn = f"arn:aws:logs:{endpoint.region}:{ACCOUNT}:log-group:{group}{stream}"
        self.hosting.journal.record("invoke.failed", endpoint=endpoint.name, status=status, message=message[:1000])
        text = wording.model_error(status, message, endpoint.region, group)
        return ModelError(text, status, message, log_arn)

    def _measure(self, endpoint: Endpoint, variant: str, status: int, model_seconds: float, seconds: float) -> None:
        endpoint.metrics.count("Invocations", variant)
        instances = endpoint.variants[variant].current if variant in endpoint.variants else 1
        endpoint.metrics.count("InvocationsPerInstance", variant, 1 / max(1, instances))
        endpoint.metrics.microseconds("ModelLatency", variant, model_seconds)
        endpoint.metrics.microseconds("OverheadLatency", variant, max(0.0, seconds - model_seconds))
        endpoint.metrics.status(variant, status)


def _healthy(endpoint: Endpoint, variant: str) -> list[Instance]:
    return endpoint.healthy_instances(variant) if variant in endpoint.variants else []


def _by_weight(endpoint: Endpoint) -> str:
    names = list(endpoint.variants)
    weights = [endpoint.variants[name].weight for name in names]
    # A pseudo-random generator is enough: the choice of variant is no secret.
    return random.choices(names, weights)[0] if any(weights) else names[0]  # noqa: S311


def _answer_headers(response: ContainerResponse, variant: str) -> dict[str, str]:
    headers = {"Content-Type": response.content_type, "x-Amzn-Invoked-Production-Variant": variant}
    attributes = response.headers.get("x-amzn-sagemaker-custom-attributes")
    if attributes is not None:
        headers["X-Amzn-SageMaker-Custom-Attributes"] = attributes
    return headers
