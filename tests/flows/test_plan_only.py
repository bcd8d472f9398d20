"""Runs that only say what they would do: nothing is made, and what would stop them is told at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

from flows.deploy_endpoint import deploy_endpoint
from flows.nightly_validation import nightly_validation
from tasks.errors import InputError
from tasks.planning.planned import PlanOfRun
from tests.tasks.account import everything
from tests.tasks.deployed import BUCKET, put_model

pytestmark = pytest.mark.usefixtures("prefect_backend", "local_aws")


@pytest.fixture
def model_uri(monkeypatch: pytest.MonkeyPatch) -> str:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    monkeypatch.setenv("STYGIG_BUCKET", BUCKET)
    return put_model()


def plan_of(flow: Callable[..., Any], **parameters: Any) -> PlanOfRun:
    found = flow(**parameters, plan_only=True)
    assert isinstance(found, PlanOfRun)
    return found


def kinds(found: PlanOfRun) -> list[str]:
    return [each.kind for each in found.resources]


def test_a_night_in_an_empty_account_is_planned_and_the_account_stays_empty(tmp_path: Path) -> None:
    before = everything()
    found = plan_of(nightly_validation)
    assert everything() == before
    assert before["objects"] == {}
    assert found.findings == []
    assert kinds(found).count("endpoint") == kinds(found).count("topic") == 2
    assert {each.would for each in found.resources} == {"create"}
    assert list(tmp_path.iterdir()) == [], "no folder for reports either"


def test_a_folder_of_a_model_is_not_packaged(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text("raise SystemExit('it is not even imported')")
    bodies = tmp_path / "bodies"
    bodies.mkdir()
    for number in range(20):
        (bodies / f"{number}.json").write_text("{}")
    found = plan_of(nightly_validation, model_dir=str(tmp_path), requests=str(bodies))
    assert {each.name for each in found.resources if each.kind == "model"} == {"decided by packaging"}
    assert any(check.line.startswith("requests: 20 from ") for check in found.checks)


def test_a_deployment_is_planned_and_shown_in_prefect(model_uri: str) -> None:
    before = everything()
    found = plan_of(deploy_endpoint, model_uri=model_uri, endpoint_name="fashion")
    assert everything() == before
    assert [each.would for each in found.resources if each.name == "fashion"] == ["create"]
    with get_client(sync_client=True) as client:
        (artifact,) = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[found.run_id]))
        )
    assert artifact.key == "plan"
    for each in found.resources:
        assert f"| {each.would} | {each.kind}" in str(artifact.data)


def test_findings_fail_the_run_with_the_plan_and_nothing_is_made(
    model_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYGIG_EXECUTION_ROLE_ARN", "")
    elsewhere = "arn:aws:sns:eu-west-1:123456789012:absent"
    before = everything()
    with pytest.raises(InputError, match=r"2 findings would stop the run: .*ROLE_ARN is not set.*eu-west-1") as raised:
        deploy_endpoint(model_uri=model_uri, sns_topic_arn=elsewhere, plan_only=True)
    assert everything() == before
    assert isinstance(raised.value.result, PlanOfRun)
    assert len(raised.value.result.findings) == 2
    assert raised.value.exit_status == 2


def test_a_wrong_parameter_is_refused_before_there_is_a_plan() -> None:
    with pytest.raises(InputError, match="is no SNS topic ARN"):
        deploy_endpoint(sns_topic_arn="mine", plan_only=True)
