"""The finding that follows from what was seen of a request or an endpoint: always one, which has one cause."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tasks import limits
from tasks.hosting.condition import Condition
from tasks.invoking.records import InvocationRecord

EndedFinding = Literal[
    "completed",
    "answered",
    "answer_gone",
    "bad_request",
    "input_unreadable",
    "model_failed",
    "timed_out",
    "expired",
    "failed",
]
WaitingFinding = Literal[
    "endpoint_gone",
    "endpoint_failed",
    "starting",
    "no_capacity",
    "no_wake",
    "waking",
    "stuck",
    "queued",
    "unknown",
]
IdleFinding = Literal["overdue", "asleep", "ready", "unscaled", "never_zero", "always_on"]
Finding = EndedFinding | WaitingFinding | IdleFinding

LONGEST_WAKING = timedelta(minutes=20)
"""Two minutes until the alarm acts, then the instance, 5 to 10 minutes as measured, and as much again."""
_STATUS = re.compile(r"Received (?:client|server) error \((\d{1,3})\)")
_TORCHSERVE = re.compile(r'"code": ?(\d{3})\b')


@dataclass(frozen=True)
class RequestSeen:
    """A request as its record, S3 and the log show it at one time. What is None could not be looked up."""

    record: InvocationRecord
    at: datetime
    output_there: bool | None = None
    failure_there: bool | None = None
    failure_text: str = ""
    """The error in the failure object, or else what the record holds of it."""
    ahead: int | None = None
    """Requests to the same endpoint that we sent earlier and that have not ended."""
    log_lines: tuple[str, ...] = ()
    """Those that hold the inference id."""

    @property
    def age(self) -> timedelta:
        return self.at - self.record.submitted_at

    @property
    def status(self) -> int | None:
        """The container's HTTP status, as the notification or the log tells it; None if neither does."""
        said = "\n".join((self.record.failure_reason, *self.log_lines))
        found = _STATUS.search(said) or _TORCHSERVE.search(self.failure_text)
        return int(found[1]) if found else None


def request_finding(request: RequestSeen, endpoint: Condition | None, unread: bool = False) -> Finding:
    """The finding about a request. `endpoint` is None if it is gone, or, where something is unread, not known."""
    ended = _ended(request)
    if ended:
        return ended
    if request.output_there is None or request.failure_there is None or (endpoint is None and unread):
        return "unknown"
    if endpoint is None:
        return "endpoint_gone"
    if endpoint.status not in {limits.FAILED, limits.DELETING} and request.at > request.record.give_up_at:
        return "expired"
    return _waiting(endpoint, request.age)


def _ended(request: RequestSeen) -> Finding | None:
    state = request.record.state
    if request.output_there:
        return "completed" if state == "completed" else "answered"
    if state == "completed":
        return "completed" if request.output_there is None else "answer_gone"
    if request.failure_there or state == "failed":
        return _failed(request)
    if state == "expired":
        return "expired"
    return "endpoint_gone" if state == "lost" else None


def _failed(request: RequestSeen) -> EndedFinding:
    # SageMaker's own failures begin so; a model may write anything.
    own = next((text for text in _texts(request) if text.startswith("ClientError: ")), "")
    for words, finding in OWN_FAILURES.items():
        if words in own:
            return finding
    if request.status is None:
        return "failed"
    return "bad_request" if 400 <= request.status < 500 else "model_failed"


OWN_FAILURES: dict[str, EndedFinding] = {
    "request expired": "expired",
    "timed out": "timed_out",
    "Could not download the input": "input_unreadable",
}
"""Words in SageMaker's reasons. Only those of a container's error are recorded from AWS; the rest is likely."""


def _texts(request: RequestSeen) -> tuple[str, str]:
    return request.record.failure_reason, request.failure_text


def _waiting(endpoint: Condition, waited: timedelta) -> WaitingFinding:
    """The reason why a request waits at an endpoint."""
    if endpoint.status == limits.FAILED:
        return "endpoint_failed"
    if endpoint.status == limits.DELETING:
        return "endpoint_gone"
    if endpoint.status == limits.CREATING:
        return "starting"
    if endpoint.current:
        return "queued"
    return _without_instance(endpoint, waited)


def _without_instance(endpoint: Condition, waited: timedelta) -> WaitingFinding:
    scaling = endpoint.scaling
    if not endpoint.desired:
        if not endpoint.scaling_known:
            return "unknown"
        if scaling is None or scaling.maximum == 0:
            return "no_capacity"
        if not scaling.wakes:
            return "no_wake"
    return "stuck" if waited > LONGEST_WAKING else "waking"


def endpoint_finding(endpoint: Condition, at: datetime) -> Finding:
    """The finding about an endpoint of which no request in particular was asked."""
    if endpoint.status in {limits.FAILED, limits.DELETING, limits.CREATING}:
        return _waiting(endpoint, timedelta(0))
    if endpoint.expires_at and endpoint.expires_at <= at:
        return "overdue"
    if not endpoint.asynchronous:
        return "always_on"
    return _serving(endpoint)


def _serving(endpoint: Condition) -> Finding:
    if not endpoint.current and (endpoint.backlog.waits or endpoint.desired):
        return _without_instance(endpoint, timedelta(seconds=endpoint.backlog.oldest_seconds or 0))
    if not endpoint.scaling_known:
        return "unknown"
    if not endpoint.current:
        sleeping = _without_instance(endpoint, timedelta(0))
        return "asleep" if sleeping == "waking" else sleeping
    if endpoint.backlog.waits:
        return "queued"
    if endpoint.scaling is None:
        return "unscaled"
    return "never_zero" if endpoint.scaling.minimum else "ready"
