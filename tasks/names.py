"""Every name, tag and S3 location of a run, derived from its id, so that any process can find what a run made."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

from tasks.errors import InputError
from tasks.limits import LONGEST_NAME, NAME_PATTERN

EndpointKind = Literal["async", "real-time"]

RUN_TAG, EXPIRY_TAG, OWNER_TAG = "stygig:run-id", "stygig:expires-at", "stygig:owner"
PREFIX = "stygig-"
RUNS_PREFIX = "runs/"
MODELS_PREFIX = "models/"
RUN_ID_PATTERN = r"[a-zA-Z0-9][a-zA-Z0-9-]{0,62}"
"""Flow runs have UUIDs; an id from a tag or a command must at least be a plain name, as it becomes an S3 prefix."""


@dataclass(frozen=True)
class S3Location:
    """A bucket and a key (or a prefix, when it ends with a slash)."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def console_url(self) -> str:
        """The page of AWS's console that shows the object to whoever may read it."""
        return f"https://s3.console.aws.amazon.com/s3/object/{self.bucket}?prefix={quote(self.key, safe='')}"

    def child(self, name: str) -> "S3Location":
        return S3Location(self.bucket, f"{self.key.rstrip('/')}/{name}".lstrip("/"))

    @classmethod
    def parse(cls, uri: str) -> "S3Location":
        """The location in `s3://bucket/key` or `https://bucket.s3.region.amazonaws.com/key`: AWS may give either."""
        found = re.fullmatch(r"s3://([^/]+)/?(.*)", uri) or re.fullmatch(r"https://([^/.]+)\.s3[^/]*/(.*)", uri)
        if not found or not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", found[1]):
            raise InputError(
                f"{uri!r} is no S3 location: expected s3://BUCKET/KEY, as in s3://my-bucket/pictures/; a bucket's name "
                "has 3 to 63 small letters, digits, dots and dashes."
            )
        return cls(found[1], found[2])


@dataclass(frozen=True)
class RunNames:
    """The names that one run gives to what it makes. `run_id` is the flow run's id."""

    run_id: str
    bucket: str

    @property
    def short(self) -> str:
        return self.run_id[:13].rstrip("-")

    def endpoint(self, kind: EndpointKind) -> str:
        return f"{PREFIX}{kind}-{self.short}"

    @property
    def success_topic(self) -> str:
        return f"{PREFIX}{self.short}-success"

    @property
    def error_topic(self) -> str:
        return f"{PREFIX}{self.short}-error"

    @property
    def queue(self) -> str:
        return f"{PREFIX}{self.short}-notifications"

    @property
    def schedule_group(self) -> str:
        return f"{PREFIX}{self.short}"

    def alarm(self, endpoint_name: str, what: str = "backlog-without-capacity") -> str:
        return f"{endpoint_name}-{what}"

    def dashboard(self, endpoint_name: str) -> str:
        return f"{PREFIX}{self.short}-{endpoint_name}"

    @property
    def prefix(self) -> S3Location:
        return S3Location(self.bucket, f"{RUNS_PREFIX}{self.run_id}/")

    @property
    def inputs(self) -> S3Location:
        return self.prefix.child("input/")

    @property
    def outputs(self) -> S3Location:
        return self.prefix.child("output/")

    @property
    def failures(self) -> S3Location:
        return self.prefix.child("failure/")


def dated(what: str) -> str:
    """A flow run's name that sorts by time: nightly-2026-11-22-0300."""
    return f"{what}-{datetime.now(UTC):%Y-%m-%d-%H%M}"


def hashed_name(prefix: str, request: Mapping[str, Any]) -> str:
    """A name that changes when the request does: `<prefix>-<12 hex digits>`."""
    canonical = json.dumps(request, sort_keys=True).encode()
    return f"{prefix}-{hashlib.sha256(canonical).hexdigest()[:12]}"


def checked_name(name: str, what: str = "endpoint name") -> str:
    """Return the name; raise InputError if SageMaker doesn't take it."""
    if len(name) > LONGEST_NAME or not re.fullmatch(NAME_PATTERN, name):
        raise InputError(f"{name!r} is no {what}: letters, digits and dashes between them, at most {LONGEST_NAME}.")
    return name


def tags(run_id: str, owner: str, expires_at: datetime) -> list[dict[str, str]]:
    """The tags that mark our resources, in the form that SageMaker, SNS and CloudWatch take."""
    return [
        {"Key": RUN_TAG, "Value": run_id},
        {"Key": EXPIRY_TAG, "Value": expires_at.astimezone(UTC).isoformat(timespec="seconds")},
        {"Key": OWNER_TAG, "Value": owner},
    ]
