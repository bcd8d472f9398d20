"""SNS topics, the SQS queue that listens to them, and the messages that SageMaker sends."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tasks.clients import client, explained
from tasks.errors import InputError, NotFoundError
from tasks.plan import RunPlan
from tasks.prefect_task import task
from tasks.resources.inventory import write_down
from tasks.resources.messaging import QUEUE, SUBSCRIPTION, TOPIC


@dataclass(frozen=True)
class Topics:
    """The topics to which SageMaker reports each ending, and the URL of the queue that a wait listens on."""

    success_arn: str
    error_arn: str
    queue_url: str = ""


@dataclass(frozen=True)
class Notification:
    """One InferenceResult message."""

    inference_id: str
    status: str
    received_at: datetime | None
    completed_at: datetime | None
    output_location: str = ""
    failure_location: str = ""
    failure_reason: str = ""

    @property
    def completed(self) -> bool:
        return self.status == "Completed"


def create_messaging(plan: RunPlan, topic_arn: str = "") -> Topics:
    """Create two topics and a queue that listens to both; a given topic is used for both endings instead.

    A given topic that doesn't exist is created, and removed with the run; one that exists is only used.
    """
    topics = topics_of(plan, topic_arn)
    if not topic_arn:
        for name in (plan.names.success_topic, plan.names.error_topic):
            _create_topic(plan, name)
    elif not is_there(plan, topic_arn):
        _create_topic(plan, topic_arn.rpartition(":")[2])
    return listen(plan, topics)


def topics_of(plan: RunPlan, topic_arn: str = "") -> Topics:
    """The topics of a run, as yet without a queue: two of its own, or the given one for both endings."""
    if topic_arn:
        return Topics(topic_arn, topic_arn)
    return Topics(plan.arn("sns", plan.names.success_topic), plan.arn("sns", plan.names.error_topic))


def is_there(plan: RunPlan, topic_arn: str) -> bool:
    """True if the given topic exists, False if it can be made; raise if neither is so."""
    _, _, _, region, account, _ = checked_topic(topic_arn).split(":")
    if region != plan.region:
        raise InputError(
            f"Topic {topic_arn} is in {region}, but the endpoint would be in {plan.region}: SageMaker notifies "
            f"topics of its own region. Name a topic in {plan.region}."
        )
    try:
        with explained("sns:GetTopicAttributes", topic_arn):
            client("sns").get_topic_attributes(TopicArn=topic_arn)
    except NotFoundError as exc:
        if account != plan.account:
            raise NotFoundError(
                f"Topic {topic_arn} does not exist, and account {account} is not ours ({plan.account}), so it can't be "
                "made. Check the ARN."
            ) from exc
        return False
    return True


def listen(plan: RunPlan, topics: Topics) -> Topics:
    """Subscribe a queue of this run to the topics, its own or others; return them with the queue's URL."""
    arns = {arn for arn in (topics.success_arn, topics.error_arn) if arn}
    for arn in sorted(arns):  # an absent topic is refused before a queue is made
        with explained("sns:GetTopicAttributes", arn):
            client("sns").get_topic_attributes(TopicArn=arn)
    queue_url = _create_queue(plan, arns)
    queue_arn = plan.arn("sqs", plan.names.queue)
    for arn in sorted(arns):
        write_down(plan, SUBSCRIPTION, f"{arn}|{plan.names.queue}")
        with explained("sns:Subscribe", arn):
            # Raw: the message's body is SageMaker's JSON, without SNS's envelope.
            client("sns").subscribe(
                TopicArn=arn, Protocol="sqs", Endpoint=queue_arn, Attributes={"RawMessageDelivery": "true"}
            )
    return replace(topics, queue_url=queue_url)


def _create_topic(plan: RunPlan, name: str) -> None:
    write_down(plan, TOPIC, plan.arn("sns", name))
    with explained("sns:CreateTopic", name):
        client("sns").create_topic(Name=name, Tags=plan.tags)


def _create_queue(plan: RunPlan, topic_arns: set[str]) -> str:
    name = plan.names.queue
    arn = plan.arn("sqs", name)
    write_down(plan, QUEUE, name)
    with explained("sqs:CreateQueue", name):
        # SQS takes attributes as strings, and tags as a map where SNS takes a list.
        created = client("sqs").create_queue(
            QueueName=name,
            Attributes={"Policy": json.dumps(queue_policy(arn, topic_arns)), "MessageRetentionPeriod": "86400"},
            tags={mark["Key"]: mark["Value"] for mark in plan.tags},
        )
    return str(created["QueueUrl"])


def queue_policy(queue_arn: str, topic_arns: set[str]) -> dict[str, Any]:
    """The policy that lets the topics, and nobody else, send; without it SNS drops every message silently."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": sorted(topic_arns)}},
            }
        ],
    }


def parse_notification(body: str) -> Notification | None:
    """The notification in a message's body; None for a TestNotification and for messages that aren't SageMaker's.

    The body may be raw or in SNS's envelope; locations may be in responseParameters, as recorded from AWS, or at the
    top level.
    """
    message = _message(body)
    if not isinstance(message, dict) or not message.get("inferenceId"):
        return None
    response: Mapping[str, str] = message.get("responseParameters") or {}
    return Notification(
        inference_id=message["inferenceId"],
        status=message.get("invocationStatus", ""),
        received_at=_time(message.get("receivedTime")),
        completed_at=_time(message.get("eventTime")),
        output_location=response.get("outputLocation") or message.get("outputLocation", ""),
        failure_location=response.get("failureLocation") or message.get("failureLocation", ""),
        failure_reason=message.get("failureReason", ""),
    )


def _message(body: str) -> Any:
    """The published message; None if it isn't JSON: others may publish anything to a topic of theirs."""
    try:
        message = json.loads(body)
        if isinstance(message, dict) and "Message" in message and "TopicArn" in message:
            return json.loads(message["Message"])
    except ValueError:
        return None
    return message


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def receive(queue_url: str, wait_seconds: int) -> list[Notification]:
    """Receive and delete what has arrived within `wait_seconds` (0–10): at most ten messages, which is SQS's limit."""
    sqs = client("sqs")
    with explained("sqs:ReceiveMessage", queue_url):
        messages = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds)
    found = messages.get("Messages", [])
    if found:
        with explained("sqs:DeleteMessage", queue_url):
            entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(found)]
            sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)
    return [note for message in found if (note := parse_notification(message["Body"]))]


def checked_topic(topic_arn: str) -> str:
    """Return the ARN; InputError unless it is a topic's, or empty."""
    if topic_arn and not re.fullmatch(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}", topic_arn):
        raise InputError(f"{topic_arn!r} is no SNS topic ARN: expected arn:aws:sns:REGION:ACCOUNT:NAME.")
    return topic_arn


@task(name="create-messaging")
def create_messaging_task(plan: RunPlan, topic_arn: str = "") -> Topics:
    return create_messaging(plan, checked_topic(topic_arn))


@task(name="listen")
def listen_task(plan: RunPlan, topics: Topics | None) -> Topics | None:
    """Listen to an endpoint's topics; None if it has none: its answers are looked for in S3 alone."""
    return listen(plan, topics) if topics and (topics.success_arn or topics.error_arn) else None
