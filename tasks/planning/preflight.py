"""Checks before money is spent: the bucket, the answer for a missing key, the role, the folder for reports."""

import json

from tasks.clients import client, error_code, error_text, explained, partition
from tasks.errors import NotFoundError, PermissionDeniedError
from tasks.hosting.execution_role import check_role
from tasks.hosting.guard import guard_in_words
from tasks.names import RUNS_PREFIX
from tasks.plan import RunPlan
from tasks.prefect_task import run_logger, task
from tasks.report.folder import check_junit, check_reports
from tasks.settings import serving_image
from tasks.storage import check_bucket


def preflight(plan: RunPlan, *, reports: bool = False, junit: str = "") -> tuple[str, ...]:
    """Return a line for each thing that is ready; raise, before any money is spent, if something is not.

    With `reports` the folder for them is checked, too, and the file `junit` if one is named.
    """
    serving_image(plan.settings, plan.region)  # raises if none is known for the region
    found = [check_reports(plan.settings.reports)] if reports else []
    found += [check_junit(junit)] if junit else []
    return (*found, ensure_bucket(plan), check_listing(plan), check_role(plan), guard_in_words(plan.settings))


def ensure_bucket(plan: RunPlan) -> str:
    """Use the bucket as it is, or create it, private, if it is absent."""
    if bucket_there(plan):
        return f"bucket {plan.bucket}: in use"
    s3 = client("s3")
    with explained("s3:CreateBucket", plan.bucket):
        # In us-east-1 S3 refuses a LocationConstraint; everywhere else it demands one.
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": plan.region}}
        s3.create_bucket(Bucket=plan.bucket, **({} if plan.region == "us-east-1" else elsewhere))
    _protect(plan)
    return f"bucket {plan.bucket}: made"


def bucket_there(plan: RunPlan) -> bool:
    """True if the bucket is in use, False if it is absent; raise if it may not be used, or is elsewhere."""
    try:
        check_bucket(plan.bucket, plan.region, "STYGIG_BUCKET" if plan.settings.bucket else "the account's default")
    except PermissionDeniedError as exc:
        raise PermissionDeniedError(
            f"Bucket {plan.bucket} exists but may not be used: it belongs to another account, or "
            "s3:ListBucket is missing. Set STYGIG_BUCKET to a bucket of yours."
        ) from exc
    except NotFoundError:
        return False
    return True


def _protect(plan: RunPlan) -> None:
    """Make a new bucket private, reachable by TLS alone, and rid of what runs leave when nobody removes it."""
    s3, arn = client("s3"), f"arn:{partition()}:s3:::{plan.bucket}"
    with explained("s3:PutBucketPublicAccessBlock", plan.bucket):
        s3.put_public_access_block(Bucket=plan.bucket, PublicAccessBlockConfiguration=_NO_PUBLIC_ACCESS)
    denied = {"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    policy = {
        "Version": "2012-10-17",
        "Statement": [denied | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}],
    }
    with explained("s3:PutBucketPolicy", plan.bucket):
        s3.put_bucket_policy(Bucket=plan.bucket, Policy=json.dumps(policy))
    with explained("s3:PutLifecycleConfiguration", plan.bucket):
        s3.put_bucket_lifecycle_configuration(Bucket=plan.bucket, LifecycleConfiguration={"Rules": _EXPIRY})


_EXPIRY = [
    {
        "ID": "runs",
        "Status": "Enabled",
        "Filter": {"Prefix": RUNS_PREFIX},
        "Expiration": {"Days": 400},  # a teardown removes it at once; this is for what nobody asks for any more
    },
    {
        "ID": "unfinished-uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    },
]
_NO_PUBLIC_ACCESS = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


def check_listing(plan: RunPlan) -> str:
    """Check that a missing key answers 404: without s3:ListBucket it is 403, and every wait would look like a refusal.

    A GET and not a HEAD: only an answer's body says which action is missing, and a HEAD's has none.
    """
    s3 = client("s3")
    try:
        s3.get_object(Bucket=plan.bucket, Key=plan.names.prefix.child("preflight-missing-key").key)
    except s3.exceptions.ClientError as exc:
        if error_code(exc) in {"403", "AccessDenied"}:
            raise PermissionDeniedError(
                f"A missing key in {plan.bucket} answers 403 instead of 404: the caller lacks s3:ListBucket on "
                f"arn:aws:s3:::{plan.bucket}, or s3:GetObject on what lies in it. Allow it: waiting for outputs needs "
                f"both. AWS says: {error_text(exc)}"
            ) from exc
    return f"missing keys in {plan.bucket}: 404, as waiting needs"


@task(name="preflight")
def preflight_task(plan: RunPlan, *, reports: bool = False, junit: str = "") -> None:
    for line in preflight(plan, reports=reports, junit=junit):
        run_logger().info("preflight: %s", line)
