"""The notifications to subscribers: one for each ending, on its own topic, with the location of its object."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from recommender.schema import Response
from tasks.exchange.recommendations import NOT_A_PICTURE, picture_request
from tasks.hosting.notifications import Notification, create_messaging, parse_notification, queue_policy
from tasks.invoking.invocation import submit
from tasks.invoking.records import InvocationRecord
from tasks.names import S3Location
from tasks.pictures.queries import Picture
from tasks.plan import RunPlan
from tasks.storage import download, exists
from tests.deployments.localaws.cloud import eventually
from tests.tasks.deployed import ANSWER, deployed, picture_bytes

GOOD = picture_request(Picture("red.jpg", picture_bytes()), 5)


class Subscriber:
    """The test's own queue on each topic, and the topic and message of all notifications, by inference id."""

    def __init__(self, plan: RunPlan, topics: Mapping[str, str]) -> None:
        self.heard: dict[str, list[tuple[str, str]]] = {}
        sns = boto3.client("sns")
        self._sqs: Any = boto3.client("sqs")
        self._queues = {}
        for name, topic in topics.items():
            arn = plan.arn("sqs", f"heard-{name}")
            attributes: Any = {"Policy": json.dumps(queue_policy(arn, {topic}))}
            self._queues[name] = self._sqs.create_queue(QueueName=f"heard-{name}", Attributes=attributes)["QueueUrl"]
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def until(self, inference_id: str) -> Notification:
        """The notification of that request, once it has been received; all earlier ones have been received, too."""

        def look() -> Notification | None:
            for name, url in self._queues.items():
                for each in self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                    self._sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
                    self._note(name, each["Body"])
            heard = self.heard.get(inference_id)
            return parse_notification(heard[0][1]) if heard else None

        return eventually(look)

    def _note(self, topic: str, body: str) -> None:
        found = parse_notification(body)
        if found:
            self.heard.setdefault(found.inference_id, []).append((topic, json.loads(body)["Message"]))


@pytest.fixture
def sent(plan: RunPlan) -> "tuple[list[InvocationRecord], Subscriber]":
    """Requests with pictures and with a text that is none, answered one by one, and a subscriber to both topics."""
    topics = create_messaging(plan)
    subscriber = Subscriber(plan, {"success": topics.success_arn, "error": topics.error_arn})
    name = deployed(plan, topics=topics).name
    records = []
    for request in (GOOD, NOT_A_PICTURE, GOOD, NOT_A_PICTURE):
        records.append(submit(plan, name, request))
        subscriber.until(records[-1].inference_id)
    return records, subscriber


def test_each_ending_is_told_once_and_to_its_own_topic(sent: Any) -> None:
    records, subscriber = sent
    topics = ("success", "error", "success", "error")
    told = {each.inference_id: Counter(topic for topic, _ in subscriber.heard[each.inference_id]) for each in records}
    expected = {each.inference_id: {topic: 1} for each, topic in zip(records, topics, strict=True)}
    assert told == expected


def test_a_success_says_where_the_answer_lies_which_keeps_the_contract(sent: Any) -> None:
    records, subscriber = sent
    note = subscriber.until(records[0].inference_id)
    assert (note.completed, note.output_location) == (True, records[0].output_location)
    assert Response.from_dict(json.loads(download(note.output_location))) == ANSWER.response


def test_a_failure_says_why_and_where_its_object_lies(sent: Any) -> None:
    records, subscriber = sent
    note = subscriber.until(records[1].inference_id)
    assert (note.completed, note.failure_location) == (False, records[1].failure_location)
    assert "(400)" in note.failure_reason
    assert exists(S3Location.parse(note.failure_location))
