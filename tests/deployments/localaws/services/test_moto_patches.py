"""The patches fit the moto that is installed, and the patched functions behave."""

from __future__ import annotations

import ast
import gc
import importlib
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from typing import Any

import moto
import moto.backends
import moto.moto_server.werkzeug_app
import pytest
from moto.core.common_models import BaseModel
from moto.s3.models import FakeKey, s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import Message, Queue, sqs_backends

from localaws.services import iam_simulation, memory, moto_patches, sqs_queues, tagging
from localaws.services.s3 import buckets, checksums, conditions, encryption, forms, multipart, objects, parts, uploads
from localaws.services.sns import delivery, envelope, patches, subscriptions
from tests.deployments.localaws.cloud import BUCKET, Cloud

ACCOUNT, REGION = "123456789012", "us-east-1"
REPLACED: list[tuple[str, Callable[..., Any]]] = [
    ("moto.sns.models:Topic.publish", delivery.publish),
    ("moto.sns.models:SNSBackend.subscribe", subscriptions.subscribe),
    ("moto.sns.models:SNSBackend.unsubscribe", subscriptions.unsubscribe),
    ("moto.sns.models:SNSBackend.set_subscription_attributes", subscriptions.set_subscription_attributes),
    ("moto.sns.models:SNSBackend.get_subscription_attributes", subscriptions.get_subscription_attributes),
    ("moto.sns.models:SNSBackend.get_endpoint", patches.get_endpoint),
    ("moto.sns.models:SNSBackend.publish_batch", patches.publish_batch),
    ("moto.sns.responses:SNSResponse.publish", patches.publish),
    ("moto.sns.responses:SNSResponse.subscribe", patches.subscribe),
    ("moto.sns.responses:SNSResponse.confirm_subscription", patches.confirm_subscription),
    ("moto.sns.responses:SNSResponse.list_subscriptions", patches.list_subscriptions),
    ("moto.sns.responses:SNSResponse.list_subscriptions_by_topic", patches.list_subscriptions_by_topic),
    ("moto.sns.responses:SNSResponse.get_topic_attributes", patches.get_topic_attributes),
    ("moto.sns.responses:SNSResponse.set_topic_attributes", patches.set_topic_attributes),
    ("moto.sqs.models:Queue.delete_message", sqs_queues.delete_message),
    ("moto.sqs.models:Queue._set_attributes", sqs_queues.set_attributes),
    ("moto.s3.responses:S3Response.setup_class", objects.setup_class),
    ("moto.s3.responses:S3Response.get_object", objects.get_object),
    ("moto.s3.responses:S3Response.put_object", objects.put_object),
    ("moto.s3.responses:S3Response.upload_part", multipart.upload_part),
    ("moto.s3.responses:S3Response.upload_part_copy", multipart.upload_part_copy),
    ("moto.s3.responses:S3Response.list_parts", parts.list_parts),
    ("moto.s3.responses:S3Response.abort_multipart_upload", uploads.abort_multipart_upload),
    ("moto.s3.responses:S3Response.list_multipart_uploads", uploads.list_multipart_uploads),
    ("moto.s3.responses:S3Response._encryption_config_from_body", encryption.encryption_config_from_body),
    ("moto.s3.responses:S3Response._key_response_post", multipart.key_response_post),
    ("moto.s3.responses:S3Response.head_object", parts.head_object),
    ("moto.s3.responses:S3Response.get_object_attributes", parts.get_object_attributes),
    ("moto.s3.responses:S3Response.copy_object", conditions.copy_object),
    ("moto.s3.responses:S3Response.delete_object", conditions.delete_object),
    ("moto.s3.responses:S3Response._bucket_response_delete_keys", conditions.bucket_response_delete_keys),
    ("moto.s3.responses:S3Response._bucket_response_post", forms.bucket_response_post),
    ("moto.s3.responses:S3Response._bucket_response_put", buckets.bucket_response_put),
    ("moto.s3.responses:S3Response._acl_from_headers", buckets.acl_from_headers),
    ("moto.s3.responses:S3Response._acl_from_body", buckets.acl_from_body),
    ("moto.s3.responses:S3Response.put_object_acl", buckets.put_object_acl),
    ("moto.s3.responses:S3Response.all_buckets", buckets.all_buckets),
    ("moto.s3.models:S3Backend.create_bucket", buckets.create_bucket),
    ("moto.s3.models:S3Backend.delete_bucket_encryption", buckets.delete_bucket_encryption),
    ("moto.s3.models:S3Backend.put_bucket_policy", buckets.put_bucket_policy),
    ("moto.sts.models:STSBackend.get_caller_identity", iam_simulation.get_caller_identity),
    ("moto.iam.responses:IamResponse.get_user", iam_simulation.get_user),
    ("moto.iam.models:IAMBackend.delete_access_key_by_name", iam_simulation.delete_access_key_by_name),
    ("moto.s3.responses:S3Response._get_checksum", objects.get_checksum),
    ("moto.s3.responses:S3Response._handle_range_header", objects.handle_range_header),
    ("moto.s3.utils:compute_checksum", checksums.compute),
    ("moto.core.resource_tagging:iter_taggable_backends", tagging.iter_taggable_backends),
]


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(importlib.import_module(module)))


def parameters_of(place: str) -> list[str]:
    """The parameters of a function as moto wrote it, whatever has been put in its place."""
    module, _, path = place.partition(":")
    node: Any = parsed(module)
    for name in path.split("."):
        node = next(each for each in node.body if getattr(each, "name", None) == name)
    return [argument.arg for argument in node.args.args]


def test_the_patches_are_for_this_moto() -> None:
    assert moto.__version__ == moto_patches.MOTO_VERSION


@pytest.mark.parametrize(("place", "ours"), REPLACED, ids=lambda value: value if isinstance(value, str) else "")
def test_moto_calls_what_stands_in_for_its_function_with_the_same_parameters(
    place: str, ours: Callable[..., Any]
) -> None:
    theirs = parameters_of(place)
    method = place.partition(":")[2].count(".")
    found = list(inspect.signature(ours).parameters)
    assert found[method : len(theirs)] == theirs[method:]
    extra = list(inspect.signature(ours).parameters.values())[len(theirs) :]
    assert all(parameter.default is not parameter.empty for parameter in extra)


def test_moto_has_what_the_patches_reach_into() -> None:
    dispatcher = inspect.getsource(moto.moto_server.werkzeug_app.DomainDispatcherApplication.get_backend_for_host)
    assert "backends.list_of_moto_modules()" in dispatcher
    assert parameters_of("moto.moto_server.werkzeug_app:DomainDispatcherApplication._get_body") == ["self", "environ"]
    assert "queue.messages" in inspect.getsource(sqs_queues._receive_message)
    assert {"visible_at", "delayed_until"} <= Message("id", "body").__dict__.keys()
    assert "instances_tracked" in BaseModel.__subclasses__()[0].__dict__
    assert "topic.publish(" in inspect.getsource(type(sns_backends[ACCOUNT][REGION]).publish)
    assert "key.value" in inspect.getsource(objects._get_object)
    assert "self._get_key()" in inspect.getsource(objects._get_object)
    assert "response_content[begin : end + 1]" in inspect.getsource(objects._handle_range_header)
    assert "self._get_checksum(response_headers)" in inspect.getsource(objects._put_object)
    assert "compute_checksum(" in inspect.getsource(conditions._copy_object)
    assert parameters_of("moto.s3.models:S3Backend.copy_object")[1:4] == [
        "src_key",
        "dest_bucket_name",
        "dest_key_name",
    ]
    assert "quote_plus(key.name)" in inspect.getsource(importlib.import_module("moto.s3.notifications"))


def test_the_list_of_modules_is_the_one_on_disk() -> None:
    assert {"s3", "sns", "sqs", "iam", "sts"} <= set(moto.backends.list_of_moto_modules())


def test_a_queue_counts_its_messages(aws: Any, cloud: Cloud) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="queue")["QueueUrl"]
    for delay in (0, 0, 900):
        sqs.send_message(QueueUrl=url, MessageBody="m", DelaySeconds=delay)
    [received] = sqs.receive_message(QueueUrl=url, VisibilityTimeout=43_200)["Messages"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    counts = [attributes[f"ApproximateNumberOfMessages{kind}"] for kind in ("", "NotVisible", "Delayed")]
    assert counts == ["1", "1", "1"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"], VisibilityTimeout=0)
    assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 2


class Watched(Message):  # type: ignore[misc]
    """A message that counts how often somebody asks when it can be seen."""

    looks = 0

    @property
    def visible_at(self) -> float:
        Watched.looks += 1
        return float(self.__dict__["seen_at"])

    @visible_at.setter
    def visible_at(self, moment: float) -> None:
        self.__dict__["seen_at"] = moment


@pytest.fixture
def backlog(aws: Any) -> Any:
    """A queue with 1,200 messages which count how often they are looked at."""
    queue: Queue = sqs_backends[ACCOUNT][REGION].create_queue("queue", {})
    queue._messages = [Watched(str(number), "m") for number in range(1200)]
    for message in queue._messages:
        message.mark_sent()
    Watched.looks = 0
    return queue


def test_what_is_sent_received_and_deleted_costs_nothing_for_what_else_is_in_the_queue(backlog: Any) -> None:
    backend = sqs_backends[ACCOUNT][REGION]
    backend.send_message("queue", "m")
    assert Watched.looks == 0
    received = backend.receive_message("queue", 10, 0, 43_200)
    assert [message.id for message in received] == [str(number) for number in range(10)]
    assert Watched.looks <= 5 * 10
    Watched.looks = 0
    for message in received:
        backend.delete_message("queue", message.receipt_handle)
    assert Watched.looks == 0
    assert len(backlog._messages) == 1191


def test_only_the_last_handles_of_deleted_messages_are_kept(backlog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqs_queues, "KEPT_HANDLES", 5)
    backend = sqs_backends[ACCOUNT][REGION]
    handles = [message.receipt_handle for message in backend.receive_message("queue", 10, 0, 43_200)]
    for handle in handles:
        backend.delete_message("queue", handle)
    backend.delete_message("queue", handles[-1])  # a second time is harmless
    assert len(backlog.deleted_messages) == 5


def test_a_deleted_object_is_no_longer_tracked(cloud: Cloud) -> None:
    cloud.s3.put_object(Bucket=BUCKET, Key="key", Body=b"x")
    assert [key.name for key in FakeKey.instances_tracked] == ["key"]
    cloud.s3.put_object(Bucket=BUCKET, Key="key", Body=b"y")
    cloud.s3.delete_object(Bucket=BUCKET, Key="key")
    gc.collect()
    assert len(FakeKey.instances_tracked) == 0


def test_an_object_stays_readable_for_who_holds_it_when_its_key_is_overwritten(cloud: Cloud) -> None:
    backend = s3_backends[ACCOUNT]["aws"]
    held = backend.put_object(BUCKET, "key", b"first")
    backend.put_object(BUCKET, "key", b"second")
    assert held.value == b"first"
    assert held.etag
    buffer = held._value_buffer
    del held
    gc.collect()
    assert buffer.closed


def test_what_is_published_is_not_kept(cloud: Cloud) -> None:
    topic = cloud.client("sns").create_topic(Name="topic")["TopicArn"]
    _, arn = cloud.queue()
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    cloud.client("sns").publish(TopicArn=topic, Message="m")
    backend = sns_backends[ACCOUNT][REGION]
    assert (backend.topics[topic].sent_notifications, backend._message_public_keys) == ([], {})
    assert envelope.signer(REGION) is envelope.signer(REGION)


def test_memory_is_given_back_while_it_serves(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed = threading.Event()
    monkeypatch.setattr(memory, "PERIOD_REAL_SECONDS", 0.001)
    monkeypatch.setattr(memory, "trim", lambda: trimmed.set() or True)
    closing = threading.Event()
    thread = threading.Thread(target=memory.trim_until, args=(closing,))
    thread.start()
    trimmed.wait()
    closing.set()
    thread.join()
    assert "localaws-memory" in {each.name for each in threading.enumerate()}


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads which take turns every few microseconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def test_nothing_is_lost_doubled_or_broken_when_many_threads_use_the_services_at_once(
    cloud: Cloud, eager_threads: None
) -> None:
    sns, sqs = sns_backends[ACCOUNT][REGION], sqs_backends[ACCOUNT][REGION]
    s3, (_, arn) = s3_backends[ACCOUNT]["aws"], cloud.queue()
    topic = sns.create_topic("topic").arn
    sns.subscribe(topic, arn, "sqs").attributes["RawMessageDelivery"] = True
    numbers, received, broken = count(), [], []
    lock = threading.Lock()
    for _ in range(500):
        sns.publish(str(next(numbers)), topic)

    def publish() -> None:
        for _ in range(60):
            sns.publish(str(next(numbers)), topic)

    def receive() -> None:
        for _ in range(150):
            for message in sqs.receive_message("queue", 10, 0, 43_200):
                with lock:
                    received.append(message.body)
                sqs.delete_message("queue", message.receipt_handle)

    def subscribe() -> None:
        for number in range(60):
            other = sns.subscribe(topic, f"{arn}{threading.get_ident()}{number}", "sqs")
            sns.unsubscribe(other.arn)

    def store() -> None:
        key = f"key-{threading.get_ident()}"
        for _ in range(60):
            s3.put_object(BUCKET, key, b"x" * 100)
            assert objects.Contents(s3.get_object(BUCKET, key))[10:20] == b"x" * 10
            s3.delete_object(BUCKET, key)
            s3.put_object(BUCKET, "shared", b"y")

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as exc:
            broken.append(exc)

    workers = [threading.Thread(target=guarded, args=(work,)) for work in (publish, receive, subscribe, store) * 3]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    while messages := sqs.receive_message("queue", 10, 0, 43_200):
        received += [message.body for message in messages]
    assert broken == []
    assert sorted(received, key=int) == [str(number) for number in range(500 + 3 * 60)]
