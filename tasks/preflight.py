"""Checks before money is spent: the bucket, the answer for a missing key, the role, the folder for reports.

The same by looking alone, with the model, the requests and all that a run would make, is the plan of a run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tasks.clients import client, error_code, error_text, explained
from tasks.demo.sources import DEMO
from tasks.errors import InputError, NotFoundError, PermissionDeniedError
from tasks.exchange.sources import read_asked
from tasks.hosting.endpoint import EndpointSpec
from tasks.hosting.gpus import idle_gpus
from tasks.hosting.guard import guard_in_words
from tasks.hosting.memory import check_memory
from tasks.hosting.model import check_model_uri, image_on
from tasks.hosting.plan_of_resources import PACKAGED, UNKNOWN, planned_resources
from tasks.hosting.planned import Checks, PlanOfRun, plan_in_markdown
from tasks.names import S3Location
from tasks.packaging.published import check_question, resolve_model
from tasks.plan import RunPlan
from tasks.prefect_task import run_logger, task
from tasks.report.folder import check_junit, check_reports, junit_possible, reports_possible
from tasks.resources.resource import tags_of
from tasks.settings import serving_image
from tasks.storage import check_bucket

PLAN_KEY = "plan"  # Prefect allows lowercase letters, digits and dashes


def preflight(plan: RunPlan, *, reports: bool = False, junit: str = "") -> tuple[str, ...]:
    """Return a line for each thing that is ready; raise, before any money is spent, if something is not.

    With `reports` the folder for them is checked, too, and the file `junit` if one is named.
    """
    serving_image(plan.settings, plan.region)  # raises if none is known for the region
    found = [check_reports(plan.settings.reports)] if reports else []
    found += [check_junit(junit)] if junit else []
    return (*found, ensure_bucket(plan), check_listing(plan), check_role(plan), guard_in_words(plan.settings))


def ensure_bucket(plan: RunPlan) -> str:
    """Use the bucket, or create it (private, as S3's are by default) if it is absent."""
    if bucket_there(plan):
        return f"bucket {plan.bucket}: in use"
    s3 = client("s3")
    with explained("s3:CreateBucket", plan.bucket):
        # In us-east-1 S3 refuses a LocationConstraint; everywhere else it demands one.
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": plan.region}}
        s3.create_bucket(Bucket=plan.bucket, **({} if plan.region == "us-east-1" else elsewhere))
    with explained("s3:PutBucketPublicAccessBlock", plan.bucket):
        s3.put_public_access_block(Bucket=plan.bucket, PublicAccessBlockConfiguration=_NO_PUBLIC_ACCESS)
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


def check_role(plan: RunPlan) -> str:
    role = plan.settings.execution_role_arn
    if not role:
        raise InputError(
            "STYGIG_EXECUTION_ROLE_ARN is not set: SageMaker needs a role to read the model and write the answers. "
            "deployments/aws/README.md shows how to make one; --local brings its own."
        )
    try:
        with explained("iam:GetRole", role):
            client("iam").get_role(RoleName=role.rpartition("/")[2])  # a role's path is in its ARN, not in its name
    except PermissionDeniedError:
        return f"role {role}: could not be looked at (iam:GetRole is not allowed), taken as given"
    except NotFoundError as exc:
        raise InputError(f"The execution role {role} does not exist. Check STYGIG_EXECUTION_ROLE_ARN.") from exc
    return f"role {role}: exists"


@task(name="preflight")
def preflight_task(plan: RunPlan, *, reports: bool = False, junit: str = "") -> None:
    for line in preflight(plan, reports=reports, junit=junit):
        run_logger().info("preflight: %s", line)


@dataclass(frozen=True)
class Sent:
    """Where the requests of a run come from, and how many there must be."""

    requests: str = ""
    pictures: str = DEMO
    count: int = 1
    minimum: int = 1


@dataclass(frozen=True)
class Intent:
    """What a run was asked for, as far as its plan depends on it."""

    specs: Sequence[EndpointSpec]
    model_uri: str = ""
    """Empty for a model that the run packages."""
    topic_arn: str = ""
    sent: Sent = Sent()
    reports: bool = False
    junit: str = ""


def plan_of_run(plan: RunPlan, intent: Intent) -> PlanOfRun:
    """What the run would make, change and leave, and all that would stop it. Only looks: nothing is made."""
    checks = Checks()
    bucket = look_ahead(plan, intent, checks)
    uri = _model(plan, intent, checks) if intent.model_uri else PACKAGED
    specs = [spec.serving(uri) for spec in intent.specs]
    resources = planned_resources(plan, specs, intent.topic_arn, bucket, checks)
    return PlanOfRun(
        run_id=plan.run_id,
        region=plan.region,
        started_at=plan.started_at,
        expires_at=plan.expires_at,
        checks=tuple(checks.told),
        resources=resources,
        tags=tags_of(plan.tags),
    )


def look_ahead(plan: RunPlan, intent: Intent, checks: Checks) -> bool | None:
    """Check what `preflight` checks, and the requests, by looking alone; return what is true of the bucket.

    That is True if it is there, False if it would be made, None if it can't be used.
    """
    checks.of(lambda: _images(plan, intent.specs))
    if intent.reports:
        checks.of(lambda: reports_possible(plan.settings.reports))
    if intent.junit:
        checks.of(lambda: junit_possible(intent.junit))
    bucket = checks.of(lambda: _bucket_possible(plan), lambda there: _bucket_in_words(plan, there))
    if bucket:
        checks.of(lambda: check_listing(plan))
    checks.of(lambda: check_role(plan))
    checks.say(guard_in_words(plan.settings))
    checks.of(lambda: _requests(intent.sent))
    return bucket


def _images(plan: RunPlan, specs: Sequence[EndpointSpec]) -> str:
    serving_image(plan.settings, plan.region)  # a run wants one to be known, whatever its endpoints name
    found = dict.fromkeys(spec.image_uri or image_on(plan, spec.instance_type) for spec in specs)
    return f"serving image: {', '.join(found)}"


def _bucket_possible(plan: RunPlan) -> bool:
    there = bucket_there(plan)
    if not there:
        S3Location.parse(f"s3://{plan.bucket}/")  # raises for a name that no bucket can have
    return there


def _bucket_in_words(plan: RunPlan, there: bool) -> str:
    if there:
        return f"bucket {plan.bucket}: in use"
    return f"bucket {plan.bucket}: absent, would be made; whether missing keys answer 404 shows only then"


def _requests(sent: Sent) -> str:
    if not sent.requests and sent.pictures == DEMO:
        return "requests: the demo's pictures, drawn by code"
    found = read_asked(sent.requests, sent.pictures, sent.count, sent.minimum, top_k=1)
    return f"requests: {len(found)} from {sent.requests or sent.pictures}, those that must fail among them"


def _model(plan: RunPlan, intent: Intent, checks: Checks) -> str:
    """The URI of the model, checked to fit its instances; UNKNOWN if there is none."""

    def find() -> str:
        uri = resolve_model(intent.model_uri, plan.bucket)
        check_question(uri, intent.sent.requests)
        return check_model_uri(uri)

    uri = checks.of(find, lambda uri: f"model: {uri}")
    if not uri:
        return UNKNOWN
    for spec in intent.specs:
        checks.of(partial(_fits, plan, spec.serving(uri)))
    return uri


def _fits(plan: RunPlan, spec: EndpointSpec) -> str:
    memory = check_memory(spec.model_uri, spec.instance_type, plan.settings.model_server_workers)
    idle = idle_gpus(spec.model_uri, spec.instance_type, spec.image_uri or image_on(plan, spec.instance_type))
    return f"{memory}; {idle}" if idle else memory


@task(name="plan-only", only_reads=True)
def plan_only_task(plan: RunPlan, intent: Intent) -> PlanOfRun:
    """Return the plan of the run, which the Prefect UI shows as an artifact, too."""
    from prefect.artifacts import create_markdown_artifact  # not at the top: importing Prefect takes seconds

    found = plan_of_run(plan, intent)
    for check in found.checks:
        (run_logger().info if check.ok else run_logger().warning)("plan: %s", check.line)
    create_markdown_artifact(plan_in_markdown(found), key=PLAN_KEY, description=f"Plan of run {plan.run_id}")
    return found
