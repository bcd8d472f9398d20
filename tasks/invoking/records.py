"""One record per asynchronous request, kept in S3: SageMaker has no call that tells what became of a request.

With the record another process can go on waiting and find the answer.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from tasks.clients import client, explained
from tasks.errors import NotFoundError
from tasks.names import RUNS_PREFIX, RunNames, S3Location
from tasks.plan import RunPlan
from tasks.storage import download, exists, upload

_RECORDS = re.compile(rf"{RUNS_PREFIX}[^/]+/(invocations\.jsonl|invocations/[^/]+\.json)")
State = Literal["submitted", "completed", "failed", "expired", "lost"]
ENDED: frozenset[State] = frozenset({"completed", "failed", "expired", "lost"})


@dataclass(frozen=True)
class InvocationRecord:
    """One asynchronous request and how far it got. Locations are as AWS returned them, never derived."""

    request: str
    inference_id: str
    input_sha256: str
    input_location: str
    output_location: str  # its UUID need not be the inference id
    failure_location: str
    submitted_at: datetime
    submit_ms: float
    give_up_at: datetime
    state: State = "submitted"
    attempts: int = 1
    notified: bool = False
    received_at: datetime | None = None
    completed_at: datetime | None = None
    seen_at: datetime | None = None
    failure_reason: str = ""
    failure_object: str = ""
    """The error in the object at the failure location; empty if there is none."""
    output_sha256: str = ""
    """The checksum of the answer as it was read; empty until then."""
    endpoint_name: str = ""

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def to_dict(self) -> dict[str, Any]:
        return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "InvocationRecord":
        times = {k: datetime.fromisoformat(v) for k, v in read.items() if k.endswith("_at") and v}
        return cls(**(read | times))


def save_records(plan: RunPlan, records: Sequence[InvocationRecord]) -> None:
    """Keep a run's records together in one object."""
    lines = "".join(json.dumps(record.to_dict()) + "\n" for record in records)
    upload(lines.encode(), _together(plan.names), "application/jsonl")


def save_record(names: RunNames, record: InvocationRecord) -> None:
    """Keep the record of a request sent by hand in an object of its own, named by its inference id."""
    upload(json.dumps(record.to_dict()).encode(), _alone(names, record.inference_id), "application/json")


def load_records(names: RunNames) -> list[InvocationRecord]:
    """The records of a run, which another process may have kept."""
    lines = download(_together(names).uri).decode().splitlines()
    return [InvocationRecord.from_dict(json.loads(line)) for line in lines]


def find_record(bucket: str, inference_id: str) -> tuple[RunNames, InvocationRecord]:
    """The record with that inference id, and the names of the run that keeps it; NotFoundError if none does."""
    for run_id in _runs(bucket):
        names = RunNames(run_id, bucket)
        if exists(_alone(names, inference_id)):
            read = json.loads(download(_alone(names, inference_id).uri))
            return names, InvocationRecord.from_dict(read)
        if exists(_together(names)):
            for record in _readable(names):
                if record.inference_id == inference_id:
                    return names, record
    raise NotFoundError(
        f"No run in s3://{bucket}/{RUNS_PREFIX} has a record of inference {inference_id}: somebody else sent it, or "
        "what its run kept has been removed."
    )


def records_since(bucket: str, since: datetime) -> list[InvocationRecord]:
    """The records of all runs that were written since then, each request once; those that can't be read are left out.

    A record says what was known when it was written: the request may have ended since.
    """
    found: dict[str, InvocationRecord] = {}
    for location in _written_since(bucket, since):
        for record in _read_lines(location):
            found[record.inference_id] = record
    return list(found.values())


def _written_since(bucket: str, since: datetime) -> Iterator[S3Location]:
    # One listing of all runs: one per run would cost a call for each, and S3 can't list by time.
    with explained("s3:ListBucket", bucket):
        for page in client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=RUNS_PREFIX):
            for item in page.get("Contents", []):
                if _RECORDS.fullmatch(item["Key"]) and item["LastModified"] >= since:
                    yield S3Location(bucket, item["Key"])


def _read_lines(location: S3Location) -> list[InvocationRecord]:
    try:
        lines = download(location.uri).decode().splitlines()
        return [InvocationRecord.from_dict(json.loads(line)) for line in lines]
    except (ValueError, TypeError, KeyError, NotFoundError):  # another version's, or removed meanwhile
        return []


def _readable(names: RunNames) -> list[InvocationRecord]:
    """The run's records; empty if another version or program wrote them: those are about other requests."""
    try:
        return load_records(names)
    except (ValueError, TypeError, KeyError):
        return []


def _runs(bucket: str) -> Iterator[str]:
    with explained("s3:ListBucket", bucket):
        pages = client("s3").get_paginator("list_objects_v2")
        # With a delimiter S3 lists each run once, however many objects it has.
        for page in pages.paginate(Bucket=bucket, Prefix=RUNS_PREFIX, Delimiter="/"):
            yield from (each["Prefix"].removeprefix(RUNS_PREFIX).rstrip("/") for each in page.get("CommonPrefixes", []))


def _together(names: RunNames) -> S3Location:
    return names.prefix.child("invocations.jsonl")


def _alone(names: RunNames, inference_id: str) -> S3Location:
    return names.prefix.child(f"invocations/{inference_id}.json")
