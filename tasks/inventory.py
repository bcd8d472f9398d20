"""What of ours exists: the record that a run keeps of what it makes, and the tags on the things themselves.

Every resource is written down in S3 before it is asked for, so that a process which knows nothing but a run's id, or
nothing at all, finds what a killed run left. Tags are the second way: they survive the bucket.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.clients import client, explained, missing_ok, region
from tasks.cost import PriceNotFoundError, find_prices
from tasks.errors import StygigError
from tasks.limits import SERVICE_NAMESPACE
from tasks.names import EXPIRY_TAG, PREFIX, RUN_TAG, RUNS_PREFIX, S3Location
from tasks.plan import RunPlan

KINDS = ("topic", "queue", "subscription", "model", "endpoint-config", "endpoint", "scalable-target", "alarm")
"""In the order of creation; teardown goes through it backwards."""


@dataclass(frozen=True)
class Resource:
    """One thing of ours. `name` is what its delete call takes; `endpoint` the endpoint it serves, empty: several."""

    kind: str
    name: str
    run_id: str
    created_at: datetime
    expires_at: datetime
    endpoint: str = ""
    status: str = ""
    usd_per_hour: float = 0.0

    @property
    def label(self) -> str:
        return f"{self.kind} {self.name.rpartition('/')[2] if self.kind == 'queue' else self.name}"

    def expired(self, now: datetime) -> bool:
        return now >= self.expires_at

    def age_minutes(self, now: datetime) -> float:
        return (now - self.created_at).total_seconds() / 60

    def to_json(self) -> str:
        written = asdict(self) | {"created_at": self.created_at.isoformat(), "expires_at": self.expires_at.isoformat()}
        return json.dumps({key: value for key, value in written.items() if key not in {"status", "usd_per_hour"}})

    @classmethod
    def from_json(cls, text: str | bytes) -> "Resource":
        read = json.loads(text)
        times = {key: datetime.fromisoformat(read[key]) for key in ("created_at", "expires_at")}
        return cls(**(read | times))

    @property
    def key(self) -> str:
        """Where its record lies: the kind's place in the order comes first, so that a listing is in order."""
        return (
            f"{RUNS_PREFIX}{self.run_id}/resources/{KINDS.index(self.kind)}-{self.kind}-{self.name.rpartition('/')[2]}"
        )


def write_down(plan: RunPlan, kind: str, name: str, endpoint: str = "") -> Resource:
    """Records what is about to be made. Called before the call that makes it."""
    resource = Resource(kind, name, plan.run_id, datetime.now(UTC), plan.expires_at, endpoint)
    with explained("s3:PutObject", f"{plan.bucket}/{resource.key}"):
        client("s3").put_object(Bucket=plan.bucket, Key=resource.key, Body=resource.to_json().encode())
    return resource


def strike_out(bucket: str, resource: Resource) -> None:
    """Takes the record back, once the thing is proven gone; no bucket, no record."""
    with explained("s3:DeleteObject", f"{bucket}/{resource.key}"), missing_ok():
        client("s3").delete_object(Bucket=bucket, Key=resource.key)


def recorded(bucket: str, run_id: str = "") -> list[Resource]:
    """What runs wrote down and nobody has struck out; of one run, or of all."""
    s3 = client("s3")
    prefix = f"{RUNS_PREFIX}{run_id}/resources/" if run_id else RUNS_PREFIX
    found = []
    with explained("s3:ListBucket", bucket), missing_ok():
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                if "/resources/" not in item["Key"]:
                    continue
                with missing_ok():  # another teardown may strike it out meanwhile
                    found.append(Resource.from_json(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()))
    return found


def tagged() -> Iterator[Resource]:
    """What carries our tags, whoever wrote it down."""
    for listing in _LISTINGS:
        yield from listing()


def _tagged_sagemaker(kind: str, operation: str, noun: str) -> Iterator[Resource]:
    """Endpoints under any name, for they bill and may be named by the user; the rest under ours."""
    sagemaker = client("sagemaker")
    named = {} if kind == "endpoint" else {"NameContains": PREFIX.rstrip("-")}
    with explained(f"sagemaker:List{noun}s"):
        for page in sagemaker.get_paginator(operation).paginate(**named):
            for item in page[f"{noun}s"]:
                with missing_ok():
                    marks = sagemaker.list_tags(ResourceArn=item[f"{noun}Arn"])["Tags"]
                    yield from _ours(kind, item[f"{noun}Name"], marks, item["CreationTime"])


def _tagged_topics() -> Iterator[Resource]:
    sns = client("sns")
    with explained("sns:ListTopics"):
        for page in sns.get_paginator("list_topics").paginate():
            for topic in page["Topics"]:
                if topic["TopicArn"].rpartition(":")[2].startswith(PREFIX):
                    with missing_ok():
                        marks = sns.list_tags_for_resource(ResourceArn=topic["TopicArn"])["Tags"]
                        yield from _ours("topic", topic["TopicArn"], marks)


def _tagged_queues() -> Iterator[Resource]:
    sqs = client("sqs")
    with explained("sqs:ListQueues"):
        for page in sqs.get_paginator("list_queues").paginate(QueueNamePrefix=PREFIX):
            for url in page.get("QueueUrls", []):
                with missing_ok():
                    marks = [
                        {"Key": k, "Value": v} for k, v in sqs.list_queue_tags(QueueUrl=url).get("Tags", {}).items()
                    ]
                    yield from _ours("queue", url.rpartition("/")[2], marks)  # as it is written down


def _tagged_alarms() -> Iterator[Resource]:
    cloudwatch = client("cloudwatch")
    with explained("cloudwatch:DescribeAlarms"):
        for page in cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=PREFIX):
            for alarm in page["MetricAlarms"]:
                with missing_ok():
                    marks = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
                    yield from _ours("alarm", alarm["AlarmName"], marks)


def _ours(kind: str, name: str, marks: list[dict[str, str]], created: datetime | None = None) -> Iterator[Resource]:
    found = {mark["Key"]: mark["Value"] for mark in marks}
    if RUN_TAG in found and EXPIRY_TAG in found:
        expires = datetime.fromisoformat(found[EXPIRY_TAG])
        yield Resource(kind, name, found[RUN_TAG], created or datetime.now(UTC), expires)


_LISTINGS: tuple[Callable[[], Iterator[Resource]], ...] = (
    partial(_tagged_sagemaker, "endpoint", "list_endpoints", "Endpoint"),
    partial(_tagged_sagemaker, "endpoint-config", "list_endpoint_configs", "EndpointConfig"),
    partial(_tagged_sagemaker, "model", "list_models", "Model"),
    _tagged_topics,
    _tagged_queues,
    _tagged_alarms,
)


def inventory(bucket: str, run_id: str = "", unlisted: list[str] | None = None) -> list[Resource]:
    """All that exists of ours (of one run, or of all), recorded or tagged, in the order of creation.

    A listing that is refused is an error, unless `unlisted` is given to collect the refusals: a teardown removes what
    it can see, and says what it could not look at.
    """
    found: dict[tuple[str, str], Resource] = {}
    listings: tuple[Callable[[], Iterable[Resource]], ...] = (*_LISTINGS, partial(recorded, bucket, run_id))
    for listing in listings:
        try:
            found |= {(r.kind, r.name): r for r in listing() if run_id in {"", r.run_id}}
        except StygigError as exc:
            if unlisted is None:
                raise
            unlisted.append(str(exc))
    return sorted(found.values(), key=lambda r: (KINDS.index(r.kind), r.name))


def existing(bucket: str, run_id: str = "") -> list[Resource]:
    """The inventory without what was written down but never made, each with its status and what it costs."""
    return [seen for resource in inventory(bucket, run_id) if (seen := looked_at(resource))]


def looked_at(resource: Resource) -> Resource | None:
    """The resource with its status as AWS reports it now; None if it isn't there."""
    with explained(f"describing {resource.label}"), missing_ok():
        return _LOOK[resource.kind](resource)
    return None


def _look_at_endpoint(resource: Resource) -> Resource:
    endpoint = client("sagemaker").describe_endpoint(EndpointName=resource.name)
    config_name = endpoint["EndpointConfigName"]
    usd = 0.0
    with missing_ok():
        config = client("sagemaker").describe_endpoint_config(EndpointConfigName=config_name)
        counts = {v["VariantName"]: v.get("CurrentInstanceCount", 0) for v in endpoint.get("ProductionVariants", [])}
        for variant in config["ProductionVariants"]:
            usd += counts.get(variant["VariantName"], 0) * _usd_per_hour(variant["InstanceType"])
    return replace(resource, status=endpoint["EndpointStatus"], usd_per_hour=usd)


def _usd_per_hour(instance_type: str) -> float:
    """0 where the price table has no such instance: an inventory must not fail for want of a price."""
    try:
        return float(find_prices(region(), instance_type).hosting_usd_per_hour)
    except PriceNotFoundError:
        return 0.0


def _look_at_target(resource: Resource) -> Resource | None:
    found = client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace=SERVICE_NAMESPACE, ResourceIds=[resource.name]
    )["ScalableTargets"]
    return replace(resource, status=f"{found[0]['MinCapacity']} to {found[0]['MaxCapacity']}") if found else None


def _look_at_alarm(resource: Resource) -> Resource | None:
    found = client("cloudwatch").describe_alarms(AlarmNames=[resource.name])["MetricAlarms"]
    return replace(resource, status=found[0].get("StateValue", ""), usd_per_hour=0.10 / 720) if found else None


def _look_at_model(resource: Resource) -> Resource:
    client("sagemaker").describe_model(ModelName=resource.name)
    return resource


def _look_at_config(resource: Resource) -> Resource:
    client("sagemaker").describe_endpoint_config(EndpointConfigName=resource.name)
    return resource


def _look_at_topic(resource: Resource) -> Resource:
    client("sns").get_topic_attributes(TopicArn=resource.name)
    return resource


def _look_at_queue(resource: Resource) -> Resource:
    client("sqs").get_queue_url(QueueName=resource.name.rpartition("/")[2])
    return resource


def subscription_arns(resource: Resource) -> list[str]:
    """The subscriptions of our queue to a topic. A topic of somebody else's stays; ours to it must not."""
    topic_arn, _, queue = resource.name.partition("|")
    pages = client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    found = [s for page in pages for s in page["Subscriptions"]]
    return [s["SubscriptionArn"] for s in found if s["Endpoint"].rpartition(":")[2] == queue]


def _look_at_subscription(resource: Resource) -> Resource | None:
    return resource if subscription_arns(resource) else None


_LOOK = {
    "topic": _look_at_topic,
    "queue": _look_at_queue,
    "subscription": _look_at_subscription,
    "model": _look_at_model,
    "endpoint-config": _look_at_config,
    "endpoint": _look_at_endpoint,
    "scalable-target": _look_at_target,
    "alarm": _look_at_alarm,
}


def run_of_endpoint(endpoint_name: str) -> str:
    """The id of the run that made an endpoint, from its tags; empty if it isn't ours."""
    sagemaker = client("sagemaker")
    with explained("sagemaker:DescribeEndpoint", endpoint_name):
        arn = sagemaker.describe_endpoint(EndpointName=endpoint_name)["EndpointArn"]
        marks = sagemaker.list_tags(ResourceArn=arn)["Tags"]
    return next((mark["Value"] for mark in marks if mark["Key"] == RUN_TAG), "")


def runs_prefix(bucket: str, run_id: str) -> S3Location:
    return S3Location(bucket, f"{RUNS_PREFIX}{run_id}/")


@task(name="inventory", cache_policy=NO_CACHE)
def inventory_task(bucket: str, run_id: str = "") -> list[Resource]:
    return existing(bucket, run_id)
