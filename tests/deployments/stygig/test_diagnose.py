"""`stygig diagnose` as its users type it: text or JSON on stdout, and an exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from localaws import LocalAws
from tasks.hosting.scaling import scale_to_zero
from tasks.invoking.single import invoke_by_hand
from tasks.plan import plan_run
from tasks.settings import Settings
from tests.tasks.deployed import BUCKET, RUN_ID, deployed


def diagnose(*arguments: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "stygig", "diagnose", *arguments],
        cwd=cwd,
        env=os.environ | {"STYGIG_BUCKET": BUCKET} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_well_ends_with_0_and_what_needs_somebody_with_1(local_aws: LocalAws, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    plan = plan_run(RUN_ID, Settings(bucket=BUCKET))
    name = deployed(plan).name
    inference_id = invoke_by_hand(plan, name, wait=True).record.inference_id
    completed = diagnose(inference_id, cwd=tmp_path)
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout.splitlines()[-1] == f"what to do: Get the answer: `stygig wait {inference_id}`."
    unscaled = diagnose(name, cwd=tmp_path)
    assert (unscaled.returncode, "bills around the clock" in unscaled.stdout) == (1, True)
    scale_to_zero(plan, name)
    ready = diagnose(name, "--json", cwd=tmp_path)
    assert (ready.returncode, json.loads(ready.stdout)["finding"]) == (0, "ready")


def test_what_nobody_knows_ends_with_2(local_aws: LocalAws, tmp_path: Path) -> None:
    unknown = diagnose("nowhere", cwd=tmp_path)
    assert (unknown.returncode, unknown.stdout, unknown.stderr.count("\n")) == (2, "", 1)
    assert "inference nowhere" in unknown.stderr
    as_json = diagnose("nowhere", "--json", cwd=tmp_path)
    assert (as_json.returncode, "nowhere" in json.loads(as_json.stdout)["error"]) == (2, True)
    assert diagnose(cwd=tmp_path).returncode == 2


@pytest.mark.usefixtures("local_aws")
def test_an_aws_that_gives_no_answer_ends_with_3(tmp_path: Path) -> None:
    silent = diagnose("nowhere", cwd=tmp_path, AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    assert (silent.returncode, "Is http://127.0.0.1:9 up?" in silent.stderr) == (3, True)


@pytest.mark.usefixtures("local_aws")
def test_it_needs_no_prefect(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['stygig', 'diagnose', 'nowhere']\n"
        "from stygig.cli import main\n"
        "try: main()\n"
        "except SystemExit as exc: print(exc.code, sorted({'prefect', 'moto', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "2 []"
