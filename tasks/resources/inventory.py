"""The inventory of our resources in AWS: the records that runs keep of what they make, and the tags on the resources.

Every resource is recorded in S3 before it is created, so that another process finds what a killed run left, with the
run's id or without it. Tags are the second way: they survive the bucket.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from botocore.exceptions import ClientError

from tasks.clients import client, error_code, error_text, explained, is_missing, missing_ok
from tasks.clock import now
from tasks.errors import StygigError
from tasks.names import RUNS_PREFIX
from tasks.plan import RunPlan
from tasks.prefect_task import task
from tasks.resources.kind import ResourceKind
from tasks.resources.kinds import KINDS, in_order, kind_of, looked_at, priced
from tasks.resources.resource import Resource, Unreadable
from tasks.resources.run_data import DATA


@dataclass(frozen=True)
class Inventory:
    """The resources found, things with a mark of ours that can't be read, and the reasons why a listing failed."""

    resources: tuple[Resource, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    unlisted: tuple[str, ...] = ()

    @property
    def runs(self) -> list[str]:
        return sorted({resource.run_id for resource in self.resources})

    def of(self, run_id: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.run_id == run_id]


def write_down(plan: RunPlan, kind: ResourceKind, name: str, endpoint: str = "") -> Resource:
    """Record a resource that is about to be made; call this before the call that makes it."""
    resource = Resource(kind.name, name, plan.run_id, now(), plan.expires_at, endpoint)
    with explained("s3:PutObject", f"{plan.bucket}/{resource.key}"):
        client("s3").put_object(Bucket=plan.bucket, Key=resource.key, Body=resource.to_json().encode())
    return resource


def write_down_data(plan: RunPlan, *, anew: bool = True) -> None:
    """Record that what lies under the run's prefix is the run's, and may be deleted with it.

    With `anew=False` a record that is there already stays, with its expiry.
    """
    name = f"{plan.bucket}/{plan.names.prefix.key}"
    if anew or not any(each.kind == DATA.name for each in recorded(plan.bucket, plan.run_id)):
        write_down(plan, DATA, name)


def strike_out(bucket: str, resource: Resource) -> None:
    """Delete the record, once the resource is proven gone; a missing bucket is no error."""
    with explained("s3:DeleteObject", f"{bucket}/{resource.key}"), missing_ok():
        client("s3").delete_object(Bucket=bucket, Key=resource.key)


def recorded(bucket: str, run_id: str = "") -> list[Resource]:
    """The recorded resources that nobody has struck out, of one run or of all, without unreadable records."""
    found = [each for each in records(bucket, run_id) if isinstance(each, Resource)]
    return sorted(found, key=in_order)


def records(bucket: str, run_id: str = "") -> Iterator[Resource | Unreadable]:
    """Yield every record in the bucket, of one run or of all, in no particular order."""
    s3 = client("s3")
    prefix = f"{RUNS_PREFIX}{run_id}/resources/" if run_id else RUNS_PREFIX
    with explained("s3:ListBucket", bucket), missing_ok():
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for key in (item["Key"] for item in page.get("Contents", [])):
                if key.removeprefix(RUNS_PREFIX).split("/")[1:2] == ["resources"]:
                    with missing_ok():  # another teardown may strike it out meanwhile
                        yield _fetched(bucket, key)


def _fetched(bucket: str, key: str) -> Resource | Unreadable:
    """The record, or Unreadable if S3 refuses it: that must not hide the other records."""
    try:
        return _read(key, client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    except ClientError as exc:
        if is_missing(exc):
            raise
        return Unreadable(f"record {key}", f"{error_code(exc)}: {error_text(exc)}", _run_of_key(key))


def _run_of_key(key: str) -> str:
    return key.removeprefix(RUNS_PREFIX).split("/")[0]


def _read(key: str, content: bytes) -> Resource | Unreadable:
    """The resource in a record; Unreadable if it is damaged, or lies among the records of another run."""
    run_id = _run_of_key(key)
    try:
        resource = Resource.from_json(content)
        kind_of(resource)
        if resource.run_id != run_id:
            raise ValueError(f"it says that its run is {resource.run_id}")
    except ValueError as exc:
        return Unreadable(f"record {key}", str(exc), run_id)
    return resource


def tagged(kind: ResourceKind) -> Iterator[Resource | Unreadable]:
    """Yield the resources of a kind that carry our tags, recorded or not."""
    with explained(kind.listing):
        yield from kind.tagged()


@dataclass
class _Taking:
    """An inventory in the making. It keeps what a listing has shown before the listing was refused."""

    run_id: str
    found: dict[tuple[str, str, str], Resource] = field(default_factory=dict)
    unreadable: dict[str, Unreadable] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)

    def take(self, listing: Iterator[Resource | Unreadable]) -> None:
        try:
            for each in listing:
                self.note(each)
        except StygigError as exc:
            self.unlisted.append(str(exc))

    def note(self, each: Resource | Unreadable) -> None:
        if isinstance(each, Unreadable):
            self.unreadable[each.what] = each
        elif self.run_id in {"", each.run_id}:
            self.found[each.kind, each.name, each.run_id] = each


def inventory(bucket: str, run_id: str = "") -> Inventory:
    """All our resources, of one run or of all, recorded or tagged, in the order of creation.

    If a listing is refused, the rest is found all the same: a teardown removes what it can see.
    """
    taking = _Taking(run_id)
    for kind in KINDS:
        taking.take(tagged(kind))
    taking.take(records(bucket, run_id))  # last: a record tells more than the tags do, such as the endpoint
    resources = tuple(sorted(taking.found.values(), key=in_order))
    return Inventory(resources, tuple(taking.unreadable.values()), tuple(taking.unlisted))


def existing(bucket: str, run_id: str = "") -> Inventory:
    """The inventory without what was recorded but never made, each resource with its status and price per hour.

    A resource that we may not look at counts as existing, with an unknown status and price.
    """
    taken = inventory(bucket, run_id)
    seen = [_seen(resource) for resource in taken.resources]
    return replace(taken, resources=tuple(resource for resource in seen if resource))


def _seen(resource: Resource) -> Resource | None:
    try:
        found = looked_at(resource)
    except StygigError:
        return replace(resource, status="unknown", usd_per_hour=None)
    return priced(found) if found else None


@task(name="inventory", only_reads=True)
def inventory_task(bucket: str) -> Inventory:
    """The inventory of all runs, with what was recorded but never made: a sweep strikes that out, too."""
    return inventory(bucket)
