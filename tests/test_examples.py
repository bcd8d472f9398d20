"""The examples as their users run them: each passes, and one altered number of a model fails and says where."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import numpy as np
import pytest

from flows.validate_endpoint import validate_endpoint
from tasks.errors import IncomparableError, InputError, NotFoundError, ValidationFailedError
from tasks.exchange.sources import read_requests
from tasks.hosting.deploying import start_endpoint
from tasks.hosting.endpoint import EndpointSpec, wait_in_service
from tasks.packaging.folder_model import package_folder
from tasks.plan import RunPlan, plan_run
from tasks.settings import Settings
from tests.tasks.deployed import BUCKET, RUN_ID, hurried

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = sorted(path.name for path in EXAMPLES.iterdir())
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def plan(local_aws: object) -> RunPlan:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    return plan_run(RUN_ID, Settings(bucket=BUCKET, owner="tester"))


@pytest.mark.parametrize("name", NAMES)
def test_the_command_of_its_readme_passes(name: str, tmp_path: Path) -> None:
    (command,) = re.findall(r"^stygig (.*)$", (EXAMPLES / name / "README.md").read_text(), re.MULTILINE)
    words = [word.replace("examples", str(EXAMPLES)) for word in command.split()]
    done = subprocess.run(
        [sys.executable, "-m", "stygig", *words, "--junit", str(tmp_path / "junit.xml")],
        env=os.environ | {"STYGIG_REPORTS": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("PASS: 22 requests")
    assert "Inventory: nothing of ours exists" in done.stdout
    assert 'failures="1"' not in (tmp_path / "junit.xml").read_text()


def served(plan: RunPlan, folder: Path, requests: Path, kind: str, name: str) -> None:
    """Deploy the model of a folder."""
    first = read_requests(str(requests), 1, 1)[0]
    artifact = package_folder(plan, str(folder), first, str(requests), {})
    spec = EndpointSpec("async" if kind == "async" else "real-time", artifact.uri, name)
    wait_in_service([start_endpoint(plan, spec, None)], hurried(120))


def alter(folder: Path) -> None:
    """Change one number of the model."""
    if (weights := folder / "weights.npy").exists():
        values = np.load(weights)
        values[0, 0] += 3
        np.save(weights, values)
    elif (weights := folder / "weights.json").exists():
        weights.write_text(re.sub(r'("intercepts": \[\s+)[-\d.]+', r"\g<1>9.0", weights.read_text()))
    else:
        from safetensors.torch import load_file, save_file

        tensors = load_file(folder / "weights.safetensors")
        tensors["6.bias"][0] += 9
        save_file(tensors, folder / "weights.safetensors")


PLACES = {"array": r"element \\\[\d, 0\\\]", "table": r"row \d, column \d", "picture": r"\$\.(label|scores\.\w+)"}


@pytest.mark.parametrize("name", NAMES)
def test_one_altered_number_fails_and_says_where(
    name: str, plan: RunPlan, prefect_backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYGIG_REPORTS", str(tmp_path / "reports"))
    altered, requests = tmp_path / "altered", EXAMPLES / name / "requests"
    shutil.copytree(EXAMPLES / name, altered)
    alter(altered)
    served(plan, EXAMPLES / name, requests, "real-time", "baseline")
    served(plan, altered, requests, "async", "altered")
    with pytest.raises(ValidationFailedError, match=r"answers differ for \d+ of 22 requests: "):
        validate_endpoint("altered", "baseline", requests=str(requests), tolerance=1e-6)
    (report,) = (tmp_path / "reports").glob("*/report.md")
    assert re.search(rf"{PLACES[name]}[^|]*: real-time [^|]+, asynchronous ", report.read_text())


RANDOM = """
import json, random
def model_fn(model_dir): return None
def input_fn(body, content_type): return json.loads(body)
def predict_fn(asked, model): return {"score": random.random(), "echo": asked}
def output_fn(answer, accept): return json.dumps(answer), "application/json"
"""


def test_a_model_that_is_random_can_not_be_compared(
    plan: RunPlan, prefect_backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYGIG_REPORTS", str(tmp_path / "reports"))
    (tmp_path / "model" / "code").mkdir(parents=True)
    (tmp_path / "model" / "code" / "inference.py").write_text(RANDOM)
    requests = tmp_path / "requests"
    requests.mkdir()
    for number in range(8):
        (requests / f"{number}.json").write_text(f'{{"number": {number}}}')
    served(plan, tmp_path / "model", requests, "real-time", "baseline")
    served(plan, tmp_path / "model", requests, "async", "random")
    asked = {"requests": str(requests), "minimum_pictures": 1, "picture_count": 0}
    with pytest.raises(
        IncomparableError, match=r"can't be compared: the baseline disagrees with itself in 8 of 8 requests"
    ) as raised:
        validate_endpoint("random", "baseline", baseline_repeats=2, **asked)  # type: ignore[arg-type]
    assert raised.value.result.verdict == "CAN'T BE COMPARED"  # type: ignore[union-attr]
    with pytest.raises(ValidationFailedError):
        validate_endpoint("random", "baseline", **asked)  # type: ignore[arg-type]
    outcome = validate_endpoint("random", "baseline", ignore=["$.score"], **asked)  # type: ignore[arg-type]
    assert outcome.verdict == "PASS"


def test_the_baseline_may_be_in_another_region_and_account(
    plan: RunPlan, prefect_backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYGIG_REPORTS", str(tmp_path / "reports"))
    requests = EXAMPLES / "array" / "requests"
    served(plan, EXAMPLES / "array", requests, "async", "here")
    credentials = {name: os.environ[f"AWS_{name.upper()}"] for name in ("access_key_id", "secret_access_key")}
    lines = "".join(f"aws_{name} = {value}\n" for name, value in credentials.items())
    (tmp_path / "config").write_text(f"[profile elsewhere]\nregion = eu-west-1\n{lines}")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        bucket = f"{BUCKET}-elsewhere"
        where = {"LocationConstraint": "eu-west-1"}
        boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=where)  # type: ignore[arg-type]
        there = plan_run(RUN_ID, Settings(bucket=bucket, owner="tester"))
        served(there, EXAMPLES / "array", requests, "real-time", "there")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for found in ({"baseline_region": "eu-west-1"}, {"baseline_profile": "elsewhere"}):
        outcome = validate_endpoint("here", "there", requests=str(requests), **found)  # type: ignore[arg-type]
        assert outcome.verdict == "PASS"
    with pytest.raises(NotFoundError):
        validate_endpoint("here", "there", requests=str(requests))
    with pytest.raises(InputError, match="nobody"):
        validate_endpoint("here", "there", requests=str(requests), baseline_profile="nobody")
