"""`--plan` as its users type it: a table or one JSON object, 0 or 2, and an account that stays as it was."""

import json
from pathlib import Path

import boto3
import pytest

from tests.deployments.stygig.test_cli import stygig
from tests.tasks.account import everything
from tests.tasks.deployed import BUCKET, put_model

pytestmark = pytest.mark.usefixtures("local_aws")


def test_a_deployment_s_plan_is_one_json_object_and_0(prefect_backend: str, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    uri, before = put_model(), everything()
    asked = ("deploy", "--plan", "--model-uri", uri, "--endpoint-name", "fashion", "--json")
    done = stygig(*asked, cwd=tmp_path, PREFECT_API_URL=prefect_backend, STYGIG_BUCKET=BUCKET)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["findings"] == []
    (endpoint,) = (each for each in said["resources"] if each["kind"] == "endpoint")
    assert (endpoint["name"], endpoint["would"], endpoint["exists"]) == ("fashion", "create", False)
    assert endpoint["usd_per_hour"] == 0.115
    assert endpoint["tags"] == said["tags"]
    assert everything() == before
    assert list(tmp_path.iterdir()) == [], "there is no endpoint that async_endpoint_info.json could name"


def test_findings_end_a_plan_with_2_after_its_table(prefect_backend: str, tmp_path: Path) -> None:
    before = everything()
    done = stygig("deploy", "--plan", cwd=tmp_path, PREFECT_API_URL=prefect_backend, STYGIG_EXECUTION_ROLE_ARN="")
    assert done.returncode == 2
    assert done.stdout.count("FINDING") == 2
    assert done.stdout.endswith("nothing was made; 2 findings would stop the run\n")
    assert done.stderr.splitlines()[-1].startswith("error: 2 findings would stop the run: ")
    assert everything() == before
    as_json = stygig(
        "deploy", "--plan", "--json", cwd=tmp_path, PREFECT_API_URL=prefect_backend, STYGIG_EXECUTION_ROLE_ARN=""
    )
    said = json.loads(as_json.stdout)
    assert (as_json.returncode, len(said["findings"])) == (2, 2)
    assert said["error"].startswith("2 findings would stop the run: ")


@pytest.mark.slow
def test_a_night_on_an_embedded_aws_of_its_own_is_planned(tmp_path: Path) -> None:
    done = stygig("nightly", "--local", "--plan", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "nothing was made; nothing stands in the run's way"
    assert sum(line.startswith("create  endpoint  ") for line in lines) == 2
    assert "Inventory" not in done.stdout
    assert not (tmp_path / "reports").exists()
