"""One thing of ours, and how it stands in AWS now: whether it is there, whose it is, what it costs."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from tasks.clients import client, explained, missing_ok, region
from tasks.cost import PriceNotFoundError, find_prices
from tasks.limits import SERVICE_NAMESPACE
from tasks.names import RUN_TAG, RUNS_PREFIX

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
    usd_per_hour: float | None = 0.0
    """None where the price table has no such instance."""

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
        name = self.name.replace("/", "_")
        return f"{RUNS_PREFIX}{self.run_id}/resources/{KINDS.index(self.kind)}-{self.kind}-{name}"


def looked_at(resource: Resource) -> Resource | None:
    """The resource with its status as AWS reports it now; None if it isn't there, or is there but is not its run's.

    A record alone proves nothing: the run may have died before it made the thing, and somebody else may have made one
    of the same name since. Only the tag says whose it is.
    """
    with explained(f"describing {resource.label}"), missing_ok():
        seen = _LOOK[resource.kind](resource)
        return seen if seen and _RUN_OF[resource.kind](resource) == resource.run_id else None
    return None


def run_of_endpoint(endpoint_name: str) -> str:
    """The id of the run that made an endpoint, from its tags; empty if it isn't ours."""
    with explained("sagemaker:DescribeEndpoint", endpoint_name):
        return _run_of_endpoint(endpoint_name)


def _run_of_endpoint(endpoint_name: str) -> str:
    sagemaker = client("sagemaker")
    arn = sagemaker.describe_endpoint(EndpointName=endpoint_name)["EndpointArn"]
    return _run_tag(sagemaker.list_tags(ResourceArn=arn)["Tags"])


def _run_of_topic(resource: Resource) -> str:
    return _run_tag(client("sns").list_tags_for_resource(ResourceArn=resource.name)["Tags"])


def _run_of_queue(resource: Resource) -> str:
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName=resource.name.rpartition("/")[2])["QueueUrl"]
    return str(sqs.list_queue_tags(QueueUrl=url).get("Tags", {}).get(RUN_TAG, ""))


def _run_of_alarm(resource: Resource) -> str:
    cloudwatch = client("cloudwatch")
    arn = cloudwatch.describe_alarms(AlarmNames=[resource.name])["MetricAlarms"][0]["AlarmArn"]
    return _run_tag(cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"])


def _run_of_target(resource: Resource) -> str:
    """A scalable target is whose its endpoint is; one that has outlived its endpoint is its record's."""
    with missing_ok():
        return _run_of_endpoint(resource.name.split("/")[1])
    return resource.run_id


def _of_its_name(resource: Resource) -> str:
    """Models and configs are named by the hash of a request with the run's tags in it, our queues by the run."""
    return resource.run_id


def _run_tag(marks: list[dict[str, str]]) -> str:
    return next((mark["Value"] for mark in marks if mark["Key"] == RUN_TAG), "")


_RUN_OF: dict[str, Callable[[Resource], str]] = {
    "topic": _run_of_topic,
    "queue": _run_of_queue,
    "subscription": _of_its_name,
    "model": _of_its_name,
    "endpoint-config": _of_its_name,
    "endpoint": lambda resource: _run_of_endpoint(resource.name),
    "scalable-target": _run_of_target,
    "alarm": _run_of_alarm,
}


def _look_at_endpoint(resource: Resource) -> Resource:
    endpoint = client("sagemaker").describe_endpoint(EndpointName=resource.name)
    config_name = endpoint["EndpointConfigName"]
    usd: float | None = None
    with missing_ok():
        usd = _endpoint_usd(endpoint, client("sagemaker").describe_endpoint_config(EndpointConfigName=config_name))
    return replace(resource, status=endpoint["EndpointStatus"], usd_per_hour=usd)


def _endpoint_usd(endpoint: dict[str, Any], config: dict[str, Any]) -> float | None:
    """Dollars per hour of the instances it has now; None for want of a price, which must not fail an inventory."""
    counts = {v["VariantName"]: v.get("CurrentInstanceCount", 0) for v in endpoint.get("ProductionVariants", [])}
    try:
        return sum(  # type: ignore[no-any-return]
            counts.get(v["VariantName"], 0) * find_prices(region(), v["InstanceType"]).hosting_usd_per_hour
            for v in config["ProductionVariants"]
        )
    except PriceNotFoundError:
        return None


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


_LOOK: dict[str, Callable[[Resource], Resource | None]] = {
    "topic": _look_at_topic,
    "queue": _look_at_queue,
    "subscription": _look_at_subscription,
    "model": _look_at_model,
    "endpoint-config": _look_at_config,
    "endpoint": _look_at_endpoint,
    "scalable-target": _look_at_target,
    "alarm": _look_at_alarm,
}
