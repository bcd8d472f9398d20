"""The kinds of resources that a run makes in AWS, in the order in which it makes them; a teardown goes backwards."""

from contextlib import suppress
from dataclasses import replace

from tasks.clients import explained, missing_ok
from tasks.errors import StygigError
from tasks.resources.guard import SCHEDULE, SCHEDULE_GROUP
from tasks.resources.kind import ResourceKind
from tasks.resources.messaging import QUEUE, SUBSCRIPTION, TOPIC
from tasks.resources.resource import Resource
from tasks.resources.run_data import DATA
from tasks.resources.sagemaker import ENDPOINT, ENDPOINT_CONFIG, MODEL
from tasks.resources.scaling import ALARM, DASHBOARD, SCALABLE_TARGET

KINDS: tuple[ResourceKind, ...] = (
    DATA,
    TOPIC,
    QUEUE,
    SUBSCRIPTION,
    SCHEDULE_GROUP,
    SCHEDULE,
    MODEL,
    ENDPOINT_CONFIG,
    ENDPOINT,
    SCALABLE_TARGET,
    ALARM,
    DASHBOARD,
)
_BY_NAME = {kind.name: kind for kind in KINDS}
_ORDER = {kind.name: number for number, kind in enumerate(KINDS)}


def kind_of(resource: Resource) -> ResourceKind:
    """The resource's kind; raise ValueError if there is none of that name, as in the record of another version."""
    if resource.kind not in _BY_NAME:
        raise ValueError(f"{resource.kind!r} is no kind of resource")
    return _BY_NAME[resource.kind]


def in_order(resource: Resource) -> tuple[int, str]:
    """The key that sorts resources by the order of creation."""
    return _ORDER[resource.kind], resource.name


def looked_at(resource: Resource) -> Resource | None:
    """The resource with its status as AWS reports it now; None if it isn't there, or if its tags name another run.

    A record alone proves nothing: the run may have died before it made the resource, and somebody else may have made
    one of the same name since. Only the tags say whose it is.
    """
    kind = kind_of(resource)
    with explained(f"describing {resource.label}"), missing_ok():
        seen = kind.look(resource)
        return seen if seen and kind.owner(resource) == resource.run_id else None
    return None


def priced(resource: Resource) -> Resource:
    """The resource with its price per hour: None, and no error, where it can't or may not be found out."""
    with suppress(StygigError), explained(f"describing {resource.label}"), missing_ok():
        return replace(resource, usd_per_hour=kind_of(resource).usd_per_hour(resource))
    return replace(resource, usd_per_hour=None)
