"""Small real models and endpoints on the embedded AWS, and a clock that nobody waits for."""

import io
import json
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from PIL import Image

from tasks.deadline import Deadline
from tasks.hosting.deploying import start_endpoint
from tasks.hosting.endpoint import Endpoint, EndpointSpec, wait_in_service
from tasks.hosting.notifications import Topics
from tasks.names import EndpointKind
from tasks.plan import RunPlan
from tasks.resources.inventory import write_down
from tasks.resources.messaging import TOPIC
from tests.tasks.answers import response

BUCKET = "stygig-test"
RUN_ID = "5d1c7a52-9f3e-4c0b-8a1d-0123456789ab"
ANSWER = response()
ANSWERING = f"""
import base64, json
ANSWER = json.loads({json.dumps(ANSWER.to_json())!r})
def model_fn(model_dir): return None
def input_fn(body, content_type): return base64.b64decode(json.loads(body)["image"])
def predict_fn(picture, model, context):
    if picture.startswith(b"this is not"):
        context.set_response_status(code=400, phrase="Bad Request")
        return {{"error": {{"code": "not_an_image", "message": "The body is no picture."}}}}
    return ANSWER
def output_fn(answer, accept): return json.dumps(answer), "application/json"
"""
NEVER_LOADS = "def model_fn(model_dir):\n    raise RuntimeError('no weights in the archive')\n"
LOADS_WHEN_TOLD = f"""
import boto3, time
def model_fn(model_dir):
    s3 = boto3.client("s3")
    while "Contents" not in s3.list_objects_v2(Bucket={BUCKET!r}, Prefix="go"): time.sleep(0.02)
def predict_fn(data, model): return data
"""


def put_model(handler: str = ANSWERING, key: str = "models/tiny/model.tar.gz") -> str:
    """The URI of an artifact in S3 that holds nothing but this handler."""
    buffer, text = io.BytesIO(), handler.encode()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo("code/inference.py")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=buffer.getvalue())
    return f"s3://{BUCKET}/{key}"


def made_topic(plan: RunPlan) -> str:
    """The ARN of a topic of the run's: the least that a run can leave behind."""
    name = plan.names.success_topic
    arn = write_down(plan, TOPIC, f"arn:aws:sns:{plan.region}:{plan.account}:{name}").name
    boto3.client("sns").create_topic(Name=name, Tags=plan.tags)
    return arn


def deployed(
    plan: RunPlan, kind: EndpointKind = "async", topics: Topics | None = None, handler: str = ANSWERING, name: str = ""
) -> Endpoint:
    """An endpoint of the run, in service."""
    asked = start_endpoint(plan, EndpointSpec(kind, put_model(handler), name), topics)
    return wait_in_service([asked], hurried(60))[0]


@dataclass
class Clock:
    """A clock that only sleeping moves on; it records every sleep."""

    now: float = 1000.0
    sleeps: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def deadline(self, limit_seconds: float) -> Deadline:
        return Deadline(limit_seconds, self, self.sleep)


def hurried(limit_seconds: float = 60) -> Deadline:
    """A deadline that polls a hundred times a second.

    It counts seconds of this process's processor time; on a busy machine the process gets less of it and waits longer.
    """
    return Deadline(limit_seconds, time.process_time, lambda seconds: time.sleep(min(seconds, 0.01)))


def picture_bytes(colour: str = "red", kind: str = "JPEG", size: tuple[int, int] = (64, 80)) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", size, colour).save(drawn, kind)
    return drawn.getvalue()


def put_picture(file: Path, colour: str = "red") -> Path:
    """A picture file of one colour; its folders are made, too."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(picture_bytes(colour, "PNG" if file.suffix == ".png" else "JPEG"))
    return file
