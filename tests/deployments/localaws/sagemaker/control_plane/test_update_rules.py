"""The parts of an update that AWS refuses, and those it lets through."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployments.localaws.cloud import HANDLER, Cloud

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/endpoint/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
AT_ONCE = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": 0,
    }
}
HALF = {"Type": "CAPACITY_PERCENT", "Value": 50}
MORE_THAN_HALF = {"Type": "CAPACITY_PERCENT", "Value": 51}


@pytest.fixture
def real_time(cloud: Cloud) -> Cloud:
    cloud.model()
    cloud.config()
    cloud.endpoint()
    return cloud


@pytest.fixture
def asynchronous(cloud: Cloud) -> Cloud:
    cloud.model()
    cloud.async_config()
    cloud.endpoint()
    return cloud


def refusal(cloud: Cloud, config: str, **more: Any) -> str:
    with pytest.raises(ClientError) as refused:
        cloud.sagemaker.update_endpoint(EndpointName="endpoint", EndpointConfigName=config, **more)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert cloud.sagemaker.describe_endpoint(EndpointName="endpoint")["EndpointStatus"] == "InService"
    return str(refused.value.response["Error"]["Message"])


def update(cloud: Cloud, config: str, **more: Any) -> dict[str, Any]:
    cloud.sagemaker.update_endpoint(EndpointName="endpoint", EndpointConfigName=config, **more)
    description = cloud.settle()
    assert description["EndpointConfigName"] == config
    return description


def routing(kind: str, **sizes: Any) -> dict[str, Any]:
    configuration = {"Type": kind, "WaitIntervalInSeconds": 0, **sizes}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": configuration}}


def test_an_asynchronous_endpoint_stays_asynchronous(asynchronous: Cloud) -> None:
    asynchronous.config("real-time")
    text = refusal(asynchronous, "real-time")
    assert text.startswith("The AsyncInferenceConfig parameter cannot be removed from this endpoint endpoint. To cha")
    asynchronous.async_config("other", concurrency=2)
    described = update(asynchronous, "other")
    assert described["AsyncInferenceConfig"]["ClientConfig"] == {"MaxConcurrentInvocationsPerInstance": 2}


def test_a_real_time_endpoint_becomes_neither_asynchronous_nor_serverless(real_time: Cloud) -> None:
    real_time.async_config("asynchronous")
    serverless = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
    variant = {"VariantName": "AllTraffic", "ModelName": "model", **serverless}
    real_time.sagemaker.create_endpoint_config(EndpointConfigName="serverless", ProductionVariants=[variant])
    assert "parameter cannot be added to this endpoint endpoint." in refusal(real_time, "asynchronous")
    assert "to a serverless endpoint is currently not supported" in refusal(real_time, "serverless")


def test_a_scaled_variant_keeps_its_instance_type_but_may_have_another_model(asynchronous: Cloud) -> None:
    cloud = asynchronous
    cloud.model("second", HANDLER.replace("return 2", "return 3"))
    for name, variant in {
        "larger": {"InstanceType": "ml.m5.xlarge"},
        "renamed": {"VariantName": "Other"},
        "next": {"ModelName": "second"},
    }.items():
        output = {"OutputConfig": {"S3OutputPath": "s3://models/out"}}
        cloud.config(name, variant=variant, AsyncInferenceConfig=output)
    scaling = cloud.client("application-autoscaling")
    scaling.register_scalable_target(**TARGET, MinCapacity=0, MaxCapacity=2)
    assert "cannot be given another instance type. Deregister the scalable target" in refusal(cloud, "larger")
    assert 'The variant "AllTraffic"' in refusal(cloud, "renamed")
    update(cloud, "next")
    assert len(scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]) == 1
    scaling.deregister_scalable_target(**TARGET)
    update(cloud, "larger")
    update(cloud, "renamed")


def test_without_its_current_configuration_an_endpoint_can_only_be_described_and_deleted(asynchronous: Cloud) -> None:
    cloud = asynchronous
    cloud.async_config("next")
    cloud.sagemaker.delete_endpoint_config(EndpointConfigName="config")
    missing = f'Could not find endpoint configuration "{ARN}:endpoint-config/config".'
    assert refusal(cloud, "next") == missing
    with pytest.raises(ClientError) as refused:
        cloud.rescale(2)
    assert refused.value.response["Error"]["Message"] == missing
    assert cloud.sagemaker.describe_endpoint(EndpointName="endpoint")["EndpointConfigName"] == "config"
    cloud.delete()


def test_a_configuration_of_the_same_name_made_anew_lets_the_endpoint_be_updated(asynchronous: Cloud) -> None:
    asynchronous.async_config("next")
    asynchronous.sagemaker.delete_endpoint_config(EndpointConfigName="config")
    asynchronous.async_config("config")
    update(asynchronous, "next")


def test_a_deployment_configuration_is_kept_and_asks_for_the_same_variant_names(real_time: Cloud) -> None:
    real_time.config("renamed", variant={"VariantName": "Other"})
    assert "the same variant names" in refusal(real_time, "renamed", DeploymentConfig=AT_ONCE)
    assert update(real_time, "config", DeploymentConfig=AT_ONCE)["LastDeploymentConfig"] == AT_ONCE
    assert "the same variant names" in refusal(real_time, "renamed", RetainDeploymentConfig=True)
    assert "LastDeploymentConfig" not in update(real_time, "renamed")


@pytest.mark.parametrize(
    ("deployment", "text"),
    [
        (routing("CANARY"), "Traffic routing of type CANARY needs a CanarySize"),
        (routing("CANARY", CanarySize=MORE_THAN_HALF), "CanarySize must be 1 to 50 percent of the capacity; found 51"),
        (routing("LINEAR", LinearStepSize=MORE_THAN_HALF), "LinearStepSize must be 10 to 50 percent"),
        ({"RollingUpdatePolicy": {"MaximumBatchSize": MORE_THAN_HALF, "WaitIntervalInSeconds": 0}}, "5 to 50 percent"),
        (
            {**AT_ONCE, "RollingUpdatePolicy": {"MaximumBatchSize": HALF, "WaitIntervalInSeconds": 0}},
            "Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy",
        ),
    ],
)
def test_a_deployment_configuration_that_contradicts_itself_is_refused(
    real_time: Cloud, deployment: dict[str, Any], text: str
) -> None:
    assert text in refusal(real_time, "config", DeploymentConfig=deployment)
    with pytest.raises(ClientError, match=text):
        real_time.sagemaker.create_endpoint(
            EndpointName="other", EndpointConfigName="config", DeploymentConfig=deployment
        )
