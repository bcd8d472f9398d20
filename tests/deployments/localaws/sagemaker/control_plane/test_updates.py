"""Updates: what they keep, show and roll back, and what the instances cost meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deployments.localaws.cloud import BUCKET, STANDING, Cloud

LOADS_WHEN_TOLD = """
import boto3, time
def model_fn(model_dir):
    s3 = boto3.client("s3")
    while "Contents" not in s3.list_objects_v2(Bucket="models", Prefix="go"): time.sleep(0.02)
def transform_fn(model, body, content_type, accept): return body
"""


def variant(cloud: Cloud) -> dict[str, Any]:
    described: dict[str, Any]
    [described] = cloud.sagemaker.describe_endpoint(EndpointName="endpoint")["ProductionVariants"]
    return described


def counts(cloud: Cloud) -> tuple[int, int]:
    """The current and the desired number of instances."""
    described = variant(cloud)
    return described["CurrentInstanceCount"], described["DesiredInstanceCount"]


def statuses(cloud: Cloud) -> list[str]:
    return [entry.fields["status"] for entry in cloud.aws.journal.entries("endpoint.status", endpoint="endpoint")]


def update(cloud: Cloud, config: str, **more: Any) -> None:
    cloud.sagemaker.update_endpoint(EndpointName="endpoint", EndpointConfigName=config, **more)
    assert cloud.settle()["EndpointConfigName"] == config


def test_an_update_takes_counts_and_weights_from_the_new_configuration_unless_they_are_retained(cloud: Cloud) -> None:
    cloud.model()
    cloud.async_config()
    cloud.async_config("next")
    cloud.endpoint()
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 0, "DesiredWeight": 3}]
    cloud.sagemaker.update_endpoint_weights_and_capacities(EndpointName="endpoint", DesiredWeightsAndCapacities=wanted)
    cloud.settle()
    update(cloud, "next", RetainAllVariantProperties=True)
    assert (counts(cloud), variant(cloud)["DesiredWeight"]) == ((0, 0), 3.0)
    excluded = [{"VariantPropertyType": "DesiredInstanceCount"}]
    update(cloud, "config", RetainAllVariantProperties=True, ExcludeRetainedVariantProperties=excluded)
    assert (counts(cloud), variant(cloud)["DesiredWeight"]) == ((1, 1), 3.0)
    cloud.rescale(0)
    cloud.settle()
    update(cloud, "next", ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}])
    assert (counts(cloud), variant(cloud)["DesiredWeight"]) == ((1, 1), 1.0)


def test_counts_move_while_a_new_instance_starts(cloud: Cloud) -> None:
    cloud.model(handler=LOADS_WHEN_TOLD)
    cloud.s3.put_object(Bucket=BUCKET, Key="go")
    cloud.config()
    cloud.endpoint()
    cloud.s3.delete_object(Bucket=BUCKET, Key="go")
    cloud.rescale(2)
    assert counts(cloud) == (1, 2)
    assert variant(cloud)["VariantStatus"][0]["Status"] == "Updating"
    cloud.s3.put_object(Bucket=BUCKET, Key="go")
    cloud.settle()
    assert counts(cloud) == (2, 2)
    assert "VariantStatus" not in variant(cloud)


def test_a_failed_change_of_capacity_is_rolled_back(cloud: Cloud) -> None:
    cloud.model()
    cloud.config()
    cloud.endpoint()
    cloud.s3.delete_object(Bucket=BUCKET, Key="model.tar.gz")
    cloud.rescale(2)
    assert "Could not find model data" in cloud.settle()["FailureReason"]
    assert statuses(cloud) == ["Creating", "InService", "Updating", "RollingBack", "InService"]
    assert counts(cloud) == (1, 1)
    assert cloud.invoke({"x": 1})["x"] == 2


def test_each_instance_is_billed_from_launch_to_termination(cloud: Cloud) -> None:
    cloud.aws.clock.rate = STANDING
    cloud.model()
    cloud.async_config()
    cloud.endpoint()
    cloud.aws.advance(100)
    assert cloud.aws.billed_seconds("endpoint")["AllTraffic"] == pytest.approx(100, abs=0.01)
    cloud.rescale(2)
    cloud.settle()
    cloud.aws.advance(50)
    cloud.rescale(0)
    cloud.settle()
    cloud.aws.advance(1000)
    terminated = [entry.fields["billed_seconds"] for entry in cloud.aws.journal.entries("instance.terminated")]
    assert sorted(terminated) == pytest.approx([50, 150], abs=0.01)
    assert cloud.aws.billed_seconds("endpoint")["AllTraffic"] == pytest.approx(sum(terminated))


def test_host_metrics_have_one_datapoint_for_each_instance_a_minute(cloud: Cloud) -> None:
    cloud.aws.clock.rate = STANDING
    cloud.model()
    cloud.config(variant={"InitialInstanceCount": 2})
    cloud.endpoint()
    dimensions = {"EndpointName": "endpoint", "VariantName": "AllTraffic"}

    def metric(name: str, statistic: str) -> float:
        return cloud.metric(name, statistic, dimensions, "/aws/sagemaker/Endpoints")

    cloud.minutes(3)
    for name in ("DiskUtilization", "CPUUtilization", "MemoryUtilization"):
        assert metric(name, "SampleCount") == 6
    assert 0 < metric("MemoryUtilization", "Average") < 100
    assert metric("CPUUtilization", "Maximum") > 0
