"""The command line as its users type it: a process of its own, stdout for results, an exit status."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from flows.package_model import package_model
from localaws import LocalAws


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
        (["deploy"], ["--model-uri"]),
        (["deploy", "--model-uri", "s3://bucket/m.tar.gz", "--kind", "batch"], ["--kind", "batch"]),
        (["deploy", "--model-uri", "s3://bucket/m.tar.gz", "--endpoint-name", "a_b"], ["a_b", "dashes"]),
        (["invoke"], ["--image", "--s3-image"]),
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


def test_deploy_inventory_and_teardown_with_json(
    local_aws: LocalAws, prefect_backend: str, drawn_catalogue: Path, tmp_path: Path
) -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return stygig(*arguments, cwd=tmp_path, PREFECT_API_URL=prefect_backend)

    uri = package_model(catalogue=str(drawn_catalogue)).uri
    assert json.loads(run("inventory", "--json").stdout) == {"inventory": []}
    deployed = json.loads(run("deploy", "--model-uri", uri, "--json").stdout)
    assert json.loads((tmp_path / "async_endpoint_info.json").read_text()) == deployed
    found = run("inventory", "--json")
    assert found.returncode == 1
    endpoint = next(r for r in json.loads(found.stdout)["inventory"] if r["kind"] == "endpoint")
    assert endpoint["status"] == "InService"
    assert endpoint["usd_per_hour"] == 0.115
    removed = json.loads(run("teardown", "--run-id", endpoint["run_id"], "--json").stdout)
    assert removed["left"] == []
    assert f"removed endpoint {deployed['endpoint_name']}" in removed["removed"]
