"""The policies that resources carry: buckets, topics, queues, and the trust policies of roles."""

from __future__ import annotations

from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from localaws.access.principals import find_role
from localaws.services.moto_services import ACCOUNT


def resource_policy(arn: str) -> str | None:
    """The policy document of the resource, if it has one."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return None
    _, _, service, region, account, name = parts
    if service in ("sns", "sqs") and (account != ACCOUNT or region not in sns_backends[ACCOUNT]):
        return None
    if service == "s3":
        return _of_bucket(name.partition("/")[0])
    if service == "sns":
        topic = sns_backends[ACCOUNT][region].topics.get(arn)
        return str(topic.policy) if topic is not None else None
    if service == "sqs":
        queue = sqs_backends[ACCOUNT][region].queues.get(name)
        return str(queue.policy) if queue is not None and queue.policy else None
    if service == "iam" and name.startswith("role/"):
        role = find_role(arn)
        return str(role.assume_role_policy_document) if role is not None else None
    return None


def _of_bucket(name: str) -> str | None:
    bucket = s3_backends[ACCOUNT]["aws"].buckets.get(name)
    return bucket.policy.decode() if bucket is not None and bucket.policy else None
