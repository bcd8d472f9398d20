"""A run's data in S3 as a resource of its own: inputs (callers' pictures), answers, and the run's own notes.

It is the first resource that a run records and the last that a teardown removes. Without its record nothing below the
run's prefix is ours to delete: somebody may keep objects of their own under runs/.
"""

from collections.abc import Iterator
from dataclasses import replace

from tasks.clients import client
from tasks.errors import StygigError
from tasks.names import RUNS_PREFIX
from tasks.resources.kind import ResourceKind
from tasks.resources.resource import Resource


def _bucket_and_prefix(resource: Resource) -> tuple[str, str]:
    bucket, _, prefix = resource.name.partition("/")
    return bucket, prefix


def _pages(resource: Resource) -> Iterator[list[str]]:
    """Yield the run's keys by the thousand, without its resources' records, which are struck out one by one."""
    bucket, prefix = _bucket_and_prefix(resource)
    for page in client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        keys = [item["Key"] for item in page.get("Contents", [])]
        yield [key for key in keys if not key.startswith(f"{prefix}resources/")]


def _look(resource: Resource) -> Resource | None:
    count = sum(map(len, _pages(resource)))
    return replace(resource, status=f"{count} objects") if count else None


def _delete(resource: Resource) -> None:
    s3, (bucket, _) = client("s3"), _bucket_and_prefix(resource)
    for keys in _pages(resource):
        if keys:  # DeleteObjects takes 1,000 keys, as many as a page has, and answers 200 for keys that it refuses
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in keys], "Quiet": True})
            if refused := answer.get("Errors", []):
                raise StygigError(f"{len(refused)} objects stay, first {refused[0]['Key']}: {refused[0]['Message']}")


def _owner(resource: Resource) -> str:
    """The run, if the name is the run's own prefix: a record must not lead to somebody else's objects."""
    _, prefix = _bucket_and_prefix(resource)
    return resource.run_id if prefix == f"{RUNS_PREFIX}{resource.run_id}/" else ""


DATA = ResourceKind("data", look=_look, delete=_delete, owner=_owner)
