"""Topics, queues and subscriptions as resources of a run."""

from collections.abc import Iterator

from tasks.clients import client, missing_ok
from tasks.names import PREFIX, RUN_TAG
from tasks.resources.kind import ResourceKind
from tasks.resources.resource import Resource, Unreadable, marked, tags_of


def _topic_tags(arn: str) -> dict[str, str]:
    return tags_of(client("sns").list_tags_for_resource(ResourceArn=arn)["Tags"])


def _look_at_topic(resource: Resource) -> Resource:
    client("sns").get_topic_attributes(TopicArn=resource.name)
    return resource


def _tagged_topics() -> Iterator[Resource | Unreadable]:
    """Yield topics under our names only: accounts have thousands, each costs a call, and a topic bills nothing."""
    for page in client("sns").get_paginator("list_topics").paginate():  # SNS takes no filter, and gives no tags
        for arn in (topic["TopicArn"] for topic in page["Topics"]):
            if arn.rpartition(":")[2].startswith(PREFIX):
                with missing_ok():
                    if found := marked("topic", arn, _topic_tags(arn)):
                        yield found


def _queue_url(name: str) -> str:
    return str(client("sqs").get_queue_url(QueueName=name)["QueueUrl"])


def _queue_tags(url: str) -> dict[str, str]:
    found: dict[str, str] = client("sqs").list_queue_tags(QueueUrl=url).get("Tags", {})  # absent for none
    return found


def _look_at_queue(resource: Resource) -> Resource:
    _queue_url(resource.name)
    return resource


def _tagged_queues() -> Iterator[Resource | Unreadable]:
    pages = client("sqs").get_paginator("list_queues")
    # SQS gives a token for the next page only where a size was asked for
    for page in pages.paginate(QueueNamePrefix=PREFIX, PaginationConfig={"PageSize": 1000}):
        for url in page.get("QueueUrls", []):
            with missing_ok():
                if found := marked("queue", url.rpartition("/")[2], _queue_tags(url)):
                    yield found


def _subscription_arns(resource: Resource) -> list[str]:
    """The ARNs of our queue's subscriptions to a topic: they must go even where the topic is somebody else's."""
    topic_arn, _, queue = resource.name.partition("|")
    pages = client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    found = [s for page in pages for s in page["Subscriptions"]]
    return [s["SubscriptionArn"] for s in found if s["Endpoint"].rpartition(":")[2] == queue]  # it is the queue's ARN


def _look_at_subscription(resource: Resource) -> Resource | None:
    return resource if _subscription_arns(resource) else None


def _unsubscribe(resource: Resource) -> None:
    for arn in _subscription_arns(resource):
        client("sns").unsubscribe(SubscriptionArn=arn)


TOPIC = ResourceKind(
    "topic",
    look=_look_at_topic,
    delete=lambda resource: client("sns").delete_topic(TopicArn=resource.name),
    owner=lambda resource: _topic_tags(resource.name).get(RUN_TAG, ""),
    tagged=_tagged_topics,
    listing="sns:ListTopics",
)
QUEUE = ResourceKind(
    "queue",
    look=_look_at_queue,
    delete=lambda resource: client("sqs").delete_queue(QueueUrl=_queue_url(resource.name)),
    owner=lambda resource: _queue_tags(_queue_url(resource.name)).get(RUN_TAG, ""),
    tagged=_tagged_queues,
    listing="sqs:ListQueues",
)
SUBSCRIPTION = ResourceKind("subscription", look=_look_at_subscription, delete=_unsubscribe)
