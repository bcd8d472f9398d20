"""What a run is going to do and under which names, settled before anything is asked of AWS."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import boto3

from tasks import clock, names
from tasks.buckets import check_bucket
from tasks.clients import account_id, client, error_code, error_text, explained, region
from tasks.errors import InputError, NotFoundError, PermissionDeniedError
from tasks.prefect_task import run_logger, task
from tasks.report_folder import check_reports
from tasks.settings import Settings, read_settings, serving_image


@dataclass(frozen=True)
class RunPlan:
    """One run: who, where, until when. Every task gets it; every name comes from it."""

    run_id: str
    account: str
    region: str
    bucket: str
    started_at: datetime
    settings: Settings = field(repr=False)

    @property
    def names(self) -> names.RunNames:
        return names.RunNames(self.run_id, self.bucket)

    @property
    def expires_at(self) -> datetime:
        return self.started_at + timedelta(hours=self.settings.expires_after_hours)

    def arn(self, service: str, resource: str) -> str:
        """The ARN of something of this run, in the partition of its region (aws, aws-cn, aws-us-gov)."""
        partition = boto3.Session().get_partition_for_region(self.region)
        return f"arn:{partition}:{service}:{self.region}:{self.account}:{resource}"

    @property
    def tags(self) -> list[dict[str, str]]:
        return names.tags(self.run_id, self.settings.owner, self.expires_at)


def bucket_of(settings: Settings) -> str:
    """The bucket of the settings, or the account's own."""
    return settings.bucket or f"{names.PREFIX}{account_id()}-{region()}"


def plan_run(run_id: str, settings: Settings | None = None) -> RunPlan:
    """The plan of a run; asks AWS only who we are."""
    settings = settings or read_settings()
    where = region()
    account = account_id()
    return RunPlan(
        run_id=run_id,
        account=account,
        region=where,
        bucket=bucket_of(settings),
        started_at=clock.now(),
        settings=settings,
    )


def preflight(plan: RunPlan, *, reports: bool = False) -> tuple[str, ...]:
    """What was found ready, line by line; raises before any money is spent if something is not.

    With `reports` the folder for them is looked at too.
    """
    serving_image(plan.settings, plan.region)  # which is refused where none is known
    found = (check_reports(plan.settings.reports),) if reports else ()
    return (*found, ensure_bucket(plan), check_listing(plan), check_role(plan))


def ensure_bucket(plan: RunPlan) -> str:
    """Uses the bucket, or makes it (private, as S3 makes them) if it is absent."""
    s3 = client("s3")
    try:
        check_bucket(plan.bucket, plan.region, "STYGIG_BUCKET" if plan.settings.bucket else "the account's default")
    except PermissionDeniedError as exc:
        raise PermissionDeniedError(
            f"Bucket {plan.bucket} exists but may not be used: it belongs to another account, or "
            "s3:ListBucket is missing. Set STYGIG_BUCKET to a bucket of yours."
        ) from exc
    except NotFoundError:
        with explained("s3:CreateBucket", plan.bucket):
            elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": plan.region}}
            s3.create_bucket(Bucket=plan.bucket, **({} if plan.region == "us-east-1" else elsewhere))
        with explained("s3:PutBucketPublicAccessBlock", plan.bucket):
            s3.put_public_access_block(Bucket=plan.bucket, PublicAccessBlockConfiguration=_NO_PUBLIC_ACCESS)
        return f"bucket {plan.bucket}: made"
    return f"bucket {plan.bucket}: in use"


_NO_PUBLIC_ACCESS = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


def check_listing(plan: RunPlan) -> str:
    """Without s3:ListBucket S3 answers 403 for a missing key, and every wait would look like a refusal.

    A GET and not a HEAD: only the answer's body says which action is missing.
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


def check_role(plan: RunPlan) -> str:
    role = plan.settings.execution_role_arn
    if not role:
        raise InputError(
            "STYGIG_EXECUTION_ROLE_ARN is not set: SageMaker needs a role to read the model and write the answers. "
            "deployments/aws/README.md shows how to make one; --local brings its own."
        )
    try:
        with explained("iam:GetRole", role):
            client("iam").get_role(RoleName=role.rpartition("/")[2])
    except PermissionDeniedError:
        return f"role {role}: could not be looked at (iam:GetRole is not allowed), taken as given"
    except NotFoundError as exc:
        raise InputError(f"The execution role {role} does not exist. Check STYGIG_EXECUTION_ROLE_ARN.") from exc
    return f"role {role}: exists"


@task(name="plan")
def plan_task(run_id: str) -> RunPlan:
    plan = plan_run(run_id)
    logger = run_logger()
    logger.info("Run %s in %s, bucket %s, expires %s", plan.run_id, plan.region, plan.bucket, plan.expires_at)
    for name, value in plan.settings.masked().items():
        logger.info("setting %s = %s", name, value)
    return plan


@task(name="preflight")
def preflight_task(plan: RunPlan, *, reports: bool = False) -> None:
    for line in preflight(plan, reports=reports):
        run_logger().info("preflight: %s", line)
