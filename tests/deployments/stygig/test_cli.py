"""The command line as its users type it: a process of its own, stdout for results, an exit status."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import ArtifactSort

from flows.package_model import package_model
from localaws import LocalAws
from stygig.embedded import our_environment
from stygig.stack.schedules import NextRun
from stygig.status import Status
from tasks.plan import plan_run
from tasks.settings import Settings
from tests.tasks.deployed import BUCKET, deployed


def stygig(*arguments: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "stygig", *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_needs_neither_prefect_nor_boto3(tmp_path: Path) -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from stygig.cli import app\n"
        "result = CliRunner().invoke(app, ['nightly', '--help']); assert result.exit_code == 0, result\n"
        "result = CliRunner().invoke(app, ['nightly', '--top-k', '0']); assert result.exit_code == 2, result\n"
        "print(sorted({'prefect', 'boto3', 'numpy', 'moto', 'onnxruntime', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nightly", "--pictures", "nowhere"], ["--pictures", "nowhere is not a folder"]),
        (["nightly", "--catalogue", "s3://"], ["--catalogue", "no S3 location"]),
        (["nightly", "--precision", "fp8"], ["--precision", "fp16", "int8"]),
        (["package", "--engine", "tensorrt"], ["--engine", "onnxruntime", "torch"]),
        (["nightly", "--top-k", "0"], ["--top-k", "greater than or equal to 1"]),
        (["nightly", "--max-concurrent-invocations", "1001"], ["--max-concurrent-invocations", "1000"]),
        (["deploy", "--model-uri", "model.tar.gz"], ["--model-uri", "s3://BUCKET/KEY"]),
        (["nightly", "--model-dir", "nowhere"], ["--model-dir", "nowhere is not a folder"]),
        (["nightly", "--requests", "nowhere"], ["--requests", "nowhere is not a folder"]),
        (["nightly", "--environment", "NAME"], ["--environment", "no NAME=VALUE"]),
        (["nightly", "--compare", "xml"], ["--compare", "json", "bytes"]),
        (
            ["validate", "--endpoint-name", "a", "--baseline-endpoint-name", "b", "--baseline-repeats", "0"],
            ["--baseline"],
        ),
        (["wait"], ["inference_id"]),
        (["invoke", "--wait-seconds", "-1"], ["--wait-seconds"]),
        (["deploy", "--model-uri", "s3://bucket/m.tar.gz", "--kind", "batch"], ["--kind", "batch"]),
        (["deploy", "--model-uri", "s3://bucket/m.tar.gz", "--endpoint-name", "a_b"], ["a_b", "dashes"]),
        (["invoke", "--image", "a.jpg", "--s3-image", "s3://bucket/a.jpg"], ["--image", "--s3-image"]),
        (["teardown"], ["--endpoint-name", "--run-id"]),
        (["validate", "--endpoint-name", "a"], ["--baseline-endpoint-name"]),
        (["nightli"], ["nightli"]),
        (["local", "up", "--port", "70000"], ["--port", "65535"]),
    ],
)
def test_a_wrong_argument_is_named_and_ends_with_2(
    arguments: Sequence[str], said: Sequence[str], tmp_path: Path
) -> None:
    done = stygig(*arguments, cwd=tmp_path, COLUMNS="200", TERM="dumb")
    assert done.returncode == 2
    assert done.stdout == ""
    for words in said:
        assert words in done.stderr


def test_without_an_embedded_aws_env_says_how_to_start_one(tmp_path: Path) -> None:
    done = stygig("local", "env", cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 2
    assert "stygig local up" in done.stderr


@pytest.mark.usefixtures("local_aws")
def test_an_endpoint_that_does_not_exist_is_one_line(tmp_path: Path, drawn_catalogue: Path) -> None:
    picture = str(next(drawn_catalogue.rglob("*.jpg")))
    done = stygig("invoke", "--endpoint-name", "nowhere", "--image", picture, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "nowhere does not exist" in done.stderr


@pytest.mark.usefixtures("local_aws")
def test_without_a_name_invoke_says_where_it_would_look(tmp_path: Path) -> None:
    done = stygig("invoke", "--s3-image", "s3://bucket/a.jpg", cwd=tmp_path)
    assert done.returncode == 2
    assert "async_endpoint_info.json" in done.stderr


def test_from_deployment_to_nothing_with_json(
    local_aws: LocalAws, prefect_backend: str, drawn_catalogue: Path, tmp_path: Path
) -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return stygig(*arguments, cwd=tmp_path, PREFECT_API_URL=prefect_backend)

    info = tmp_path / "async_endpoint_info.json"
    package_model(catalogue=str(drawn_catalogue))
    assert json.loads(run("inventory", "--json").stdout) == {"inventory": []}
    made = json.loads(run("deploy", "--json").stdout)
    assert json.loads(info.read_text()) == made
    found = run("inventory", "--json")
    assert found.returncode == 1
    endpoint = next(r for r in json.loads(found.stdout)["inventory"] if r["kind"] == "endpoint")
    assert endpoint["status"] == "InService"
    assert endpoint["usd_per_hour"] == 0.115

    with get_client(sync_client=True) as client:
        (artifact, *_) = client.read_artifacts(sort=ArtifactSort.CREATED_DESC, limit=1)
    assert all(f"`{value}`" in str(artifact.data) for value in made.values() if value)

    assert (run("status").returncode, json.loads(run("status", "--json").stdout)["stale"]) == (0, [])
    info.write_text(json.dumps(made | {"model_uri": "s3://bucket/old.tar.gz"}))
    stale = run("status")
    assert stale.returncode == 1
    assert f"model_uri is {made['model_uri']}, but {info.name} says s3://bucket/old.tar.gz" in stale.stdout

    sent = json.loads(run("invoke", "--json").stdout)["invocation"]
    assert sent["output_location"].startswith(made["s3_output_path"])
    waited = run("wait", sent["inference_id"], "--display-results")
    assert "TOP 5 RECOMMENDATIONS" in waited.stdout
    assert re.search(r"completed after .* \(attempt \d+\)", waited.stderr)

    removed = json.loads(run("teardown", "--endpoint-name", made["endpoint_name"], "--json").stdout)
    assert removed["left"] == []
    assert f"removed endpoint {made['endpoint_name']}" in removed["removed"]
    assert not info.exists()
    again = run("teardown", "--endpoint-name", made["endpoint_name"])
    assert (again.returncode, again.stdout) == (0, "nothing is left\n")
    assert "there is nothing to remove" in again.stderr
    gone = run("wait", sent["inference_id"])
    assert gone.returncode == 2
    assert "what its run kept has been removed" in gone.stderr


def test_a_wait_that_gives_up_ends_with_4_and_says_how_to_go_on(local_aws: LocalAws, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    name = deployed(plan_run("by-hand", Settings(bucket=BUCKET)), handler=NEVER_ANSWERS).name
    done = stygig(
        "invoke", "--endpoint-name", name, "--wait", "--wait-seconds", "1", cwd=tmp_path, STYGIG_BUCKET=BUCKET
    )
    assert done.returncode == 4
    (inference_id,) = re.findall(r"submitted as inference (\S+)", done.stderr)
    assert f"`stygig wait {inference_id}` goes on waiting" in done.stderr


NEVER_ANSWERS = """
import time
def model_fn(model_dir): return None
def input_fn(body, content_type): return body
def predict_fn(data, model): time.sleep(1000)
"""


def test_status_tells_of_an_endpoint_that_is_gone_and_of_a_file_that_is_none(
    local_aws: LocalAws, tmp_path: Path
) -> None:
    info = tmp_path / "async_endpoint_info.json"
    nothing = stygig("status", cwd=tmp_path)
    assert (nothing.returncode, "no async_endpoint_info.json here" in nothing.stdout) == (0, True)
    info.write_text(json.dumps({"endpoint_name": "fashion"}))
    gone = stygig("status", cwd=tmp_path)
    assert (gone.returncode, "endpoint fashion is gone" in gone.stdout) == (1, True)
    info.write_text("not JSON")
    broken = stygig("status", cwd=tmp_path)
    assert (broken.returncode, "can't be read" in broken.stderr) == (2, True)


def test_status_tells_of_a_schedule_without_a_next_run() -> None:
    at = datetime(2026, 11, 28, 3, tzinfo=UTC)
    well = Status("", "", (), (NextRun("nightly", at),))
    assert (well.well, well.lines()[-1]) == (True, "next nightly: 2026-11-28 03:00 UTC")
    dead = Status("", "", (), (NextRun("nightly", at), NextRun("sweep", None)))
    assert (dead.well, dead.lines()[-1]) == (False, "next sweep: NONE IS SCHEDULED")


@pytest.mark.usefixtures("local_aws")
def test_an_invocation_by_hand_needs_no_prefect(tmp_path: Path) -> None:
    """Importing it takes longer than the whole command may."""
    code = (
        "import sys; sys.argv = ['stygig', 'invoke', '--endpoint-name', 'nowhere']\n"
        "from stygig.cli import main\n"
        "try: main()\n"
        "except SystemExit as exc: print(exc.code, sorted({'prefect', 'moto', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "2 []"
    assert "nowhere does not exist" in done.stderr


def test_the_embedded_awss_role_stands_in_our_setting() -> None:
    roles = {"LOCALAWS_EXECUTION_ROLE_ARN": "arn", "LOCALAWS_SCHEDULER_ROLE_ARN": "other"}
    made = our_environment({"AWS_REGION": "r", **roles})
    assert made["AWS_REGION"] == "r"
    assert (made["STYGIG_EXECUTION_ROLE_ARN"], made["STYGIG_SCHEDULER_ROLE_ARN"]) == ("arn", "other")
