"""The kinds of production variants: instances of one type, of several in turn, or serverless."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployments.localaws.cloud import HANDLER, Cloud

NAMED = {"VariantName": "AllTraffic", "ModelName": "model"}
POOLS = [
    {"InstanceType": "ml.g5.xlarge", "Priority": 2, "ModelNameOverride": "model"},
    {"InstanceType": "ml.g6.xlarge", "Priority": 1},
]
POOLED = {**NAMED, "InitialInstanceCount": 1, "InstancePools": POOLS}
SINGLE = {**NAMED, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
MEMORY = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
SERVERLESS = {**NAMED, "ServerlessConfig": MEMORY}
ASYNC = {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://models/out"}}}
CAPTURE = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://models/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}


@pytest.fixture
def modelled(cloud: Cloud) -> Cloud:
    cloud.model()
    return cloud


def create(cloud: Cloud, *variants: dict[str, Any], **more: Any) -> None:
    cloud.sagemaker.create_endpoint_config(EndpointConfigName="config", ProductionVariants=list(variants), **more)


def test_instance_pools_stand_for_an_instance_type_and_the_lowest_priority_number_is_chosen(modelled: Cloud) -> None:
    create(modelled, POOLED, **ASYNC)
    described = modelled.sagemaker.describe_endpoint_config(EndpointConfigName="config")
    assert described["ProductionVariants"] == [POOLED]
    modelled.endpoint()
    [variant] = modelled.sagemaker.describe_endpoint(EndpointName="endpoint")["ProductionVariants"]
    assert variant["InstancePools"] == [
        {"InstanceType": "ml.g6.xlarge", "CurrentInstanceCount": 1},
        {"InstanceType": "ml.g5.xlarge", "CurrentInstanceCount": 0},
    ]
    with pytest.raises(ClientError, match=r"'ml\.g6\.xlarge for endpoint usage' is 20 Instances"):
        modelled.rescale(21)


def test_the_chosen_pools_own_model_is_served_and_every_pools_model_must_exist(modelled: Cloud) -> None:
    modelled.model("optimised", HANDLER.replace("return 2", "return 3"))
    first = {"InstanceType": "ml.g6.xlarge", "Priority": 1, "ModelNameOverride": "optimised"}
    second = {"InstanceType": "ml.g5.xlarge", "Priority": 2, "ModelNameOverride": "nobody"}
    with pytest.raises(ClientError, match=r"Could not find model .*nobody"):
        create(modelled, {**POOLED, "InstancePools": [first, second]})
    create(modelled, {**POOLED, "InstancePools": [first]})
    modelled.endpoint()
    assert modelled.invoke({"x": 1})["x"] == 3


@pytest.mark.parametrize(
    ("variants", "more", "text"),
    [
        ([{**POOLED, "InstanceType": "ml.m5.large"}], {}, "has both InstanceType and InstancePools"),
        ([{**NAMED, "InitialInstanceCount": 1}], {}, "lacks InstanceType or InstancePools."),
        ([{**POOLED, "InstancePools": [{**POOLS[0], "Priority": 6}]}], {}, "less than or equal to 5"),
        ([{**POOLED, "InstancePools": POOLS * 3}], {}, "less than or equal to 5"),
        ([{**SERVERLESS, "InstancePools": POOLS}], {}, "has both ServerlessConfig and an instance type, pools"),
        (
            [{**SINGLE, "ManagedInstanceScaling": {"Status": "ENABLED"}}],
            {},
            "ManagedInstanceScaling is only supported for inference component endpoints.",
        ),
        ([{"VariantName": "a", "InitialInstanceCount": 1}], {}, "inference components are not served"),
        ([SERVERLESS], ASYNC, "not supported for serverless production variants"),
        ([SINGLE], {**ASYNC, "ShadowProductionVariants": [{**SINGLE, "VariantName": "b"}]}, "a single production var"),
        ([SERVERLESS, {**SERVERLESS, "VariantName": "b"}], {}, "does not support multiple production variants"),
        ([SERVERLESS], {"DataCaptureConfig": CAPTURE}, "does not support DataCaptureConfig"),
        ([{**SERVERLESS, "ServerlessConfig": {**MEMORY, "MemorySizeInMB": 2000}}], {}, "1024, 2048, 3072"),
        (
            [{**SERVERLESS, "ServerlessConfig": {**MEMORY, "ProvisionedConcurrency": 6}}],
            {},
            "must not exceed MaxConcurrency, which is 5; found 6",
        ),
    ],
)
def test_combinations_that_contradict_each_other_are_refused(
    modelled: Cloud, variants: list[dict[str, Any]], more: dict[str, Any], text: str
) -> None:
    with pytest.raises(ClientError) as refused:
        create(modelled, *variants, **more)
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert text in error["Message"]
