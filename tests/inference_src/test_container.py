"""docs/container.md against the code: each variable that a model sets has its effect, each line of the log its form."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

import inference
from localaws import LocalAws
from recommender import log
from recommender.encoding.engines import allowed_threads
from tasks.hosting.endpoint import EndpointSpec
from tasks.hosting.model import container_environment, create_model
from tasks.plan import RunPlan, plan_run
from tasks.settings import Settings
from tests.deployments.localaws.cloud import Cloud, archive, eventually
from tests.tasks.deployed import BUCKET, RUN_ID, put_model

PAGE = (Path(__file__).parents[2] / "docs" / "container.md").read_text("utf-8")
START, REQUEST = map(json.loads, re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
VARIABLES = dict(re.findall(r"^\| `([A-Z0-9_]+)` \| ([^|]+) \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE))
LARGE = 7 * 1024 * 1024  # more than TorchServe lets through by default
ECHO = """
import json
def model_fn(model_dir): return None
def input_fn(body, content_type): return body
def predict_fn(body, model): return {"bytes": len(body)}
def output_fn(answer, accept): return json.dumps(answer), "application/json"
"""
LONG_WINDED = ECHO.replace('{"bytes": len(body)}', f'{{"text": "x" * {LARGE}}}')
NEVER_ANSWERS = "import threading\n" + ECHO.replace('{"bytes": len(body)}', "threading.Event().wait()")
MEETING = """
import json, threading
lock, running, most = threading.Lock(), 0, 0
meeting = threading.Barrier(MEET)
def model_fn(model_dir): return None
def input_fn(body, content_type): return body
def predict_fn(body, model):
    global running, most
    with lock:
        running += 1
        most = max(most, running)
    meeting.wait()
    with lock: running -= 1
    return {"at once": most}
def output_fn(answer, accept): return json.dumps(answer), "application/json"
"""


@pytest.fixture
def plan(local_aws: LocalAws) -> RunPlan:
    """A run whose bucket exists."""
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    return plan_run(RUN_ID, Settings(bucket=BUCKET, owner="tester"))


@pytest.fixture
def serve(local_aws: LocalAws, plan: RunPlan) -> Callable[..., Cloud]:
    """Puts an archive in service with all variables of a model, some of them changed or (None) left out."""

    def started(packed: bytes, asynchronous: bool = False, **changed: str | None) -> Cloud:
        cloud = Cloud(local_aws)
        cloud.s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=packed)
        environment = container_environment(plan, (plan.names.inputs.uri,)) | changed
        container = {"Image": "image:1", "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
        cloud.sagemaker.create_model(
            ModelName="model",
            ExecutionRoleArn=local_aws.execution_role_arn,
            PrimaryContainer=container | {"Environment": {k: v for k, v in environment.items() if v is not None}},
        )
        output = {"S3OutputPath": f"s3://{BUCKET}/out", "S3FailurePath": f"s3://{BUCKET}/failed"}
        cloud.config(**({"AsyncInferenceConfig": {"OutputConfig": output}} if asynchronous else {}))
        cloud.endpoint()
        return cloud

    return started


def handler(text: str, **others: str) -> bytes:
    return archive({"code/inference.py": text} | {f"code/{name}.py": other for name, other in others.items()})


def asked(cloud: Cloud, body: bytes = b"{}", content_type: str = "application/json") -> tuple[int, Any]:
    """Status and answer of a real-time endpoint."""
    try:
        answer = cloud.runtime.invoke_endpoint(EndpointName="endpoint", ContentType=content_type, Body=body)
    except ClientError as error:
        return error.response["OriginalStatusCode"], error.response["OriginalMessage"]
    return 200, json.loads(answer["Body"].read())


def asked_async(cloud: Cloud, body: bytes) -> tuple[str, bytes]:
    """The ending of an asynchronous request, `Output` or `Failure`, and the object written for it."""
    cloud.s3.put_object(Bucket=BUCKET, Key="in", Body=body)
    accepted = cloud.runtime.invoke_endpoint_async(
        EndpointName="endpoint", ContentType="application/json", InputLocation=f"s3://{BUCKET}/in"
    )

    def ended() -> tuple[str, bytes] | None:
        for name in ("OutputLocation", "FailureLocation"):
            if (found := cloud.read(accepted[name])) is not None:
                return name.removesuffix("Location"), found
        return None

    return eventually(ended, 60)


def log_entries(cloud: Cloud) -> list[dict[str, Any]]:
    return [json.loads(line) for line in cloud.log_lines() if line.startswith("{")]


def described(plan: RunPlan) -> Mapping[str, str]:
    name = create_model(plan, EndpointSpec("real-time", put_model()))
    environment: Mapping[str, str] = boto3.client("sagemaker").describe_model(ModelName=name)["PrimaryContainer"][
        "Environment"
    ]
    return environment


def test_describe_model_shows_exactly_the_variables_of_the_page(plan: RunPlan) -> None:
    settings = plan.settings.model_copy(update={"model_server_workers": 2, "allowed_s3_prefixes": "s3://more/"})
    found = described(replace(plan, settings=settings))
    assert list(found) == list(VARIABLES)
    fixed = {name: value.strip("`") for name, value in VARIABLES.items() if re.fullmatch(r"`[^`]+`", value)}
    assert len(fixed) == 4
    assert fixed.items() <= found.items()
    assert found["SAGEMAKER_MODEL_SERVER_WORKERS"] == "2"
    assert found["TS_DEFAULT_RESPONSE_TIMEOUT"] == str(settings.invocation_timeout_seconds + 30)
    assert found["STYGIG_ALLOWED_S3_PREFIXES"] == f"{plan.names.inputs.uri},s3://more/"


def test_workers_are_left_to_the_image_unless_the_settings_say_how_many(plan: RunPlan) -> None:
    assert set(VARIABLES) - set(described(plan)) == {"SAGEMAKER_MODEL_SERVER_WORKERS"}


def test_every_setting_for_the_container_reaches_it(plan: RunPlan) -> None:
    settings = plan.settings.model_copy(update={"ort_prepack": False, "log_level": "warning"})
    found = described(replace(plan, settings=settings))
    assert (found["STYGIG_ORT_PREPACK"], found["STYGIG_LOG_LEVEL"]) == ("0", "warning")
    assert (described(plan)["STYGIG_ORT_PREPACK"], described(plan)["STYGIG_LOG_LEVEL"]) == ("1", "info")


@pytest.mark.parametrize(("program", "answer"), [("inference.py", {"bytes": 2}), ("other.py", {"other": True})])
def test_sagemaker_program_names_the_handler(serve: Any, program: str, answer: dict[str, Any]) -> None:
    other = ECHO.replace('{"bytes": len(body)}', '{"other": True}')
    cloud = serve(handler(ECHO, other=other), SAGEMAKER_PROGRAM=program)
    assert asked(cloud) == (200, answer)


@pytest.mark.parametrize("workers", [1, 3])
def test_as_many_requests_are_computed_at_once_as_there_are_workers(serve: Any, workers: int) -> None:
    """Each request waits until as many run as there are workers, so fewer at once would never be answered."""
    cloud = serve(handler(MEETING.replace("MEET", str(workers))), SAGEMAKER_MODEL_SERVER_WORKERS=str(workers))
    answers = cloud.together(2 * workers, lambda: asked(cloud))
    assert answers == [(200, {"at once": workers})] * 2 * workers


def test_a_worker_that_answers_too_late_is_ended(serve: Any) -> None:
    cloud = serve(handler(NEVER_ANSWERS), TS_DEFAULT_RESPONSE_TIMEOUT="0.5")
    status, _ = asked(cloud)
    assert status != 200
    line = "The model did not answer within 0.5 seconds; its worker ends."
    eventually(lambda: True if line in cloud.log_lines() else None)


@pytest.mark.parametrize(("limit", "ended"), [({}, "Output"), ({"TS_MAX_REQUEST_SIZE": None}, "Failure")])
def test_a_request_of_seven_megabytes_needs_the_larger_limit(serve: Any, limit: dict[str, Any], ended: str) -> None:
    cloud = serve(handler(ECHO), asynchronous=True, **limit)
    found, body = asked_async(cloud, b"x" * LARGE)
    assert found == ended
    assert (body == json.dumps({"bytes": LARGE}).encode()) == (ended == "Output")


@pytest.mark.parametrize(("limit", "ended"), [({}, "Output"), ({"TS_MAX_RESPONSE_SIZE": None}, "Failure")])
def test_an_answer_of_seven_megabytes_needs_the_larger_limit(serve: Any, limit: dict[str, Any], ended: str) -> None:
    cloud = serve(handler(LONG_WINDED), asynchronous=True, **limit)
    found, body = asked_async(cloud, b"{}")
    assert found == ended
    assert (len(body) > LARGE) == (ended == "Output")


@pytest.mark.parametrize(("given", "threads"), [("1", 1), ("3", 3), ("2,4", 2)])
def test_omp_num_threads_is_how_many_threads_the_encoder_says_it_has(
    serve: Any, packed: Path, given: str, threads: int
) -> None:
    cloud = serve(packed.read_bytes(), OMP_NUM_THREADS=given)
    (entry,) = log_entries(cloud)
    assert (entry["event"], entry["threads"]) == ("cold_start", threads)


@pytest.mark.parametrize("given", ["0", "-1", "two", "1.5", "²"])
def test_a_number_of_threads_that_is_none_is_told(given: str) -> None:
    with pytest.raises(ValueError, match=r"OMP_NUM_THREADS is .*; give a whole number of threads, 1 or more"):
        allowed_threads({"OMP_NUM_THREADS": given})


@pytest.mark.parametrize("environment", [{}, {"OMP_NUM_THREADS": ""}, {"OMP_NUM_THREADS": " 1 "}])
def test_one_thread_is_the_default(environment: dict[str, str]) -> None:
    assert allowed_threads(environment) == 1


def test_pictures_are_read_from_the_allowed_prefixes_alone(
    serve: Any, plan: RunPlan, packed: Path, draw: Any, encoded: Any
) -> None:
    cloud = serve(packed.read_bytes())
    inside, outside = f"{plan.names.inputs.uri}skirt.png", f"s3://{BUCKET}/elsewhere/skirt.png"
    for uri in (inside, outside):
        key = uri.removeprefix(f"s3://{BUCKET}/")
        cloud.s3.put_object(Bucket=BUCKET, Key=key, Body=encoded(draw("bottomwear_skirt")))
    status, answer = asked(cloud, json.dumps({"image_s3_uri": inside}).encode())
    assert (status, answer["query"]["category"]) == (200, "bottomwear_skirt")
    status, refused = asked(cloud, json.dumps({"image_s3_uri": outside}).encode())
    assert (status, json.loads(refused)["error"]["code"]) == (403, "image_s3_uri_not_allowed")


@pytest.mark.parametrize(
    ("level", "events"), [("info", ["cold_start", "request", "request"]), ("warning", ["request"])]
)
def test_the_endpoints_log_has_the_lines_of_the_level(
    serve: Any, packed: Path, shirt_as_json: bytes, level: str, events: list[str]
) -> None:
    cloud = serve(packed.read_bytes(), STYGIG_LOG_LEVEL=level)
    assert asked(cloud, shirt_as_json)[0] == 200
    assert asked(cloud, b"{")[0] == 400
    entries = eventually(lambda: found if len(found := log_entries(cloud)) >= len(events) else None)
    assert [each["event"] for each in entries] == events
    assert (entries[-1]["status"], entries[-1]["error"]) == (400, "malformed_json")


def test_the_endpoints_log_names_the_callers_inference_id(serve: Any, packed: Path, shirt_as_json: bytes) -> None:
    cloud = serve(packed.read_bytes(), asynchronous=True)
    cloud.s3.put_object(Bucket=BUCKET, Key="in", Body=shirt_as_json)
    cloud.runtime.invoke_endpoint_async(
        EndpointName="endpoint",
        ContentType="application/json",
        InputLocation=f"s3://{BUCKET}/in",
        InferenceId="run-7/42",
        CustomAttributes="confidential",
    )
    _, entry = eventually(lambda: found if len(found := log_entries(cloud)) == 2 else None)
    assert (entry["event"], entry["status"], entry["request_id"]) == ("request", 200, "run-7/42")
    assert "confidential" not in json.dumps(entry)


@pytest.fixture
def shirt_as_json(draw: Any, encoded: Any) -> bytes:
    return json.dumps({"image": base64.b64encode(encoded(draw("upperwear_shirt"))).decode()}).encode()


def test_the_lines_of_the_page_have_the_form_of_those_that_are_written(
    artifact: Path, draw: Any, encoded: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    model = inference.model_fn(str(artifact))
    question = inference.input_fn(encoded(draw("upperwear_shirt")), "image/png")
    inference.output_fn(inference.predict_fn(question, model), None)
    start, request = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (list(START), list(START["stages_ms"])) == (list(start), list(start["stages_ms"]))
    assert (list(REQUEST), list(REQUEST["stages_ms"])) == (list(request), list(request["stages_ms"]))
    assert round(sum(START["stages_ms"].values()), 3) == START["total_ms"]


def test_the_page_lists_every_stage_level_and_variable() -> None:
    stages = re.findall(r"^\| `(\w+)` \| [^|]+ \|$", PAGE, re.MULTILINE)
    assert stages == ["import", "engine", "construct", "weights", "catalogue", "warm_up", "other"]
    assert all(f"`{level}`" in PAGE for level in log.LEVELS)
    assert log.LEVEL_VARIABLE in VARIABLES
