"""Deploying: AWS describes what was asked for, and everything else gets a default that is logged."""

import re

import boto3
import pytest
from typer.testing import CliRunner

from flows.deploy_endpoint import deploy_endpoint
from localaws import LocalAws
from stygig.cli import app
from tasks.errors import InputError
from tasks.hosting.deploying import endpoint_config_request, start_endpoint
from tasks.hosting.endpoint import EndpointSpec
from tasks.hosting.notifications import create_messaging
from tasks.plan import RunPlan, plan_run
from tasks.settings import read_settings
from tests.acceptance.conftest import ANSWERS, Shop, described_config
from tests.tasks.deployed import deployed, put_model


def test_the_configuration_that_aws_describes_is_the_one_that_was_requested(plan: RunPlan) -> None:
    topics = create_messaging(plan)
    endpoint = deployed(plan, topics=topics)
    found = described_config(endpoint.name)
    variant = found["ProductionVariants"][0]
    requested = endpoint_config_request(
        spec=EndpointSpec("async", endpoint.model_uri),
        model_name=variant["ModelName"],
        output_path=endpoint.output_path,
        failure_path=endpoint.failure_path,
        topics=topics,
        tags=plan.tags,
    )
    assert requested.pop("Tags")
    assert requested["ProductionVariants"][0].items() <= variant.items()
    for name in ("AsyncInferenceConfig", "EndpointConfigName"):
        assert found[name] == requested[name]


def test_every_option_appears_in_the_configuration(shop: Shop) -> None:
    config = described_config("fashion")
    (variant,) = config["ProductionVariants"]
    output = config["AsyncInferenceConfig"]["OutputConfig"]
    assert variant["InstanceType"] == "ml.c5.large"
    assert config["AsyncInferenceConfig"]["ClientConfig"] == {"MaxConcurrentInvocationsPerInstance": 10}
    assert output["S3OutputPath"] == f"{ANSWERS}/"
    assert {output["NotificationConfig"][name] for name in ("SuccessTopic", "ErrorTopic")} == {shop.topic}
    model = boto3.client("sagemaker").describe_model(ModelName=variant["ModelName"])
    assert model["PrimaryContainer"]["ModelDataUrl"] == shop.model_uri


@pytest.mark.parametrize("asked", ["0", "1001", "-1", "many"])
def test_a_concurrency_out_of_range_is_refused_before_anything_is_asked_of_aws(asked: str) -> None:
    done = CliRunner().invoke(
        app, ["deploy", "--model-uri", "s3://bucket/m.tar.gz", "--max-concurrent-invocations", asked]
    )
    assert done.exit_code == 2


def test_with_the_model_alone_everything_else_is_settled_and_told(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    made = deploy_endpoint(model_uri=shop.model_uri)
    told = caplog.text
    (run_id,) = re.findall(r"Run ([0-9a-f-]{36}) in us-east-1, bucket stygig-123456789012-us-east-1, expires ", told)
    assert f"role {shop.environment['STYGIG_EXECUTION_ROLE_ARN']}: exists" in told
    assert f"asked for async endpoint {made.name} on ml.m5.large" in told
    assert made.name == f"stygig-async-{run_id[:13]}"
    output = described_config(made.name)["AsyncInferenceConfig"]["OutputConfig"]
    under = f"s3://stygig-123456789012-us-east-1/runs/{run_id}"
    assert (output["S3OutputPath"], output["S3FailurePath"]) == (f"{under}/output/", f"{under}/failure/")
    topics = output["NotificationConfig"]
    assert topics["SuccessTopic"] != topics["ErrorTopic"]
    assert made.topics
    assert (made.topics.success_arn, made.topics.error_arn) == (topics["SuccessTopic"], topics["ErrorTopic"])


@pytest.mark.parametrize(("startup", "download"), [(60, 3600), (1234, 60)])
def test_the_times_that_a_start_may_take_are_those_of_the_settings(
    plan: RunPlan, monkeypatch: pytest.MonkeyPatch, startup: int, download: int
) -> None:
    monkeypatch.setenv("STYGIG_CONTAINER_STARTUP_TIMEOUT_SECONDS", str(startup))
    monkeypatch.setenv("STYGIG_MODEL_DOWNLOAD_TIMEOUT_SECONDS", str(download))
    run = plan_run(plan.run_id, read_settings().model_copy(update={"bucket": plan.bucket}))
    endpoint = start_endpoint(run, EndpointSpec("async", put_model()), None)
    (variant,) = described_config(endpoint.name)["ProductionVariants"]
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == startup
    assert variant["ModelDataDownloadTimeoutInSeconds"] == download


@pytest.mark.parametrize("name", ["STYGIG_CONTAINER_STARTUP_TIMEOUT_SECONDS", "STYGIG_MODEL_DOWNLOAD_TIMEOUT_SECONDS"])
@pytest.mark.parametrize("value", ["59", "3601"])
def test_a_time_that_aws_would_refuse_is_refused_before_anything_is_asked_of_it(
    local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"{name} is '{value}'"):
        plan_run("any")
    assert local_aws.journal.entries("request") == []
