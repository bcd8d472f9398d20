"""The texts of the data plane, in one place: AWS's recorded ones, and the likeliest where none was recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from localaws.sagemaker.instances.worker_process import ContainerResponse
from localaws.services.moto_services import ACCOUNT

MAX_QUOTED_CHARACTERS = 4096
_SEE_LOGS = "See the SageMaker Endpoint logs in your account for more information."

TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for "
    "each container in Amazon CloudWatch, resolve the issue, and try again."
)
ASYNC_TIMED_OUT = "ClientError: Your invocation timed out while waiting for a response from container primary."
NO_CONTENT_LENGTH = "The response from container primary did not specify the required Content-Length header"
LONG_HEADERS = (
    "Response received from the primary container has headers with length greater than 4096 bytes. Reduce the length "
    "of your container's response headers and update your endpoint."
)
QUEUE_FULL = "Rate exceeded"


def no_response(endpoint: str) -> str:
    """The error text for a request whose instance went away."""
    return (
        f"Amazon SageMaker could not get a response from the {endpoint} endpoint. This can occur when CPU or memory "
        "utilization is high. To check your utilization, see Amazon CloudWatch. To fix this problem, use an instance "
        "type with more CPU capacity or memory."
    )


def worker_died() -> ContainerResponse:
    """The answer of the model server in AWS's image for a worker that died in the middle of a request."""
    body = {"code": 500, "type": "InternalServerException", "message": "Worker died."}
    text = json.dumps(body, indent=2) + "\n"
    return ContainerResponse(500, {"content-type": "application/json", "content-length": str(len(text))}, text.encode())


def received_error(status: int, message: str) -> str:
    """The text for a container's error in the platform's own log."""
    return f'Received {_kind(status)} error ({status}) from primary with message "{message}"'


def model_error(status: int, message: str, region: str, log_group: str) -> str:
    """The text of a ModelError."""
    return (
        f"{received_error(status, message)}. See "
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#logEventViewer:group={log_group} in account {ACCOUNT} for more information."
    )


def async_error(status: int) -> str:
    """The failureReason of an asynchronous invocation that the container answered with an error.

    In every recording it gives the status alone, never the container's text; that is in the notification's
    responseBody where IncludeInferenceResponseIn asks for it, and at the failure location.
    """
    return f"ClientError: Received {_kind(status)} error ({status}) from model. {_SEE_LOGS}"


def not_downloaded(location: str, why: object) -> str:
    """The failureReason of an invocation without its input."""
    return f"ClientError: Could not download the input data from {location}: {why}."


def too_large(location: str, size: int, most: int) -> str:
    """The failureReason of an invocation whose input is larger than the service takes."""
    return f"ClientError: The input data at {location} has {size} bytes, more than the maximum of {most} bytes."


def not_uploaded(location: str, why: object) -> str:
    """The failureReason of an invocation whose result could not be written."""
    return f"ClientError: Could not upload the response to {location}: {why}."


def expired(seconds: float) -> str:
    """The failureReason of an invocation that was never started."""
    return f"ClientError: The request expired: it waited in the queue for more than {seconds:.0f} seconds."


def data_log_line(moment: datetime, inference_id: str, text: str) -> str:
    """One line of an instance's data-log."""
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
    return f"{stamp}:[sagemaker logs] [{inference_id}] {text}"


def succeeded(latencies: Mapping[str, float], waited_seconds: float, total_seconds: float) -> str:
    """The data-log's text for a completed invocation."""
    shown = [f"{name}: {seconds * 1e6:.0f} us" for name, seconds in latencies.items()]
    shown += [f"TimeInBacklog: {waited_seconds * 1e3:.0f} ms", f"TotalProcessingTime: {total_seconds * 1e3:.0f} ms"]
    return f"Inference request succeeded. {', '.join(shown)}"


def failed_ping(variant: str) -> str:
    """The FailureReason of an endpoint whose container never became healthy."""
    return (
        f"The primary container for production variant {variant} did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    )


def could_not_start(why: object) -> str:
    """The FailureReason of an endpoint whose container could not be started at all."""
    return f"The primary container could not be started: {why}. Please check CloudWatch logs for this endpoint."


def role_cannot_publish(role: str, topic: str) -> str:
    """The FailureReason of an endpoint whose topic refused a message."""
    return (
        f"The provided role '{role}' is invalid. Please ensure the role exists, that its trust relationship policy "
        'allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com", and has '
        f'"sns:Publish" permissions for topic "{topic}"'
    )


def _kind(status: int) -> str:
    return "client" if 400 <= status < 500 else "server"
