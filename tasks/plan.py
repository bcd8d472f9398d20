"""The plan of a run: its place, names and expiry, settled before anything is made in AWS."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tasks import clock, names
from tasks.clients import account_id, partition, region
from tasks.prefect_task import run_logger, task
from tasks.settings import Settings, read_settings


@dataclass(frozen=True)
class RunPlan:
    """One run: its id, account, region, bucket, start and settings. Every task gets it; every name comes from it."""

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
        """The ARN of a resource of this run, in the partition of its region (aws, aws-cn, aws-us-gov)."""
        return f"arn:{partition()}:{service}:{self.region}:{self.account}:{resource}"

    @property
    def tags(self) -> list[dict[str, str]]:
        return names.tags(self.run_id, self.settings.owner, self.expires_at)


def bucket_of(settings: Settings) -> str:
    """The bucket in the settings, or else the account's own."""
    return settings.bucket or f"{names.PREFIX}{account_id()}-{region()}"


def plan_run(run_id: str, settings: Settings | None = None) -> RunPlan:
    """The plan of a run; AWS is asked for nothing but our account."""
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


@task(name="find-bucket", only_reads=True)
def find_bucket_task(settings: Settings) -> str:
    """The bucket in the settings, or else the account's own, for which AWS is asked which account it is."""
    return bucket_of(settings)


@task(name="plan", only_reads=True)
def plan_task(run_id: str) -> RunPlan:
    plan = plan_run(run_id)
    logger = run_logger()
    logger.info("Run %s in %s, bucket %s, expires %s", plan.run_id, plan.region, plan.bucket, plan.expires_at)
    for name, value in plan.settings.masked().items():
        logger.info("setting %s = %s", name, value)
    return plan
