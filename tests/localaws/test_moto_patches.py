from __future__ import annotations

import base64
import gc
import inspect
import json
from typing import Any

import moto
import moto.backends
import moto.moto_server.werkzeug_app
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from moto.core.common_models import BaseModel
from moto.s3.models import FakeKey, s3_backends
from moto.sns.models import Subscription, sns_backends
from moto.sqs.models import Message, Queue, sqs_backends

from localaws.services import moto_patches, sns_envelope
from tests.localaws.cloud import BUCKET, Cloud

ACCOUNT, REGION = "123456789012", "us-east-1"


def test_the_patches_are_for_this_moto() -> None:
    assert moto.__version__ == moto_patches.MOTO_VERSION


def test_moto_calls_the_patched_symbols_as_the_patches_expect() -> None:
    dispatcher = inspect.getsource(moto.moto_server.werkzeug_app.DomainDispatcherApplication.get_backend_for_host)
    assert "backends.list_of_moto_modules()" in dispatcher
    assert "self.get_post_data(" in inspect.getsource(Subscription.publish)
    assert "queue.messages" in inspect.getsource(sqs_backends[ACCOUNT][REGION].receive_message)
    assert {"visible_at", "delayed_until"} <= Message("id", "body").__dict__.keys()
    assert "instances_tracked" in BaseModel.__subclasses__()[0].__dict__


def test_the_list_of_modules_is_the_one_on_disk() -> None:
    assert {"s3", "sns", "sqs", "iam", "sts"} <= set(moto.backends.list_of_moto_modules())


def test_a_queue_counts_its_messages(aws: Any, cloud: Cloud) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="queue")["QueueUrl"]
    for delay in (0, 0, 900):
        sqs.send_message(QueueUrl=url, MessageBody="m", DelaySeconds=delay)
    [received] = sqs.receive_message(QueueUrl=url)["Messages"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    counts = [attributes[f"ApproximateNumberOfMessages{kind}"] for kind in ("", "NotVisible", "Delayed")]
    assert counts == ["1", "1", "1"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"], VisibilityTimeout=0)
    assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 2


def test_sending_looks_at_no_other_message(aws: Any) -> None:
    backend = sqs_backends[ACCOUNT][REGION]
    queue: Queue = backend.create_queue("queue", {})
    looked: list[int] = []

    class Watched(list):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            looked.append(len(self))
            return super().__iter__()

    queue._messages = Watched()
    for _ in range(3):
        backend.send_message("queue", "m")
    assert looked == []


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


def test_the_envelope_has_motos_members_and_a_signature_of_the_certificate_it_names(cloud: Cloud) -> None:
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    queue = sqs.create_queue(QueueName="queue")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue")
    attribute = {"kind": {"DataType": "String", "StringValue": "a"}}
    sns.publish(TopicArn=topic, Message="hello", Subject="greeting", MessageAttributes=attribute)
    envelope = json.loads(sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"])
    assert envelope["MessageAttributes"] == {"kind": {"Type": "String", "Value": "a"}}
    name = envelope["SigningCertURL"].rpartition("/")[2]
    certificate = x509.load_pem_x509_certificate(sns_backends[ACCOUNT][REGION]._message_public_keys[name])
    members = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    signed = "".join(f"{member}\n{envelope[member]}\n" for member in members)
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(base64.b64decode(envelope["Signature"]), signed.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_one_certificate_serves_every_message_of_a_region() -> None:
    assert sns_envelope.signer(REGION) is sns_envelope.signer(REGION)
