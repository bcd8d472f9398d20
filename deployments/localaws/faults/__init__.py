"""Faults on request: things that go wrong on AWS now and then, and here when a test asks for them.

    aws.faults.add(WorkerKilled(endpoint="mine", times=1))
    aws.faults.add(Throttled(service="sagemaker", operation="DescribeEndpoint", times=3))

A fault is a value. Its texts are patterns (`*` and `?`), it strikes at most `times` times, and each time with the
given `probability`. Every strike is counted and recorded as `fault.struck`.

Fault
├── EndpointFault        of one endpoint's instances and queue
│   ├── SlowColdStart, DiskFull, WorkerKilled, InstanceLost, HandlerHangs, MemoryLimit, DeliveredTwice
├── NotificationFault    of the hosting's notifications to a topic
│   ├── NotificationLost, NotificationDoubled, NotificationDelayed
├── CallFault            of calls over HTTP
│   ├── CallRefused, Throttled, ConnectionDropped
└── S3Fault              of objects, for callers and for the data plane
    ├── S3Fails, MissingKeyForbidden
"""

from localaws.faults.active import ActiveFault, Faults
from localaws.faults.kinds import (
    CallFault,
    CallRefused,
    ConnectionDropped,
    DeliveredTwice,
    DiskFull,
    EndpointFault,
    Fault,
    HandlerHangs,
    InstanceLost,
    MemoryLimit,
    MissingKeyForbidden,
    NotificationDelayed,
    NotificationDoubled,
    NotificationFault,
    NotificationLost,
    S3Fails,
    S3Fault,
    SlowColdStart,
    Throttled,
    WorkerKilled,
)

__all__ = [
    "ActiveFault",
    "CallFault",
    "CallRefused",
    "ConnectionDropped",
    "DeliveredTwice",
    "DiskFull",
    "EndpointFault",
    "Fault",
    "Faults",
    "HandlerHangs",
    "InstanceLost",
    "MemoryLimit",
    "MissingKeyForbidden",
    "NotificationDelayed",
    "NotificationDoubled",
    "NotificationFault",
    "NotificationLost",
    "S3Fails",
    "S3Fault",
    "SlowColdStart",
    "Throttled",
    "WorkerKilled",
]
