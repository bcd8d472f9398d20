"""Buckets: which exist, and whether SageMaker can use them from where it is asked."""

from typing import Any

from tasks.clients import client, explained
from tasks.errors import InputError


def bucket_region(bucket: str) -> str:
    """The region that a bucket is in, as S3 says; empty where it doesn't say. NotFoundError if there is none."""
    with explained("s3:ListBucket", f"bucket {bucket}"):
        answer: dict[str, Any] = client("s3").head_bucket(Bucket=bucket)
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return str(answer.get("BucketRegion") or headers.get("x-amz-bucket-region", ""))


def check_bucket(bucket: str, region: str, named_by: str) -> str:
    """The bucket, if it exists and is in the region: SageMaker reads and writes in its own region alone."""
    found = bucket_region(bucket)
    if found and found != region:
        raise InputError(
            f"Bucket {bucket} ({named_by}) is in {found}, but the endpoint would be in {region}: SageMaker uses "
            f"buckets of its own region. Name a bucket in {region}, or set AWS_DEFAULT_REGION={found}."
        )
    return bucket
