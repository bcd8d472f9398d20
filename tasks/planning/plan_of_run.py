"""The plan of a run: what it would make, change and leave, and all that would stop it, found by looking alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tasks.demo.sources import DEMO
from tasks.exchange.sources import read_asked
from tasks.hosting.endpoint import EndpointSpec
from tasks.hosting.execution_role import check_role
from tasks.hosting.fitting import check_memory, idle_gpus
from tasks.hosting.guard import guard_in_words
from tasks.hosting.model import check_model_uri, image_on
from tasks.names import S3Location
from tasks.packaging.published import check_question, resolve_model
from tasks.plan import RunPlan
from tasks.planning.plan_of_resources import PACKAGED, UNKNOWN, UNWATCHED, Watched, planned_resources
from tasks.planning.planned import Checks, PlanOfRun, plan_in_markdown
from tasks.planning.preflight import bucket_there, check_listing
from tasks.prefect_task import run_logger, task
from tasks.report.folder import junit_possible, reports_possible
from tasks.resources.resource import tags_of
from tasks.settings import serving_image

PLAN_KEY = "plan"  # Prefect allows lowercase letters, digits and dashes


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
    watched: Watched = UNWATCHED


def plan_of_run(plan: RunPlan, intent: Intent) -> PlanOfRun:
    """What the run would make, change and leave, and all that would stop it. Only looks: nothing is made."""
    checks = Checks()
    bucket = look_ahead(plan, intent, checks)
    uri = _model(plan, intent, checks) if intent.model_uri else PACKAGED
    specs = [spec.serving(uri) for spec in intent.specs]
    resources = planned_resources(plan, specs, intent.topic_arn, bucket, checks, intent.watched)
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
