"""The resources that a run would make, change or leave: named by the builders of its requests, looked for, priced."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from tasks.clients import client, explained, missing_ok
from tasks.errors import InputError, ServiceUnreachableError, StygigError
from tasks.hosting.deploying import config_request_of, endpoint_name, refuse_taken
from tasks.hosting.endpoint import EndpointSpec
from tasks.hosting.model import model_request_of
from tasks.hosting.monitoring import alarms_of
from tasks.hosting.notifications import Topics, is_there, topics_of
from tasks.hosting.scaling import MAXIMUM_INSTANCES, TRACKING, WAKING, resource_id
from tasks.limits import SERVICE_NAMESPACE
from tasks.names import S3Location
from tasks.packaging.published import latest_pointer
from tasks.plan import RunPlan
from tasks.planning.planned import Checks, PlannedResource, Would
from tasks.prices import PriceNotFoundError, find_prices
from tasks.resources.guard import SCHEDULE, SCHEDULE_GROUP
from tasks.resources.kind import ResourceKind
from tasks.resources.messaging import QUEUE, SUBSCRIPTION, TOPIC
from tasks.resources.resource import Resource, tags_of
from tasks.resources.run_data import DATA
from tasks.resources.sagemaker import ENDPOINT, ENDPOINT_CONFIG, MODEL
from tasks.resources.scaling import ALARM, ALARM_USD_PER_HOUR, DASHBOARD, DASHBOARD_USD_PER_HOUR, SCALABLE_TARGET
from tasks.storage import check_bucket, exists

PACKAGED = "decided by packaging"
"""The name of what only packaging decides: a model's name is a hash of its request, which names the artifact."""
UNKNOWN = "not known, see the findings"
UNSETTLED = frozenset({PACKAGED, UNKNOWN})
UNTAGGED = frozenset({DATA, SUBSCRIPTION, SCHEDULE, SCALABLE_TARGET, DASHBOARD})
"""Kinds without tags: their records, or the tags of what they belong to, tell whose they are."""


@dataclass(frozen=True)
class Watched:
    """What a run makes to watch its asynchronous endpoint."""

    alarms: bool = False
    dashboard: bool = False


UNWATCHED = Watched()


def planned_resources(
    plan: RunPlan,
    specs: Sequence[EndpointSpec],
    topic_arn: str,
    bucket: bool | None,
    checks: Checks,
    watched: Watched = Watched(),
) -> tuple[PlannedResource, ...]:
    """The resources in the order of their making; what would stop a run is a finding among the checks.

    The specs' model is PACKAGED where the run would make it, UNKNOWN where there is none. `bucket` says whether the
    bucket is there; None, that it can't be used.
    """
    return tuple(_Planning(plan, checks, watched).all(specs, topic_arn, bucket))


@dataclass(frozen=True)
class _Planning:
    plan: RunPlan
    checks: Checks
    watched: Watched

    def all(self, specs: Sequence[EndpointSpec], topic_arn: str, bucket: bool | None) -> Iterator[PlannedResource]:
        queued = [spec for spec in specs if spec.kind == "async"]
        yield PlannedResource("bucket", self.plan.bucket, _AS_FOUND[bucket], bucket)
        for spec in queued:
            yield from self._bucket_of_answers(spec)
        yield from self._artifact(specs[0].model_uri, bucket)
        yield self._made(DATA, f"{self.plan.bucket}/{self.plan.names.prefix.key}")
        if queued:
            yield from self._messaging(topic_arn)
        if self.plan.settings.scheduler_role_arn:
            group = self.plan.names.schedule_group
            yield self._made(SCHEDULE_GROUP, group)
            yield from (self._made(SCHEDULE, f"{group}/{endpoint_name(self.plan, spec)}") for spec in specs)
        yield from self._hosting(specs, topics_of(self.plan, topic_arn))
        for spec in queued:
            yield from self._scaling(endpoint_name(self.plan, spec))
            yield from self._watching(endpoint_name(self.plan, spec))

    def _bucket_of_answers(self, spec: EndpointSpec) -> Iterator[PlannedResource]:
        """Yield the bucket that the answers go to, if it is another one: that must be there."""
        bucket = S3Location.parse(spec.s3_output_path).bucket if spec.s3_output_path else self.plan.bucket
        if bucket != self.plan.bucket:
            look = partial(check_bucket, bucket, self.plan.region, "s3_output_path")
            found = self.checks.of(look, lambda name: f"bucket {name} for the answers: in use")
            there = True if found else None
            yield PlannedResource("bucket", bucket, _AS_FOUND[there], there)

    def _artifact(self, model_uri: str, bucket: bool | None) -> Iterator[PlannedResource]:
        """Yield the artifact; one that is packaged becomes the latest. Both stay, and bill by their size alone."""
        if model_uri != PACKAGED:
            there = None if model_uri == UNKNOWN else True
            yield PlannedResource("artifact", model_uri, _AS_FOUND[there], there)
            return
        yield PlannedResource("artifact", PACKAGED, exists=None)
        pointer = latest_pointer(self.plan.bucket)
        there = _if_known(lambda: exists(pointer)) if bucket else bucket
        yield PlannedResource("latest model", pointer.uri, "change" if there else "create", there)

    def _messaging(self, topic_arn: str) -> Iterator[PlannedResource]:
        topics, queue = topics_of(self.plan, topic_arn), self.plan.names.queue
        arns = sorted({topics.success_arn, topics.error_arn})
        yield from (self._given_topic(arn) if topic_arn else self._made(TOPIC, arn) for arn in arns)
        yield self._made(QUEUE, queue)
        yield from (self._made(SUBSCRIPTION, f"{arn}|{queue}") for arn in arns)

    def _given_topic(self, arn: str) -> PlannedResource:
        def in_words(there: bool) -> str:
            return f"topic {arn}: " + ("in use" if there else "absent, would be made and go with the run")

        there = self.checks.of(lambda: is_there(self.plan, arn), in_words)
        return self._made(TOPIC, arn) if there is False else PlannedResource(TOPIC.name, arn, _AS_FOUND[there], there)

    def _hosting(self, specs: Sequence[EndpointSpec], topics: Topics) -> Iterator[PlannedResource]:
        models = [self._model_name(spec) for spec in specs]
        yield from (self._made(MODEL, name) for name in dict.fromkeys(models))  # two endpoints may share one
        for spec, model in zip(specs, models, strict=True):
            yield self._made(ENDPOINT_CONFIG, self._config_name(spec, model, topics))
        yield from map(self._endpoint, specs)

    def _model_name(self, spec: EndpointSpec) -> str:
        if spec.model_uri in UNSETTLED:
            return spec.model_uri
        try:
            request = model_request_of(self.plan, spec)
        except InputError:  # no image is known for the region, which is a finding already
            return UNKNOWN
        return str(request["ModelName"])

    def _config_name(self, spec: EndpointSpec, model: str, topics: Topics) -> str:
        if model in UNSETTLED:
            return model
        return str(config_request_of(self.plan, spec, model, topics)["EndpointConfigName"])

    def _endpoint(self, spec: EndpointSpec) -> PlannedResource:
        name = endpoint_name(self.plan, spec)
        # Where we may not look, a run may not either, and would stop.
        self.checks.of(lambda: refuse_taken(name), lambda _: f"endpoint {name}: the name is free")
        there = self._there(ENDPOINT, name)
        would: Would = "create" if there is False else "refused"
        scales_to = MAXIMUM_INSTANCES if spec.kind == "async" else 1
        return self._ours(ENDPOINT.name, name, would, there, instance_usd_per_hour(self.plan, spec), scales_to)

    def _scaling(self, name: str) -> Iterator[PlannedResource]:
        """Yield the target, its policies and all alarms; each of these is put, whether it is there or not."""
        target, expires_at = resource_id(name), self.plan.expires_at
        yield self._made(SCALABLE_TARGET, target, "change")
        for policy in (TRACKING, WAKING):
            there = _policy_there(target, policy)
            would: Would = "change" if there else "create"
            yield PlannedResource("scaling-policy", policy, would, there, expires_at=expires_at)
        # AWS makes two alarms of its own for target tracking, completes their names, and removes them with the policy.
        for end in ("High", "Low"):
            tracked = f"TargetTracking-{target}-Alarm{end}-…"
            yield PlannedResource("alarm of AWS's", tracked, "create", None, ALARM_USD_PER_HOUR, 1, expires_at)
        yield self._made(ALARM, self.plan.names.alarm(name), "change", ALARM_USD_PER_HOUR)

    def _watching(self, name: str) -> Iterator[PlannedResource]:
        names = self.plan.names
        for alarm in alarms_of(self.plan) if self.watched.alarms else ():
            yield self._made(ALARM, names.alarm(name, alarm.name), "change", ALARM_USD_PER_HOUR)
        if self.watched.dashboard:
            yield self._made(DASHBOARD, names.dashboard(name), "change", DASHBOARD_USD_PER_HOUR)

    def _made(
        self, kind: ResourceKind, name: str, if_there: Would = "leave", usd_per_hour: float | None = 0.0
    ) -> PlannedResource:
        """A resource that the run would make; if it is there, the same request leaves it, or puts it anew."""
        there = None if name in UNSETTLED else self._there(kind, name)
        return self._ours(kind.name, name, if_there if there else "create", there, usd_per_hour, 1, kind in UNTAGGED)

    def _ours(
        self,
        kind: str,
        name: str,
        would: Would,
        there: bool | None,
        usd_per_hour: float | None,
        scales_to: int = 1,
        untagged: bool = False,
    ) -> PlannedResource:
        tags = {} if untagged else tags_of(self.plan.tags)
        return PlannedResource(kind, name, would, there, usd_per_hour, scales_to, self.plan.expires_at, tags)

    def _there(self, kind: ResourceKind, name: str) -> bool | None:
        """Whether it exists; None where that can't be known."""
        plan = self.plan
        looked_for = Resource(kind.name, name, plan.run_id, plan.started_at, plan.expires_at)

        def look() -> bool:
            with explained(f"describing {looked_for.label}"), missing_ok():
                return kind.look(looked_for) is not None
            return False

        return _if_known(look)


_AS_FOUND: dict[bool | None, Would] = {True: "leave", False: "create", None: "refused"}
"""What becomes of a thing that the run uses, and needs."""


def instance_usd_per_hour(plan: RunPlan, spec: EndpointSpec) -> float | None:
    """Dollars per hour of one instance; None if the price table lacks it."""
    try:
        return find_prices(plan.region, spec.instance_type).hosting_usd_per_hour
    except PriceNotFoundError:
        return None


def _policy_there(target: str, policy: str) -> bool | None:
    def look() -> bool:
        with explained("application-autoscaling:DescribeScalingPolicies", target), missing_ok():
            found = client("application-autoscaling").describe_scaling_policies(
                ServiceNamespace=SERVICE_NAMESPACE, ResourceId=target, PolicyNames=[policy]
            )
            return bool(found["ScalingPolicies"])
        return False

    return _if_known(look)


def _if_known(look: Callable[[], bool]) -> bool | None:
    """What was found; None where AWS refuses to say, as of a name that can't be, or of one that we may not look at."""
    try:
        return look()
    except ServiceUnreachableError:
        raise
    except StygigError:
        return None
