"""The kinds of faults, each a value that says where, how often and how likely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong, by default each time it can."""

    times: int | None = None
    probability: float = 1.0

    def __post_init__(self) -> None:
        if self.times is not None and self.times < 1:
            raise ValueError(f"times={self.times}: how often the fault strikes at most, so at least 1, or None")
        if not 0 < self.probability <= 1:
            raise ValueError(f"probability={self.probability}: above 0 and at most 1")


@dataclass(frozen=True, kw_only=True)
class EndpointFault(Fault):
    """A fault of the endpoints whose name matches."""

    endpoint: str = "*"


@dataclass(frozen=True, kw_only=True)
class SlowColdStart(EndpointFault):
    """A container that answers no ping until it has run for this many AWS seconds."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class DiskFull(EndpointFault):
    """Model data that does not fit on a new instance."""


@dataclass(frozen=True, kw_only=True)
class WorkerKilled(EndpointFault):
    """A worker that dies with a request in hand; its instance starts another."""


@dataclass(frozen=True, kw_only=True)
class InstanceLost(EndpointFault):
    """An instance that disappears with a request in hand; the endpoint launches another."""


@dataclass(frozen=True, kw_only=True)
class HandlerHangs(EndpointFault):
    """A container that never answers a request, which ends at its time limit."""


@dataclass(frozen=True, kw_only=True)
class MemoryLimit(EndpointFault):
    """A worker killed for holding more memory than this, as a leaking one is; its instance starts another."""

    mebibytes: float


@dataclass(frozen=True, kw_only=True)
class DeliveredTwice(EndpointFault):
    """An accepted asynchronous invocation processed twice: a second output object and a second notification."""


@dataclass(frozen=True, kw_only=True)
class NotificationFault(Fault):
    """A fault of the hosting's notifications to the topics whose name matches."""

    topic: str = "*"


@dataclass(frozen=True, kw_only=True)
class NotificationLost(NotificationFault):
    """A notification that is never sent."""


@dataclass(frozen=True, kw_only=True)
class NotificationDoubled(NotificationFault):
    """A notification that is sent twice."""


@dataclass(frozen=True, kw_only=True)
class NotificationDelayed(NotificationFault):
    """A notification sent this many AWS seconds late, after those of later events."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class CallFault(Fault):
    """A fault of calls, selected by the service's signing name, the operation and a resource's name in the call."""

    service: str = "*"
    operation: str = "*"
    name: str = "*"


@dataclass(frozen=True, kw_only=True)
class CallRefused(CallFault):
    """A call that is answered with this error and does nothing."""

    code: str
    message: str = "Asked for by a fault."
    status: int = 400


@dataclass(frozen=True, kw_only=True)
class Throttled(CallFault):
    """A call that is answered with the throttling error of its service and does nothing."""


@dataclass(frozen=True, kw_only=True)
class ConnectionDropped(CallFault):
    """A connection that closes without an answer, whether the call took effect or not."""

    took_effect: bool = False


@dataclass(frozen=True, kw_only=True)
class S3Fault(Fault):
    """A fault of the objects whose bucket and key match."""

    bucket: str = "*"
    key: str = "*"


@dataclass(frozen=True, kw_only=True)
class S3Fails(S3Fault):
    """S3's answer 500 InternalError or 503 SlowDown to a client over HTTP, to the data plane, or to both."""

    code: Literal["InternalError", "SlowDown"] = "InternalError"
    operation: str = "*"
    caller: Literal["client", "data-plane", "*"] = "*"


@dataclass(frozen=True, kw_only=True)
class MissingKeyForbidden(S3Fault):
    """A 403 AccessDenied in place of 404 for a missing object, as for a caller without s3:ListBucket."""
