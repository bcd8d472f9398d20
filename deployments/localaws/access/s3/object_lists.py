"""The access control lists of objects, in buckets where they are enabled."""

from __future__ import annotations

from moto.s3.models import FakeKey, s3_backends

from localaws.access.need import Need
from localaws.access.s3.needs import object_arn
from localaws.calls import Call
from localaws.services.moto_services import ACCOUNT


def lets_everybody_read(call: Call, need: Need) -> bool:
    """True if the call reads an object whose access control list is public, in a bucket that does not block that."""
    bucket = s3_backends[ACCOUNT]["aws"].buckets.get(call.bucket)
    if bucket is None or call.key is None or need.action != "s3:GetObject":
        return False
    if need.resource != object_arn(bucket.name, call.key) or bucket.ownership_rule == "BucketOwnerEnforced":
        return False
    block, found = bucket.public_access_block, bucket.keys.get(call.key)
    ignored = block is not None and block.ignore_public_acls
    return not ignored and isinstance(found, FakeKey) and found.acl is not None and bool(found.acl.public_read)
