"""Buckets, objects and prefixes in S3."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tasks.clients import client, explained, is_missing
from tasks.errors import InputError
from tasks.names import S3Location

THREADS = 16


def exists(location: S3Location) -> bool:
    """True if the object is there. A refusal is an error, never "no"."""
    with explained("s3:GetObject (and s3:ListBucket, without which a missing key answers 403)", location.uri):
        try:
            client("s3").head_object(Bucket=location.bucket, Key=location.key)
        except ClientError as exc:
            if is_missing(exc):  # by its status, 404: the answer to a HEAD has no body with a code
                return False
            raise
    return True


def download(uri: str) -> bytes:
    """The object's bytes."""
    return download_with_type(uri)[0]


def download_with_type(uri: str) -> tuple[bytes, str]:
    """The object's bytes and its content type."""
    location = S3Location.parse(uri)
    with explained("s3:GetObject", uri):
        found = client("s3").get_object(Bucket=location.bucket, Key=location.key)
        return found["Body"].read(), found.get("ContentType", "")


def upload(content: bytes, location: S3Location, content_type: str = "application/octet-stream") -> str:
    with explained("s3:PutObject", location.uri):
        client("s3").put_object(Bucket=location.bucket, Key=location.key, Body=content, ContentType=content_type)
    return location.uri


def upload_file(path: Path, location: S3Location) -> str:
    # boto3's upload_file hides the ClientError in an error of its own; upload_fileobj lets it through.
    with explained("s3:PutObject", location.uri), path.open("rb") as opened:
        client("s3").upload_fileobj(opened, location.bucket, location.key)
    return location.uri


def keys_under(location: S3Location) -> Iterator[str]:
    """Yield every key under a prefix; 1,000 keys cost one request."""
    with explained("s3:ListBucket", location.uri):
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=location.bucket, Prefix=location.key)
        for page in pages:
            yield from (item["Key"] for item in page.get("Contents", []))


def bucket_region(bucket: str) -> str:
    """The bucket's region, empty where S3 doesn't say; raise NotFoundError if there is no such bucket."""
    with explained("s3:ListBucket", f"bucket {bucket}"):
        answer: dict[str, Any] = client("s3").head_bucket(Bucket=bucket)
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return str(answer.get("BucketRegion") or headers.get("x-amz-bucket-region", ""))


def check_bucket(bucket: str, region: str, named_by: str) -> str:
    """Return the bucket; raise InputError unless it is in the region: SageMaker uses only its own region's buckets."""
    found = bucket_region(bucket)
    if found and found != region:
        raise InputError(
            f"Bucket {bucket} ({named_by}) is in {found}, but the endpoint would be in {region}: SageMaker uses "
            f"buckets of its own region. Name a bucket in {region}, or set AWS_DEFAULT_REGION={found}."
        )
    return bucket
