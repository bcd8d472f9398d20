"""moto's services called in this process: what the SageMaker data plane reads from and writes to them."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import ServiceException
from moto.iam.models import iam_backends
from moto.logs.models import logs_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends

ACCOUNT: str = DEFAULT_ACCOUNT_ID
EXECUTION_ROLE_NAME = "stygig-execution"
_HTTPS_LOCATION = re.compile(r"https://(?:s3[.-][^/]*/(?P<path_bucket>[^/]+)|(?P<host_bucket>[^/]+)\.s3[.-][^/]*)/(.*)")


class ObjectMissingError(Exception):
    """An S3 object or its bucket is not there."""


class DeliveryError(Exception):
    """A topic did not take a message."""


class Location(NamedTuple):
    """Where an object lies in S3."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> Location:
        """Reads s3://bucket/key and both https forms."""
        if uri.startswith("s3://"):
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            return cls(bucket, key)
        if match := _HTTPS_LOCATION.fullmatch(uri):
            return cls(match["path_bucket"] or match["host_bucket"], match[3])
        raise ObjectMissingError(f"{uri} is no location in S3: s3://bucket/key is one")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class MotoServices:
    """The services of one region of the account."""

    region: str

    def read_object(self, uri: str) -> bytes:
        """The object's bytes."""
        value: bytes = self._key(Location.parse(uri)).value
        return value

    def download_object(self, uri: str, destination: Path) -> None:
        """Copies the object into a file without holding it in memory."""
        self._download(self._key(Location.parse(uri)), destination)

    def download_prefix(self, uri: str, destination: Path) -> int:
        """Copies every object under the prefix below the folder; how many there were."""
        location = Location.parse(uri)
        keys = [key for name, key in self._bucket(location).keys.items() if name.startswith(location.key)]
        for key in keys:
            relative = Path(key.name.removeprefix(location.key))
            if relative.is_absolute() or ".." in relative.parts or not relative.parts:
                raise ObjectMissingError(f"the key {key.name!r} under {uri} is no path below it")
            self._download(key, destination / relative)
        return len(keys)

    def write_object(self, uri: str, body: bytes, content_type: str) -> None:
        """Puts one object, as the service would."""
        location = Location.parse(uri)
        self._bucket(location)
        key = s3_backends[ACCOUNT]["aws"].put_object(location.bucket, location.key, body)
        key.set_metadata({"Content-Type": content_type})

    def publish(self, topic_arn: str, message: str) -> None:
        """Publishes to a topic, which delivers to its queues before this returns."""
        region = topic_arn.split(":")[3]
        try:
            sns_backends[ACCOUNT][region].publish(message=message, arn=topic_arn)
        except ServiceException as exc:
            raise DeliveryError(f"the topic {topic_arn} took no message: {exc}") from exc

    def put_metric(self, name: str, dimensions: dict[str, str], value: float, unit: str) -> None:
        """Adds one datapoint to AWS/SageMaker."""
        datum = {
            "MetricName": name,
            "Value": value,
            "Unit": unit,
            "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
            # moto compares timestamps as naive UTC; one aware datetime breaks every later query.
            "Timestamp": datetime.now(UTC).replace(tzinfo=None),
        }
        cloudwatch_backends[ACCOUNT][self.region].put_metric_data("AWS/SageMaker", [datum])

    def log(self, group: str, stream: str, messages: list[str]) -> None:
        """Appends lines to a log stream, which is made when missing."""
        backend = logs_backends[ACCOUNT][self.region]
        backend.ensure_log_group(group)
        backend.ensure_log_stream(group, stream)
        now = int(datetime.now(UTC).timestamp() * 1000)
        backend.put_log_events(group, stream, [{"timestamp": now, "message": message} for message in messages])

    def has_role(self, arn: str) -> bool:
        """Whether IAM knows the role; roles of other accounts are taken on trust."""
        if arn.split(":")[4] != ACCOUNT:
            return True
        return any(role.arn == arn for role in iam_backends[ACCOUNT]["aws"].get_roles())

    def deregister_scalable_variant(self, endpoint: str, variant: str) -> None:
        """Removes the variant's scalable target and its policies, as DeleteEndpoint does."""
        backend = applicationautoscaling_backends[ACCOUNT][self.region]
        resource = f"endpoint/{endpoint}/variant/{variant}"
        for target in backend.describe_scalable_targets("sagemaker", [resource], None):
            backend.deregister_scalable_target("sagemaker", resource, target.scalable_dimension)

    def _bucket(self, location: Location) -> Any:
        backend = s3_backends[ACCOUNT]["aws"]
        if location.bucket not in backend.buckets:
            raise ObjectMissingError(f"the bucket {location.bucket!r} does not exist")
        return backend.buckets[location.bucket]

    def _key(self, location: Location) -> Any:
        self._bucket(location)
        key = s3_backends[ACCOUNT]["aws"].get_object(location.bucket, location.key)
        if key is None:
            raise ObjectMissingError(f"there is no object at {location}")
        return key

    @staticmethod
    def _download(key: Any, destination: Path) -> None:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with key.lock, destination.open("wb") as file:
            key._value_buffer.seek(0)
            shutil.copyfileobj(key._value_buffer, file, 1 << 20)


def create_execution_role() -> str:
    """Makes the role which SageMaker assumes in demos, once; its ARN."""
    backend = iam_backends[ACCOUNT]["aws"]
    for role in backend.get_roles():
        if role.name == EXECUTION_ROLE_NAME:
            return str(role.arn)
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    role = backend.create_role(EXECUTION_ROLE_NAME, json.dumps(trust), "/", None, "Assumed by SageMaker", [], "3600")
    return str(role.arn)
