"""The queue between asking and answering: what is accepted waits its turn, however long that takes."""

import json
import math
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import boto3
import pytest

from localaws import LocalAws
from recommender.schema import Response
from tasks.exchange.recommendations import picture_request
from tasks.hosting.notifications import create_messaging
from tasks.hosting.scaling import scale_to_zero
from tasks.invoking.invocation import submit_all
from tasks.pictures.queries import Picture
from tasks.plan import RunPlan
from tasks.storage import download
from tests.deployments.localaws.cloud import BUCKET, Cloud, eventually
from tests.tasks import deployed as small
from tests.tasks.deployed import deployed, picture_bytes

UNTIL_TOLD = f"""
import boto3, json, time
def model_fn(model_dir): return boto3.client("s3")
def input_fn(body, content_type): return json.loads(body)
def predict_fn(data, s3):
    while "Contents" not in s3.list_objects_v2(Bucket={BUCKET!r}, Prefix="go"): time.sleep(0.02)
    return data
def output_fn(answer, accept): return json.dumps(answer), "application/json"
"""
HOW_MANY = """
import json, threading
lock, both, running, most = threading.Lock(), threading.Barrier(2), 0, 0
def model_fn(model_dir): return None
def input_fn(body, content_type): return body
def predict_fn(body, model):
    global running, most
    with lock:
        running += 1
        most = max(most, running)
    both.wait(60)
    with lock: running -= 1
    return {"at once": most}
def output_fn(answer, accept): return json.dumps(answer), "application/json"
"""


@pytest.fixture
def cloud(local_aws: LocalAws) -> Cloud:
    cloud = Cloud(local_aws)
    cloud.s3.create_bucket(Bucket=BUCKET)
    return cloud


def serve(cloud: Cloud, handler: str, concurrency: int = 4, workers: int = 4, **output: Any) -> None:
    cloud.model(handler=handler, Environment={"SAGEMAKER_MODEL_SERVER_WORKERS": str(workers)})
    cloud.async_config(concurrency=concurrency, S3FailurePath=f"s3://{BUCKET}/failed", **output)
    cloud.endpoint()


def test_twenty_requests_are_accepted_while_none_can_be_answered_and_all_are_in_their_order(cloud: Cloud) -> None:
    serve(cloud, UNTIL_TOLD, concurrency=1)
    accepted = [cloud.invoke_async({"number": number}) for number in range(20)]
    assert [cloud.read(each["OutputLocation"]) for each in accepted] == [None] * 20
    assert cloud.aws.journal.entries("async.completed") == []
    cloud.s3.put_object(Bucket=BUCKET, Key="go")
    ended = eventually(lambda: found if len(found := cloud.aws.journal.entries("async.completed")) == 20 else None)
    assert [each.fields["inference_id"] for each in ended] == [each["InferenceId"] for each in accepted]
    answers = [json.loads(cloud.read(each["OutputLocation"]) or b"") for each in accepted]
    assert answers == [{"number": number} for number in range(20)]


def test_at_most_as_many_requests_are_in_hand_as_were_configured(cloud: Cloud) -> None:
    """Each request waits for a second one, so fewer than two at once would never end; the workers could serve four."""
    serve(cloud, HOW_MANY, concurrency=2)
    accepted = [cloud.invoke_async({"number": number}) for number in range(6)]
    answers = [json.loads(eventually(partial(cloud.read, each["OutputLocation"]))) for each in accepted]
    assert answers == [{"at once": 2}] * 6


def test_a_request_that_may_take_two_seconds_fails_and_is_told_and_one_of_61_seconds_passes(cloud: Cloud) -> None:
    queue, arn = cloud.queue()
    topic = cloud.client("sns").create_topic(Name="failed")["TopicArn"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    serve(cloud, UNTIL_TOLD, NotificationConfig={"ErrorTopic": topic})
    late = cloud.invoke_async({"number": 1}, InvocationTimeoutSeconds=2)
    slow = cloud.invoke_async({"number": 2})
    eventually(lambda: in_hand(cloud) == 2 or None)
    cloud.aws.advance(61)
    assert b"timed out" in eventually(lambda: cloud.read(late["FailureLocation"]))
    cloud.s3.put_object(Bucket=BUCKET, Key="go")
    assert json.loads(eventually(lambda: cloud.read(slow["OutputLocation"]))) == {"number": 2}
    assert cloud.read(late["OutputLocation"]) is None
    assert told(cloud, queue, late["InferenceId"])["invocationStatus"] == "Failed"


def in_hand(cloud: Cloud) -> int:
    """The number of requests to the only endpoint that are being worked on."""
    with urllib.request.urlopen(f"{cloud.aws.endpoint_url}/_localaws/status") as answer:
        return int(json.load(answer)["endpoints"][0]["queue"]["processing"])


def told(cloud: Cloud, queue: str, inference_id: str) -> dict[str, Any]:
    """The message about a request, once it has come to the queue."""

    def look() -> dict[str, Any] | None:
        found = cloud.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", [])
        messages = [json.loads(json.loads(each["Body"])["Message"]) for each in found]
        return next((each for each in messages if each.get("inferenceId") == inference_id), None)

    return eventually(look)


def test_a_hundred_requests_at_once_have_inputs_of_their_own_with_their_bytes(plan: RunPlan) -> None:
    endpoint = deployed(plan)
    colours = [f"#{number:02x}{255 - number:02x}80" for number in range(100)]
    pictures = [
        picture_request(Picture(f"{colour}.png", picture_bytes(colour, "PNG", (8, 8))), 5) for colour in colours
    ]
    records = submit_all(plan, endpoint.name, pictures, concurrency=100)
    assert len({each.input_location for each in records}) == len({each.inference_id for each in records}) == 100
    with ThreadPoolExecutor(16) as pool:
        sent = list(pool.map(lambda record: download(record.input_location), records))
    assert sent == [picture.body for picture in pictures]
    keys = [each.input_location.removeprefix(f"s3://{small.BUCKET}/") for each in records[:3]]
    heads = [boto3.client("s3").head_object(Bucket=small.BUCKET, Key=key) for key in keys]
    assert {head["ContentType"] for head in heads} == {"application/json"}


def test_an_idle_endpoint_sleeps_a_request_wakes_it_and_the_next_finds_it_awake(
    plan: RunPlan, local_aws: LocalAws
) -> None:
    endpoint, cloud = deployed(plan, topics=create_messaging(plan)), Cloud(local_aws)
    scale_to_zero(plan, endpoint.name)

    def instances(count: int) -> bool | None:
        variant = cloud.sagemaker.describe_endpoint(EndpointName=endpoint.name)["ProductionVariants"][0]
        return variant["CurrentInstanceCount"] == variant["DesiredInstanceCount"] == count or None

    local_aws.clock.rate = 300
    eventually(lambda: instances(0))
    assert local_aws.worker_pids() == []
    woken = submit_all(plan, endpoint.name, [picture_request(Picture("red.jpg", picture_bytes()), 5)])[0]
    first = Response.from_dict(json.loads(eventually(lambda: cloud.read(woken.output_location))))
    local_aws.clock.rate = 1
    eventually(lambda: instances(1))
    (pid,) = local_aws.worker_pids()
    again = submit_all(plan, endpoint.name, [picture_request(Picture("blue.jpg", picture_bytes("blue")), 5)])[0]
    second = Response.from_dict(json.loads(eventually(lambda: cloud.read(again.output_location))))
    assert first == second == small.ANSWER.response
    assert local_aws.worker_pids() == [pid]
    accepted, completed = (
        local_aws.journal.entries(event, inference_id=again.inference_id)[0].time
        for event in ("async.accepted", "async.completed")
    )
    assert math.ceil((completed - accepted).total_seconds()) <= 60, "at a clock that isn't compressed"
