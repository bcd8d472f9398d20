"""One asynchronous invocation: what the caller asked for, and how it ended."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from werkzeug.datastructures import Headers

from localaws.clock import utc_now
from localaws.errors import ValidationError
from localaws.sagemaker.data_plane.runtime_request import read_request
from localaws.sagemaker.instances.worker_process import ContainerResponse
from localaws.services.moto_services import ACCOUNT

# AWS's defaults for the time in the queue, and in the container.
DEFAULT_TTL_SECONDS = 21_600
DEFAULT_TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class AsyncInvocation:
    """An accepted request in the queue. Clock times are AWS seconds.

    output_config: the endpoint's at acceptance; a later update changes neither the topics nor the locations.
    """

    request: dict[str, Any]
    inference_id: str
    output_location: str
    failure_location: str | None
    received: datetime
    received_clock: float
    output_config: dict[str, Any]
    redelivered: bool = False

    def event(self, ending: str) -> str:
        """The journal's event for its ending; only the first delivery counts."""
        return "async.redelivered" if self.redelivered else f"async.{ending}"

    @property
    def expires_clock(self) -> float:
        """The clock time from which it is too old to be started."""
        return self.received_clock + float(self.request.get("RequestTTLSeconds", DEFAULT_TTL_SECONDS))

    @property
    def timeout_seconds(self) -> float:
        """AWS seconds that the container may take."""
        return float(self.request.get("InvocationTimeoutSeconds", DEFAULT_TIMEOUT_SECONDS))

    @property
    def inline_bytes(self) -> int:
        """The bytes of its body, which take up the queue's memory; an input in S3 takes none."""
        return len(self.request.get("Body", b""))

    def container_headers(self, input_content_type: str | None) -> dict[str, str]:
        """The headers for the container; the caller's content type takes precedence over the input object's.

        Clients depend on the object's: the SageMaker SDK gives the content type nowhere else.
        """
        headers = {
            "Content-Type": self.request.get("ContentType") or input_content_type,
            "Accept": self.request.get("Accept"),
            "X-Amzn-SageMaker-Custom-Attributes": self.request.get("CustomAttributes"),
            "X-Amzn-SageMaker-Inference-Id": self.inference_id,
        }
        return {name: value for name, value in headers.items() if value is not None}


@dataclass(frozen=True)
class Outcome:
    """The end of an invocation: the container's answer, the reason for its failure, or both.

    log_message: the text for the platform's own log, where it says more than the reason.
    """

    response: ContainerResponse | None
    failure_reason: str | None = None
    expired: bool = False
    log_message: str | None = None

    @property
    def completed(self) -> bool:
        """True if there is an output object."""
        return self.failure_reason is None

    @property
    def logged(self) -> str:
        """The failure's text in the platform's own log."""
        return self.log_message or (self.failure_reason or "").removeprefix("ClientError: ")

    @property
    def failure_body(self) -> bytes:
        """The failure object's content: the container's answer if there was one, or else the reason."""
        return self.response.body if self.response is not None else (self.failure_reason or "").encode()

    @property
    def failure_content_type(self) -> str:
        """The failure object's content type: the container's, as for an output.

        AWS documents it for neither. The SageMaker SDK decodes both by the object's content type, with the deserializer
        for the container's answers, so both must have the container's.
        """
        return self.response.content_type if self.response is not None else "text/plain"


def read_async_request(endpoint: str, headers: Headers, body: bytes) -> dict[str, Any]:
    """Read the request's members, and check them as the service does."""
    request = read_request("InvokeEndpointAsync", endpoint, headers, body)
    if ("Body" in request) == ("InputLocation" in request):
        found_both = "both" if "Body" in request else "neither"
        raise ValidationError(f"Exactly one of Body and InputLocation must be provided; {found_both} was found.")
    return request


def accept(
    request: dict[str, Any], async_config: dict[str, Any], endpoint: str, region: str, now: float
) -> AsyncInvocation:
    """The invocation as it enters the queue, with the locations of its result."""
    output = async_config["OutputConfig"]
    default_path = f"s3://sagemaker-{region}-{ACCOUNT}/async-endpoint-outputs/{endpoint}"
    # AWS names the object by another identifier than the inference id, so clients cannot derive the key from that.
    identifier = str(uuid.uuid4())
    name = request.get("Filename")
    stem = name.partition(".")[0] if name else identifier
    failure_path = output.get("S3FailurePath")
    return AsyncInvocation(
        request=request,
        inference_id=request.get("InferenceId") or str(uuid.uuid4()),
        output_location=_join(
            output.get("S3OutputPath", default_path), request.get("S3OutputPathExtension"), name or f"{identifier}.out"
        ),
        failure_location=_join(failure_path, None, f"{stem}-error.out") if failure_path else None,
        received=utc_now(),
        received_clock=now,
        output_config=output,
    )


def _join(path: str, extension: str | None, name: str) -> str:
    parts = [path.rstrip("/"), (extension or "").strip("/"), name]
    return "/".join(part for part in parts if part)
