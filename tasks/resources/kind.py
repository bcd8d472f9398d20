"""The description of a kind of resource: how to look at one, find its owner, delete it, and list all of the kind."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tasks.resources.resource import Resource, Unreadable


def _of_its_record(resource: Resource) -> str:
    """The run in the record: for kinds without tags, and for names that hold the run's id or a hash of its tags."""
    return resource.run_id


def _nothing() -> Iterator[Resource | Unreadable]:
    yield from ()


@dataclass(frozen=True)
class ResourceKind:
    """One kind of resource. Its functions raise botocore's errors as they come."""

    name: str
    look: Callable[[Resource], Resource | None]
    """The resource as AWS shows it now; None, or an error that says so, if it is gone."""
    delete: Callable[[Resource], object]
    """Ask for its deletion, once."""
    owner: Callable[[Resource], str] = _of_its_record
    """The id of the run that its tags name; empty if they name none."""
    tagged: Callable[[], Iterator[Resource | Unreadable]] = _nothing
    """All of this kind that carry a mark of ours, in the whole account."""
    listing: str = ""
    """The IAM action that `tagged` needs."""
    usd_per_hour: Callable[[Resource], float | None] = lambda resource: 0.0
    """The price in US dollars per hour; None where it isn't known."""
