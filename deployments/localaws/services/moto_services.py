"""moto's services called in this process: the reads and writes of the SageMaker hosting."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import ServiceException
from moto.iam.models import iam_backends
from moto.logs.models import logs_backends
from moto.s3.models import FakeKey, s3_backends
from moto.sns.models import sns_backends

ACCOUNT: str = DEFAULT_ACCOUNT_ID
EXECUTION_ROLE_NAME = "localaws-execution"
SCHEDULER_ROLE_NAME = "localaws-scheduler"
SCHEDULER_ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{SCHEDULER_ROLE_NAME}"
EXECUTION_ROLE = Path(__file__).with_name("execution_role.json")
_ECR_IMAGE = re.compile(r"(?P<account>\d+)\.dkr\.ecr\.(?P<region>[^.]+)\.amazonaws\.com[^/]*/(?P<repository>[^:@]+).*")
_PULLING = ("BatchCheckLayerAvailability", "GetDownloadUrlForLayer", "BatchGetImage")
_HTTPS_LOCATION = re.compile(r"https://(?:s3[.-][^/]*/(?P<path_bucket>[^/]+)|(?P<host_bucket>[^/]+)\.s3[.-][^/]*)/(.*)")


class ObjectMissingError(Exception):
    """An S3 object that does not exist, or whose bucket does not."""


class ObjectForbiddenError(ObjectMissingError):
    """An S3 object that the execution role may not read or write; callers treat it as missing."""

    def __init__(self, role_arn: str, text: str) -> None:
        super().__init__(text)
        self.role_arn = role_arn


class ImageForbiddenError(Exception):
    """An image that the execution role may not pull."""


class DeliveryError(Exception):
    """A message that a topic did not accept."""


class Location(NamedTuple):
    """The bucket and key of an S3 object."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> Location:
        """Parse s3://bucket/key or an https URL, path-style or virtual-hosted."""
        if uri.startswith("s3://"):
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            return cls(bucket, key)
        if match := _HTTPS_LOCATION.fullmatch(uri):
            return cls(match["path_bucket"] or match["host_bucket"], match[3])
        raise ObjectMissingError(f"{uri} is no location in S3: s3://bucket/key is one")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Refused:
    """The reason why a role may not do something."""

    role_arn: str
    text: str


Context = dict[str, tuple[str, ...]]
# Called before each use of a service with the action, the resource and the condition context; None permits it.
Permission = Callable[[str, str, Context], Refused | None]


def _permit_all(action: str, resource: str, context: Context) -> Refused | None:
    return None


@dataclass(frozen=True)
class MotoServices:
    """The services of one region of the account; `permission` judges each use of them."""

    region: str
    permission: Permission = _permit_all

    def read_object(self, uri: str) -> bytes:
        """The object's bytes."""
        value: bytes = self._key(Location.parse(uri)).value
        return value

    def download_object(self, uri: str, destination: Path) -> None:
        """Copy the object into a file without holding it in memory."""
        self._download(self._key(Location.parse(uri)), destination)

    def object_size(self, uri: str) -> int:
        """The object's size in bytes."""
        return int(self._key(Location.parse(uri)).size)

    def object_content_type(self, uri: str) -> str:
        """The content type that the object was stored with, or S3's default, binary/octet-stream."""
        return str(self._key(Location.parse(uri)).metadata.get("content-type", "binary/octet-stream"))

    def keys_under(self, uri: str) -> list[str]:
        """The keys of the objects under the prefix."""
        location = Location.parse(uri)
        self._require("s3:ListBucket", f"arn:aws:s3:::{location.bucket}", {"s3:prefix": (location.key,)})
        keys = self._bucket(location).keys.items()
        return [name for name, key in keys if name.startswith(location.key) and isinstance(key, FakeKey)]

    def write_object(self, uri: str, body: bytes, content_type: str, kms_key_id: str | None = None) -> None:
        """Store an object as the service would; with a key ID it is marked as encrypted by SSE-KMS."""
        location = Location.parse(uri)
        self._require("s3:PutObject", f"arn:aws:s3:::{location.bucket}/{location.key}")
        if kms_key_id:
            self._require("kms:GenerateDataKey", kms_arn(self.region, kms_key_id))
        self._bucket(location)
        encryption = {"encryption": "aws:kms", "kms_key_id": kms_key_id} if kms_key_id else {}
        key = s3_backends[ACCOUNT]["aws"].put_object(location.bucket, location.key, body, **encryption)
        key.set_metadata({"Content-Type": content_type})

    def publish(self, topic_arn: str, message: str) -> None:
        """Publish to a topic; its queues have the message when this returns."""
        region = topic_arn.split(":")[3]
        if refused := self.permission("sns:Publish", topic_arn, {}):
            raise DeliveryError(refused.text)
        try:
            sns_backends[ACCOUNT][region].publish(message=message, arn=topic_arn)
        except ServiceException as exc:
            raise DeliveryError(f"the topic {topic_arn} took no message: {exc}") from exc

    def log(self, group: str, stream: str, messages: list[str]) -> None:
        """Append lines to a log stream, creating it if it is missing; without permission they are lost."""
        backend = logs_backends[ACCOUNT][self.region]
        if not self._may_log(backend, group, stream):
            return
        backend.ensure_log_group(group)
        backend.ensure_log_stream(group, stream)
        now = int(datetime.now(UTC).timestamp() * 1000)
        backend.put_log_events(group, stream, [{"timestamp": now, "message": message} for message in messages])

    def pull_image(self, image: str) -> None:
        """Raise ImageForbiddenError for an image in ECR that the role may not pull; nothing is really pulled."""
        match = _ECR_IMAGE.fullmatch(image)
        if match is None:
            return
        repository = f"arn:aws:ecr:{match['region']}:{match['account']}:repository/{match['repository']}"
        needs = [("ecr:GetAuthorizationToken", "*")]
        needs += [(f"ecr:{action}", repository) for action in _PULLING]
        for action, resource in needs:
            if refused := self.permission(action, resource, {}):
                raise ImageForbiddenError(
                    f"The role '{refused.role_arn}' does not have BatchGetImage permission for the image: '{image}'."
                )

    def has_role(self, arn: str) -> bool:
        """True if IAM knows the role; roles of other accounts are assumed to exist."""
        if arn.split(":")[4] != ACCOUNT:
            return True
        return any(role.arn == arn for role in iam_backends[ACCOUNT]["aws"].get_roles())

    def is_scalable_variant(self, endpoint: str, variant: str) -> bool:
        """True if the variant is registered as a scalable target."""
        # SageMaker's names are case-insensitive.
        resource = f"endpoint/{endpoint}/variant/{variant}".lower()
        targets = applicationautoscaling_backends[ACCOUNT][self.region].describe_scalable_targets(
            "sagemaker", None, None
        )
        return any(target.resource_id.lower() == resource for target in targets)

    def deregister_scalable_variant(self, endpoint: str, variant: str) -> None:
        """Remove the variant's scalable target and its policies, as DeleteEndpoint does."""
        backend = applicationautoscaling_backends[ACCOUNT][self.region]
        resource = f"endpoint/{endpoint}/variant/{variant}"
        for target in backend.describe_scalable_targets("sagemaker", [resource], None):
            backend.deregister_scalable_target("sagemaker", resource, target.scalable_dimension)

    def _require(self, action: str, resource: str, context: Context | None = None) -> None:
        if refused := self.permission(action, resource, context or {}):
            raise ObjectForbiddenError(refused.role_arn, refused.text)

    def _may_log(self, backend: Any, group: str, stream: str) -> bool:
        known = backend.groups.get(group)
        actions = ["logs:PutLogEvents"]
        if known is None or stream not in known.streams:
            actions.insert(0, "logs:CreateLogStream")
        if known is None:
            actions.insert(0, "logs:CreateLogGroup")
        arn = f"arn:aws:logs:{self.region}:{ACCOUNT}:log-group:{group}:log-stream:{stream}"
        return all(self.permission(action, arn, {}) is None for action in actions)

    def _bucket(self, location: Location) -> Any:
        # moto keeps the global services (S3, IAM, STS) by partition, not by region.
        backend = s3_backends[ACCOUNT]["aws"]
        if location.bucket not in backend.buckets:
            raise ObjectMissingError(f"the bucket {location.bucket!r} does not exist")
        return backend.buckets[location.bucket]

    def _key(self, location: Location) -> Any:
        self._require("s3:GetObject", f"arn:aws:s3:::{location.bucket}/{location.key}")
        self._bucket(location)
        key = s3_backends[ACCOUNT]["aws"].get_object(location.bucket, location.key)
        if key is None:
            raise ObjectMissingError(f"there is no object at {location}")
        if key.kms_key_id:
            self._require("kms:Decrypt", kms_arn(self.region, key.kms_key_id))
        return key

    @staticmethod
    def _download(key: Any, destination: Path) -> None:
        destination.parent.mkdir(parents=True, exist_ok=True)
        # Not `key.value`, which reads the whole object into memory.
        with key.lock, destination.open("wb") as file:
            key._value_buffer.seek(0)
            shutil.copyfileobj(key._value_buffer, file, 1 << 20)


def kms_arn(region: str, key_id: str) -> str:
    """The ARN of a KMS key, given its ID, alias or ARN."""
    if key_id.startswith("arn:"):
        return key_id
    kind = "" if key_id.startswith("alias/") else "key/"
    return f"arn:aws:kms:{region}:{ACCOUNT}:{kind}{key_id}"


def create_roles() -> str:
    """Create the roles that SageMaker and the scheduler assume in demos, unless they exist; return the first's ARN."""
    documents = json.loads(EXECUTION_ROLE.read_text())
    _create_role(SCHEDULER_ROLE_NAME, "Assumed by EventBridge Scheduler", documents["scheduler"])
    return _create_role(EXECUTION_ROLE_NAME, "Assumed by SageMaker", documents)


def _create_role(name: str, description: str, documents: dict[str, Any]) -> str:
    backend = iam_backends[ACCOUNT]["aws"]
    for role in backend.get_roles():
        if role.name == name:
            return str(role.arn)
    trust, permissions = json.dumps(documents["trust"]), json.dumps(documents["permissions"])
    role = backend.create_role(name, trust, "/", None, description, [], "3600")
    backend.put_role_policy(name, "execution", permissions)
    return str(role.arn)
