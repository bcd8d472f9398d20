"""The kinds of faults, each a value that says where, how often and how likely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong, every time it can unless told otherwise."""

    times: int | None = None
    probability: float = 1.0

    def __post_init__(self) -> None:
        if self.times is not None and self.times < 1:
            raise ValueError(f"times={self.times}: how often the fault strikes at most, so at least 1, or None")
        if not 0 < self.probability <= 1:
            raise ValueError(f"probability={self.probability}: above 0 and at most 1")


@dataclass(frozen=True, kw_only=True)
class EndpointFault(Fault):
    """A fault of the endpoints with such a name."""

    endpoint: str = "*"


@dataclass(frozen=True, kw_only=True)
class SlowColdStart(EndpointFault):
    """A container answers no ping until it has run for so many AWS seconds."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class DiskFull(EndpointFault):
    """The model data does not fit on a new instance."""


@dataclass(frozen=True, kw_only=True)
class WorkerKilled(EndpointFault):
    """The worker dies with a request in hand; its instance starts another."""


@dataclass(frozen=True, kw_only=True)
class InstanceLost(EndpointFault):
    """The instance disappears with a request in hand; the endpoint launches another."""


@dataclass(frozen=True, kw_only=True)
class HandlerHangs(EndpointFault):
    """The container never answers a request, which ends by its time limit."""


@dataclass(frozen=True, kw_only=True)
class MemoryLimit(EndpointFault):
    """A worker is killed when it holds more memory than this, as a leaking one is; its instance starts another."""

    mebibytes: float


@dataclass(frozen=True, kw_only=True)
class DeliveredTwice(EndpointFault):
    """An accepted asynchronous invocation is worked on twice: a second output object and a second notification."""


@dataclass(frozen=True, kw_only=True)
class NotificationFault(Fault):
    """A fault of what the hosting tells the topics with such a name."""

    topic: str = "*"


@dataclass(frozen=True, kw_only=True)
class NotificationLost(NotificationFault):
    """The topic is never told."""


@dataclass(frozen=True, kw_only=True)
class NotificationDoubled(NotificationFault):
    """The topic is told twice."""


@dataclass(frozen=True, kw_only=True)
class NotificationDelayed(NotificationFault):
    """The topic is told so many AWS seconds later, after what happened since."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class CallFault(Fault):
    """A fault of calls of an operation, of one that names such a resource; services go by the name they sign with."""

    service: str = "*"
    operation: str = "*"
    name: str = "*"


@dataclass(frozen=True, kw_only=True)
class CallRefused(CallFault):
    """The call is answered by this error and does nothing."""

    code: str
    message: str = "Asked for by a fault."
    status: int = 400


@dataclass(frozen=True, kw_only=True)
class Throttled(CallFault):
    """The call is answered by the throttling error of its service and does nothing."""


@dataclass(frozen=True, kw_only=True)
class ConnectionDropped(CallFault):
    """The connection closes without an answer, whether the call took effect or not."""

    took_effect: bool = False


@dataclass(frozen=True, kw_only=True)
class S3Fault(Fault):
    """A fault of the objects with such a key."""

    bucket: str = "*"
    key: str = "*"


@dataclass(frozen=True, kw_only=True)
class S3Fails(S3Fault):
    """S3 answers 500 InternalError or 503 SlowDown to a client over HTTP, to the data plane, or to both."""

    code: Literal["InternalError", "SlowDown"] = "InternalError"
    operation: str = "*"
    caller: Literal["client", "data-plane", "*"] = "*"


@dataclass(frozen=True, kw_only=True)
class MissingKeyForbidden(S3Fault):
    """An object that is not there is 403 AccessDenied, as for a caller without s3:ListBucket, and not 404."""
