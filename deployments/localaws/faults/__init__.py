"""Faults on request: what goes wrong on AWS now and then, made to happen when a test asks for it.

    aws.faults.add(WorkerKilled(endpoint="mine", times=1))
    aws.faults.add(Throttled(service="sagemaker", operation="DescribeEndpoint", times=3))

A fault is a value. Its texts are patterns (`*` and `?`), `times` is how often it strikes at most, and `probability` how
likely each time. Every strike is counted and recorded as `fault.struck`.

Fault
├── EndpointFault        of one endpoint's instances and queue
│   ├── SlowColdStart, DiskFull, WorkerKilled, InstanceLost, HandlerHangs, MemoryLimit, DeliveredTwice
├── NotificationFault    of what the hosting tells a topic
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
