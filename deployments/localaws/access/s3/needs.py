"""The permissions that S3's operations need; many have another name in IAM than in the API."""

from __future__ import annotations

from urllib.parse import unquote

import xmltodict  # type: ignore[import-untyped]

from localaws.access.need import Need, given
from localaws.calls import Call
from localaws.services.moto_services import kms_arn

# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
_ACTIONS = {
    "HeadObject": "GetObject",
    "GetObjectTorrent": "GetObject",
    "SelectObjectContent": "GetObject",
    "GetObjectAttributes": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "ListBuckets": "ListAllMyBuckets",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketTagging": "PutBucketTagging",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
}
_VERSIONED = {"GetObject": "GetObjectVersion", "DeleteObject": "DeleteObjectVersion"}
# Operations that answer 404 for a missing key, but 403 to callers who may not list the bucket.
READING = ("GetObject", "HeadObject", "GetObjectAttributes", "GetObjectTagging", "GetObjectAcl")


def bucket_arn(bucket: str) -> str:
    """The ARN of a bucket."""
    return f"arn:aws:s3:::{bucket}"


def object_arn(bucket: str, key: str) -> str:
    """The ARN of an object."""
    return f"arn:aws:s3:::{bucket}/{key}"


def s3_needs(call: Call) -> list[Need]:
    """The permissions that the call needs, that for the operation's own action first."""
    bucket, key = call.bucket, call.key
    if bucket is None:
        return [Need(_action(call), bucket_arn("*"))]
    if call.operation == "DeleteObjects":
        return [Need("s3:DeleteObject", object_arn(bucket, each), per_key=True) for each in keys_to_delete(call)]
    resource = object_arn(bucket, key) if key else bucket_arn(bucket)
    needs = [Need(_action(call), resource, _context(call))]
    if "x-amz-copy-source" in call.request.headers:
        source = unquote(call.request.headers["x-amz-copy-source"]).removeprefix("/").partition("?")[0]
        needs.append(Need("s3:GetObject", f"arn:aws:s3:::{source}"))
    if encrypting := call.request.headers.get("x-amz-server-side-encryption-aws-kms-key-id"):
        needs.append(Need("kms:GenerateDataKey", kms_arn(call.region, encrypting)))
    if key and "x-amz-tagging" in call.request.headers:
        needs.append(Need("s3:PutObjectTagging", resource))
    if key and call.operation in ("PutObject", "CopyObject") and "x-amz-acl" in call.request.headers:
        needs.append(Need("s3:PutObjectAcl", resource, _context(call)))
    return needs


def keys_to_delete(call: Call) -> list[str]:
    """The keys that DeleteObjects names."""
    # A key may begin or end with blanks; without force_list a single object would not be in a list.
    objects = xmltodict.parse(call.body(), strip_whitespace=False, force_list=("Object",))["Delete"].get("Object", [])
    return [each["Key"] for each in objects]


def _action(call: Call) -> str:
    action = _ACTIONS.get(call.operation, call.operation)
    if "versionId" in call.request.args:
        action = _VERSIONED.get(action, action)
    return f"s3:{action}"


def _context(call: Call) -> dict[str, tuple[str, ...]]:
    arguments, headers = call.request.args, call.request.headers
    listing = call.operation in ("ListObjects", "ListObjectsV2", "ListObjectVersions")
    return given(
        # A listing of the whole bucket has an empty prefix, a request for an object has none.
        s3__prefix=arguments.get("prefix", "") if listing else None,
        s3__delimiter=arguments.get("delimiter"),
        s3__max_keys=arguments.get("max-keys"),
        s3__versionid=arguments.get("versionId"),
        s3__x_amz_acl=headers.get("x-amz-acl"),
        s3__x_amz_copy_source=headers.get("x-amz-copy-source"),
        s3__x_amz_server_side_encryption=headers.get("x-amz-server-side-encryption"),
        s3__x_amz_server_side_encryption_aws_kms_key_id=headers.get("x-amz-server-side-encryption-aws-kms-key-id"),
        s3__x_amz_storage_class=headers.get("x-amz-storage-class"),
    )
