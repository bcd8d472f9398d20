"""Buckets as AWS creates them since 2023: encrypted, closed to the public, and without access control lists.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
"""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from moto.core.responses import ActionResult
from moto.s3.exceptions import InvalidBucketName, InvalidContinuationToken, InvalidMaxPartArgument
from moto.s3.models import OWNER, PublicAccessBlock, S3Backend
from moto.s3.responses import S3Response
from moto.s3.utils import bucket_policy_is_public

from localaws.errors import AwsError

_ENFORCED = "BucketOwnerEnforced"
_PUBLIC = "http://acs.amazonaws.com/groups/global/"
_OWNERS = ("private", "bucket-owner-full-control", "bucket-owner-read")
_PUBLIC_LISTS = ("public-read", "public-read-write", "authenticated-read")
_CANNED = (*_OWNERS, *_PUBLIC_LISTS, "aws-exec-read", "log-delivery-write")
_MOST_BUCKETS = 10_000
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")
_RESERVED_BEGINNINGS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDINGS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_create_bucket = S3Backend.create_bucket
_put_bucket_policy = S3Backend.put_bucket_policy
_bucket_response_put = S3Response._bucket_response_put
_acl_from_headers = S3Response._acl_from_headers
_acl_from_body = S3Response._acl_from_body


def apply() -> None:
    """Patch moto with the functions of this module."""
    S3Backend.create_bucket = create_bucket
    S3Backend.delete_bucket_encryption = delete_bucket_encryption
    S3Backend.put_bucket_policy = put_bucket_policy
    S3Response._bucket_response_put = bucket_response_put
    S3Response._acl_from_headers = acl_from_headers
    S3Response._acl_from_body = acl_from_body
    S3Response.put_object_acl = put_object_acl
    S3Response.all_buckets = all_buckets


def is_bucket_name(name: str) -> bool:
    """True if a general purpose bucket may have the name.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    if not _NAME.fullmatch(name) or name.startswith(_RESERVED_BEGINNINGS) or name.endswith(_RESERVED_ENDINGS):
        return False
    try:
        IPv4Address(name)
    except AddressValueError:
        return True
    return False


def create_bucket(backend: Any, bucket_name: str, region_name: str, bucket_namespace: str | None = None) -> Any:
    """Create a bucket with AWS's defaults."""
    if not is_bucket_name(bucket_name):
        raise InvalidBucketName
    bucket = _create_bucket(backend, bucket_name, region_name, bucket_namespace)
    bucket.encryption = _default_encryption()
    bucket.public_access_block = PublicAccessBlock(True, True, True, True)
    bucket.ownership_rule = _ENFORCED
    return bucket


def delete_bucket_encryption(backend: Any, bucket_name: str) -> None:
    """Reset the bucket to the default encryption, which every bucket has."""
    backend.get_bucket(bucket_name).encryption = _default_encryption()


def _default_encryption() -> dict[str, Any]:
    return {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}}


def put_bucket_policy(backend: Any, bucket_name: str, policy: bytes) -> None:
    """Set the bucket's policy; refuse a public one if the bucket blocks those."""
    block = backend.get_bucket(bucket_name).public_access_block
    if block is not None and block.block_public_policy and bucket_policy_is_public(policy):
        raise _blocked("s3:PutBucketPolicy", bucket_name, "policies", "BlockPublicPolicy")
    _put_bucket_policy(backend, bucket_name, policy)


def bucket_response_put(response: Any, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
    """Answer a PUT to a bucket; refuse to create one with an access control list that its other settings forbid."""
    if "acl" not in querystring:
        response.makes_bucket = True
        _refuse_list_of_new_bucket(request.headers)
    return _bucket_response_put(response, request, bucket_name, querystring)


def acl_from_headers(response: Any, headers: Any) -> Any:
    """The access control list in the headers; refuse one that the bucket does not allow."""
    canned = headers.get("x-amz-acl")
    if canned is not None and canned not in _CANNED:
        fields = {"ArgumentName": "x-amz-acl", "ArgumentValue": canned}
        raise AwsError("InvalidArgument", "The canned ACL is not valid.", 400, fields)
    acl = _acl_from_headers(response, headers)
    # A bucket that is only being created cannot be looked up; `bucket_response_put` has checked its list.
    if acl is not None and not getattr(response, "makes_bucket", False):
        _refuse_list(response, acl, is_owners=canned == "bucket-owner-full-control")
    return acl


def acl_from_body(response: Any) -> Any:
    """The access control list in the body; refuse one that the bucket does not allow."""
    acl = _acl_from_body(response)
    if acl is not None:
        given = [(grantee.uri, *grant.permissions) for grant in acl.grants for grantee in grant.grantees]
        _refuse_list(response, acl, is_owners=given == [("", "FULL_CONTROL")])
    return acl


def put_object_acl(response: Any) -> Any:
    """Set an object's access control list; moto does not read one in the body."""
    acl = response._acl_from_headers(response.headers)
    if acl is None and response.body:
        acl = response._acl_from_body()
    acl = acl or response.backend.get_bucket(response.bucket_name).acl
    response.backend.put_object_acl(response.bucket_name, response.parse_key_name(), acl)
    return 200, response._get_cors_headers_other(), ""


def _refuse_list(response: Any, acl: Any, is_owners: bool) -> None:
    bucket = response.backend.get_bucket(response.bucket_name)
    # AWS accepts a list that only gives the bucket's owner full control even where lists are off: it changes nothing.
    if bucket.ownership_rule == _ENFORCED and not is_owners:
        raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")
    block = bucket.public_access_block
    if block is not None and block.block_public_acls and _is_public(acl):
        raise AwsError("AccessDenied", "Access Denied", 403)


def _refuse_list_of_new_bucket(headers: Any) -> None:
    canned = headers.get("x-amz-acl", "private")
    granted = any(name.lower().startswith("x-amz-grant-") for name, _ in headers)
    if canned in _OWNERS and not granted:
        return
    if headers.get("x-amz-object-ownership", _ENFORCED) == _ENFORCED:
        text = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        raise AwsError("InvalidBucketAclWithObjectOwnership", text)
    if canned in _PUBLIC_LISTS:
        text = "Bucket cannot have public ACLs set with BlockPublicAccess enabled"
        raise AwsError("InvalidBucketAclWithBlockPublicAccessError", text)


def _is_public(acl: Any) -> bool:
    return any(grantee.uri.startswith(_PUBLIC) for grant in acl.grants for grantee in grant.grantees)


def _blocked(action: str, bucket: str, what: str, setting: str) -> AwsError:
    why = f"because public {what} are prevented by the {setting} setting in S3 Block Public Access"
    return AwsError("AccessDenied", f'{action} on resource: "arn:aws:s3:::{bucket}" is not allowed {why}.', 403)


def all_buckets(response: Any) -> Any:
    """Answer ListBuckets, in pages if the request asks for that."""
    response.data["Action"] = "ListAllMyBuckets"  # the permission has another name than the operation
    response._authenticate_and_authorize_s3_action()
    asked = {name: values[0] for name, values in response.querystring.items()}
    prefix, most, after = asked.get("prefix", ""), _most(asked.get("max-buckets")), _after(asked)
    region = asked.get("bucket-region")
    found = sorted(response.backend.buckets.values(), key=lambda bucket: bucket.name)
    left = [each for each in found if each.name.startswith(prefix) and each.name > after]
    left = [each for each in left if region in (None, each.region_name)]
    page = left[:most]
    response.data["Action"] = "ListBuckets"
    answer = {
        "Owner": {"ID": OWNER},
        "Buckets": [_described(each) for each in page],
        "Prefix": prefix or None,
        "ContinuationToken": base64.b64encode(page[-1].name.encode()).decode() if len(left) > len(page) else None,
    }
    return response.serialized(ActionResult(answer))


def _described(bucket: Any) -> dict[str, Any]:
    return {
        "Name": bucket.name,
        "CreationDate": bucket.creation_date_ISO8601,
        "BucketRegion": bucket.region_name,
        "BucketArn": bucket.arn,
    }


def _most(asked: str | None) -> int:
    if asked is None:
        return _MOST_BUCKETS
    if not asked.isdecimal() or not 1 <= int(asked) <= _MOST_BUCKETS:
        raise InvalidMaxPartArgument("max-buckets", 1, _MOST_BUCKETS)
    return int(asked)


def _after(asked: dict[str, str]) -> str:
    try:
        return base64.b64decode(asked.get("continuation-token", ""), validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidContinuationToken from None
