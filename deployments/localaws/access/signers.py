"""The signer of a request: by a header or a link, by the older version of either, or nobody."""

from __future__ import annotations

import re
from dataclasses import replace

from moto.s3.models import s3_backends

from localaws.access.s3 import presigned
from localaws.calls import Call
from localaws.errors import AwsError
from localaws.services.moto_services import ACCOUNT

_V2_HEADER = re.compile(r"AWS (?P<key>[^:\s]+):\S+")


def as_signed(call: Call) -> Call:
    """The call with its signer's key; raise S3's error for a header that names no key."""
    if call.service != "s3" or call.access_key is not None:
        return call
    header = call.request.headers.get("Authorization")
    if header is None:
        return replace(call, access_key=presigned.access_key_of(call))
    match = _V2_HEADER.fullmatch(header)
    if match is None:
        fields = {"ArgumentName": "Authorization", "ArgumentValue": header}
        raise AwsError("InvalidArgument", "Unsupported Authorization Type", 400, fields)
    return replace(call, access_key=match["key"])


def is_anonymous(call: Call) -> bool:
    """True for a request to S3 that nobody has signed."""
    return call.service == "s3" and call.access_key is None


def asks_of_missing_bucket(call: Call) -> bool:
    """True if the bucket is missing, which S3 tells every caller except one that wants to create it."""
    missing = call.bucket is not None and call.bucket not in s3_backends[ACCOUNT]["aws"].buckets
    return missing and call.operation != "CreateBucket"
