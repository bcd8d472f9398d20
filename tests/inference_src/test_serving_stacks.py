"""One archive, the same answers to the byte: bare, under AWS's toolkit, on the embedded AWS and under TorchServe.

TorchServe is opt-in: STYGIG_OPT_IN=torchserve, with LOCALAWS_TORCHSERVE_PYTHON naming an environment that has it. That
environment needs neither ONNX Runtime nor open_clip: the archive brings them, as it does to AWS's images.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from localaws import LocalAws, Options
from tasks.encoder.choice import EncoderChoice
from tasks.packaging.archive import unpack_tar_gz, write_tar_gz
from tasks.packaging.building import build
from tasks.packaging.catalogue import scan_catalogue
from tasks.packaging.wheels import Wheels
from tests.deployments.localaws.cloud import BUCKET, Cloud, eventually
from tests.inference_src.contract import without_timings
from tests.tasks.fetched import of_this_python
from tests.tasks.tiny_clip import NAME, tiny_clip

# Read at import: conftest.py removes every STYGIG_ variable before each test.
OPTED_IN = "torchserve" in os.environ.get("STYGIG_OPT_IN", "").split(",")
TORCHSERVE_PYTHON = os.environ.get("LOCALAWS_TORCHSERVE_PYTHON")

OF_THE_IMAGE = Wheels.fetched("py312")

CLEAN = """
import json, os, sys
model_dir, way = sys.argv[1:3]
sys.path.insert(0, model_dir + "/code")
os.environ["SAGEMAKER_PROGRAM"] = "inference.py"
asked = json.load(sys.stdin)

class Context:
    system_properties = {"model_dir": model_dir}
    status, headers = 200, {}
    request_processor = property(lambda self: [self])
    def get_request_properties(self): return self.headers
    def get_request_id(self, index): return "request"
    def set_response_content_type(self, index, value): pass
    def set_response_status(self, code=200, phrase="", idx=0): self.status = code

context = Context()
if way == "bare":
    import inference
    model = inference.model_fn(model_dir, context)
    def answer(body, content_type, accept):
        question = inference.input_fn(body, content_type, context)
        return inference.output_fn(inference.predict_fn(question, model, context), accept, context)[0]
else:
    from sagemaker_inference.transformer import Transformer
    transformer = Transformer()
    def answer(body, content_type, accept):
        return transformer.transform([{"body": bytearray(body)}], context)[0]

told = []
for content_type, body, accept in asked:
    context.status, context.headers = 200, {"Content-Type": content_type, "Accept": accept}
    body = answer(bytes.fromhex(body), content_type, accept)
    told.append((context.status, body))
import recommender
assert recommender.__file__.startswith(model_dir), recommender.__file__
print(json.dumps(told))
"""


needs_torchserve = pytest.mark.skipif(
    not (OPTED_IN and TORCHSERVE_PYTHON),
    reason="opt-in: set STYGIG_OPT_IN=torchserve and LOCALAWS_TORCHSERVE_PYTHON to the Python of such an environment",
)


@dataclass(frozen=True)
class Asked:
    content_type: str
    body: bytes
    accept: str = "application/json"


Told = list[tuple[int, str]]


@pytest.fixture(scope="module")
def archive(drawn_catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact as it is uploaded, with wheels for this Python and for AWS's image."""
    folder = tmp_path_factory.mktemp("archive")
    wheels = of_this_python(folder / "fetched")
    build(scan_catalogue(drawn_catalogue), EncoderChoice("demo"), folder / "stage", lambda line: None, wheels)
    if OF_THE_IMAGE.folder.is_dir():
        OF_THE_IMAGE.ship(folder / "stage" / "code")
    write_tar_gz(folder / "stage", folder / "model.tar.gz")
    return folder / "model.tar.gz"


@pytest.fixture(scope="module")
def questions(drawn_catalogue: Path) -> list[Asked]:
    """Two questions that are answered and three that are refused, the last before its picture is looked at."""
    first, second = (path.read_bytes() for path in sorted(drawn_catalogue.rglob("*.jpg"))[5:45:39])
    as_json = {"image": base64.b64encode(second).decode(), "top_k": 3, "gender": "male", "include_embedding": True}
    return [
        Asked("image/jpeg", first),
        Asked("application/json; charset=utf-8", json.dumps(as_json).encode()),
        Asked("image/png", b"no picture"),
        Asked("application/json", b'{"top_k": 0}'),
        Asked("image/png", b"no picture", accept="text/csv"),
    ]


@pytest.fixture(scope="module")
def expected(archive: Path, questions: list[Asked]) -> Told:
    """The answers of the four functions in a clean interpreter."""
    told = clean_interpreter(archive, questions, "bare")
    assert [status for status, _ in told] == [200, 200, 400, 400, 406]
    assert all('"rank": 1' in body for _, body in told[:2])
    assert all('"error"' in body for _, body in told[2:])
    return told


def clean_interpreter(archive: Path, questions: list[Asked], way: str) -> Told:
    model_dir = archive.parent / way
    unpack_tar_gz(archive, model_dir)
    done = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", CLEAN, str(model_dir), way],
        input=json.dumps([(each.content_type, each.body.hex(), each.accept) for each in questions]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [(status, without_timings(body)) for status, body in json.loads(done.stdout.splitlines()[-1])]


def deployed(cloud: Cloud, archive: Path, seconds: float = 60) -> Cloud:
    """The archive behind a real-time endpoint."""
    cloud.s3.create_bucket(Bucket=BUCKET)
    cloud.s3.upload_file(str(archive), BUCKET, "model.tar.gz")
    container = {"Image": "image:1", "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
    cloud.sagemaker.create_model(
        ModelName="model", ExecutionRoleArn=cloud.aws.execution_role_arn, PrimaryContainer=container
    )
    cloud.config()
    cloud.endpoint(status=None)

    def status() -> str:
        return str(cloud.sagemaker.describe_endpoint(EndpointName="endpoint")["EndpointStatus"])

    eventually(lambda: None if status() == "Creating" else True, seconds)
    assert status() == "InService"
    return cloud


def answers(cloud: Cloud, questions: list[Asked]) -> Told:
    return [answer(cloud.runtime, each) for each in questions]


def answer(runtime: Any, asked: Asked) -> tuple[int, str]:
    try:
        found = runtime.invoke_endpoint(
            EndpointName="endpoint", ContentType=asked.content_type, Accept=asked.accept, Body=asked.body
        )
    except ClientError as exc:
        return exc.response["OriginalStatusCode"], exc.response["OriginalMessage"]
    return 200, without_timings(found["Body"].read().decode())


def test_awss_toolkit_gives_the_same_answers(archive: Path, questions: list[Asked], expected: Told) -> None:
    assert clean_interpreter(archive, questions, "toolkit") == expected


def test_the_embedded_aws_gives_the_same_answers(
    local_aws: LocalAws, archive: Path, questions: list[Asked], expected: Told
) -> None:
    assert answers(deployed(Cloud(local_aws), archive), questions) == expected


@pytest.fixture
def torchserve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with LocalAws(options=Options(container="torchserve", torchserve_python=TORCHSERVE_PYTHON)) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        yield Cloud(aws)


@pytest.mark.slow
@needs_torchserve
def test_torchserve_gives_the_same_answers(
    torchserve: Cloud, archive: Path, questions: list[Asked], expected: Told
) -> None:
    assert answers(deployed(torchserve, archive, seconds=120), questions) == expected
    assert any("Torchserve version" in line for line in torchserve.log_lines())


@pytest.mark.slow
@pytest.mark.clip
@pytest.mark.filterwarnings("ignore")  # torch's exporter warns about itself
@needs_torchserve
def test_torchserve_runs_engine_torch_with_the_open_clip_of_the_archive(
    torchserve: Cloud, drawn_catalogue: Path, tmp_path: Path, questions: list[Asked]
) -> None:
    stage, packed = tmp_path / "stage", tmp_path / "model.tar.gz"
    with tiny_clip(tmp_path) as checkpoint:
        entries, wheels = scan_catalogue(drawn_catalogue), Wheels.fetched("py312", "torch")
        build(entries, EncoderChoice(f"{NAME}:{checkpoint}", engine="torch"), stage, lambda line: None, wheels)
    write_tar_gz(stage, packed)
    told = answers(deployed(torchserve, packed, seconds=120), questions)
    expected = clean_interpreter(packed, questions, "bare")
    # torch differs between the two: the same items, with scores that agree
    assert [(status, ranked(body)) for status, body in told] == [(status, ranked(body)) for status, body in expected]


def ranked(body: str) -> list[tuple[str, float]]:
    return [
        (each["item_id"], pytest.approx(each["score"], abs=1e-3))
        for each in json.loads(body).get("recommendations", [])
    ]
