from __future__ import annotations

from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.deployments.localaws.cloud import Cloud

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
VARIANT = {"VariantName": "AllTraffic", "ModelName": "model", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
SERVERLESS = {
    "VariantName": "AllTraffic",
    "ModelName": "model",
    "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5},
}
ASYNC = {"OutputConfig": {"S3OutputPath": "s3://models/out"}}


def refusal(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    return str(refused.value.response["Error"]["Message"])


def async_with(**members: Any) -> dict[str, Any]:
    return {**ASYNC, **members}


@pytest.fixture
def modelled(cloud: Cloud) -> Cloud:
    cloud.model()
    return cloud


@pytest.mark.parametrize(
    ("request_members", "text"),
    [
        ({"EndpointConfigName": "bad_name!"}, "at 'endpointConfigName' failed to satisfy constraint"),
        ({"EndpointConfigName": "n" * 64}, "less than or equal to 63"),
        ({"ProductionVariants": [{**VARIANT, "ModelName": "nobody"}]}, f'Could not find model "{ARN}:model/nobody".'),
        ({"ProductionVariants": [{**VARIANT, "InstanceType": "ml.x1.tiny"}]}, "enum value set"),
        ({"ProductionVariants": [VARIANT, VARIANT]}, "must be unique"),
        (
            {"ProductionVariants": [{"VariantName": "a", "ModelName": "model"}]},
            "Production variant a lacks InstanceType or InstancePools and InitialInstanceCount.",
        ),
        ({"ProductionVariants": [SERVERLESS], "AsyncInferenceConfig": ASYNC}, "not supported for serverless"),
        (
            {"ProductionVariants": [VARIANT, {**VARIANT, "VariantName": "b"}], "AsyncInferenceConfig": ASYNC},
            "single production variant",
        ),
        ({"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "not-s3"}}}, "at 'asyncInferenceConfig.output"),
        (
            {"AsyncInferenceConfig": async_with(ClientConfig={"MaxConcurrentInvocationsPerInstance": 1001})},
            "less than or equal to 1000",
        ),
        (
            {"ProductionVariants": [{**VARIANT, "ContainerStartupHealthCheckTimeoutInSeconds": 3601}]},
            "less than or equal to 3600",
        ),
        (
            {"ProductionVariants": [{**VARIANT, "ModelDataDownloadTimeoutInSeconds": 3601}]},
            "less than or equal to 3600",
        ),
    ],
)
def test_a_configuration_against_the_rules_is_refused(modelled: Cloud, request_members: Any, text: str) -> None:
    request = {"EndpointConfigName": "config", "ProductionVariants": [VARIANT], **request_members}
    assert text in refusal(modelled.sagemaker.create_endpoint_config, **request)


@pytest.mark.parametrize("instance_type", ["ml.g5.xlarge", "ml.c7i.large", "ml.inf2.xlarge", "ml.m5.large"])
def test_current_instance_types_are_known(modelled: Cloud, instance_type: str) -> None:
    modelled.config(variant={"InstanceType": instance_type})


@pytest.mark.parametrize(
    ("request_members", "text"),
    [
        ({"ModelName": "bad_name!"}, "at 'modelName' failed to satisfy constraint"),
        ({"ExecutionRoleArn": "arn:aws:iam::123456789012:role/nobody"}, "Could not assume role"),
        ({"PrimaryContainer": {"Image": "i", "Environment": {"A": "v" * 1025}}}, "less than or equal to 1024"),
        ({"PrimaryContainer": {"Image": "i", "ModelDataUrl": "/local"}}, "at 'primaryContainer.modelDataUrl'"),
        ({"PrimaryContainer": None}, "needs a PrimaryContainer"),
        ({"PrimaryContainer": {}}, "needs an Image"),
        ({"Containers": [{"Image": "i"}]}, "cannot both be specified"),
        ({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}, "must be unique"),
        ({"Tags": [{"Key": "aws:a", "Value": "1"}]}, "reserved"),
    ],
)
def test_a_model_against_the_rules_is_refused(cloud: Cloud, request_members: Any, text: str) -> None:
    request = {"ModelName": "model", "PrimaryContainer": {"Image": "i"}, **request_members}
    request = {name: value for name, value in request.items() if value is not None}
    assert text in refusal(cloud.sagemaker.create_model, **request)


def test_names_already_taken_are_refused_whatever_their_case(modelled: Cloud) -> None:
    create = modelled.sagemaker.create_model
    taken = refusal(create, ModelName="MODEL", PrimaryContainer={"Image": "i"})
    assert taken == f'Cannot create already existing model "{ARN}:model/model".'
    modelled.config()
    create = modelled.sagemaker.create_endpoint_config
    taken = refusal(create, EndpointConfigName="config", ProductionVariants=[VARIANT])
    assert taken == f'Cannot create already existing endpoint configuration "{ARN}:endpoint-config/config".'
    modelled.endpoint(status=None)
    taken = refusal(modelled.sagemaker.create_endpoint, EndpointName="endpoint", EndpointConfigName="config")
    assert taken == f'Cannot create already existing endpoint "{ARN}:endpoint/endpoint".'


def test_what_is_missing_is_named(cloud: Cloud) -> None:
    client = cloud.sagemaker
    assert refusal(client.describe_model, ModelName="x") == f'Could not find model "{ARN}:model/x".'
    config = f'Could not find endpoint configuration "{ARN}:endpoint-config/x".'
    assert refusal(client.describe_endpoint_config, EndpointConfigName="x") == config
    assert refusal(client.create_endpoint, EndpointName="e", EndpointConfigName="x") == config
    missing = f'Could not find endpoint "{ARN}:endpoint/x".'
    assert refusal(client.delete_endpoint, EndpointName="x") == missing
    assert refusal(client.update_endpoint, EndpointName="x", EndpointConfigName="y") == missing


def test_descriptions_give_back_what_was_created_and_no_empty_structures(modelled: Cloud) -> None:
    modelled.async_config()
    model = modelled.sagemaker.describe_model(ModelName="model")
    config = modelled.sagemaker.describe_endpoint_config(EndpointConfigName="config")
    assert model["PrimaryContainer"]["Image"] == "image:1"
    assert config["ProductionVariants"] == [VARIANT]
    assert config["AsyncInferenceConfig"]["ClientConfig"] == {"MaxConcurrentInvocationsPerInstance": 4}
    for answer in (model, config):
        assert [name for name, value in answer.items() if value in ({}, [], None)] == []


def test_an_endpoint_describes_its_asynchronous_configuration_and_images(modelled: Cloud) -> None:
    modelled.async_config()
    modelled.endpoint()
    description = modelled.sagemaker.describe_endpoint(EndpointName="endpoint")
    assert description["AsyncInferenceConfig"]["OutputConfig"] == {"S3OutputPath": "s3://models/out"}
    [variant] = description["ProductionVariants"]
    assert variant["DeployedImages"][0]["SpecifiedImage"] == "image:1"
    assert (variant["CurrentWeight"], variant["DesiredWeight"]) == (1.0, 1.0)
    assert "VariantStatus" not in variant


def test_deleting_a_model_and_a_configuration_frees_their_names(modelled: Cloud) -> None:
    modelled.config()
    modelled.sagemaker.delete_endpoint_config(EndpointConfigName="config")
    modelled.sagemaker.delete_model(ModelName="model")
    modelled.model()
    modelled.config()


def test_lists_page_filter_and_sort(cloud: Cloud) -> None:
    for number in range(12):
        cloud.sagemaker.create_model(ModelName=f"model-{number:02}", PrimaryContainer={"Image": "i"})
    cloud.sagemaker.create_model(ModelName="other", PrimaryContainer={"Image": "i"})
    names = [model["ModelName"] for model in cloud.sagemaker.list_models()["Models"]]
    assert names[0] == "other"
    assert len(names) == 10
    paginator = cloud.sagemaker.get_paginator("list_models")
    pages = list(paginator.paginate(NameContains="MODEL-", SortBy="Name", SortOrder="Ascending", MaxResults=5))
    assert [len(page["Models"]) for page in pages] == [5, 5, 2]
    assert [m["ModelName"] for page in pages for m in page["Models"]] == [f"model-{n:02}" for n in range(12)]
    for token in ("LTU=", "no token"):
        assert "is not one that a List operation answered" in refusal(cloud.sagemaker.list_models, NextToken=token)


def test_more_instances_of_a_type_than_the_quota_are_refused(modelled: Cloud) -> None:
    modelled.async_config()
    modelled.config("many", variant={"InitialInstanceCount": 20}, AsyncInferenceConfig=ASYNC)
    modelled.config("too-many", variant={"InitialInstanceCount": 21})
    client = modelled.sagemaker
    with pytest.raises(ClientError, match=r"is 20 Instances, with current utilization of 0 .* delta of 21") as refused:
        client.create_endpoint(EndpointName="other", EndpointConfigName="too-many")
    assert refused.value.response["Error"]["Code"] == "ResourceLimitExceeded"
    modelled.endpoint()
    assert [each["EndpointName"] for each in client.list_endpoints()["Endpoints"]] == ["endpoint"]
    with pytest.raises(ClientError, match=r"utilization of 1 .* delta of 20"):
        client.update_endpoint(EndpointName="endpoint", EndpointConfigName="many")
    with pytest.raises(ClientError, match=r"utilization of 1 .* delta of 20"):
        modelled.rescale(21)


def test_endpoints_are_listed_by_status(modelled: Cloud) -> None:
    modelled.config()
    modelled.endpoint()
    client = modelled.sagemaker
    [summary] = client.list_endpoints(StatusEquals="InService", NameContains="end")["Endpoints"]
    assert (summary["EndpointName"], summary["EndpointStatus"]) == ("endpoint", "InService")
    assert client.list_endpoints(StatusEquals="Failed")["Endpoints"] == []
    assert client.list_endpoints(CreationTimeAfter=summary["CreationTime"])["Endpoints"] == []
    assert [c["EndpointConfigName"] for c in client.list_endpoint_configs()["EndpointConfigs"]] == ["config"]


def test_tags_are_kept_added_and_removed(modelled: Cloud) -> None:
    client = modelled.sagemaker
    request = {"EndpointConfigName": "config", "ProductionVariants": [VARIANT]}
    tag = {"Key": "owner", "Value": "me"}
    arn = client.create_endpoint_config(**request, Tags=[tag])["EndpointConfigArn"]
    assert client.list_tags(ResourceArn=arn)["Tags"] == [tag]
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "run", "Value": "1"}])
    client.delete_tags(ResourceArn=arn, TagKeys=["owner"])
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "run", "Value": "1"}]
    many = [{"Key": f"key-{number}", "Value": ""} for number in range(50)]
    assert "at most 50 tags" in refusal(client.add_tags, ResourceArn=arn, Tags=many)
    assert "Could not find resource" in refusal(client.list_tags, ResourceArn=f"{ARN}:model/nobody")


def test_tags_of_a_deleted_resource_do_not_return(modelled: Cloud) -> None:
    client = modelled.sagemaker
    arn = f"{ARN}:model/model"
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "old", "Value": "1"}])
    client.delete_model(ModelName="model")
    modelled.model()
    assert client.list_tags(ResourceArn=arn)["Tags"] == []


def test_regions_are_apart(modelled: Cloud) -> None:
    elsewhere = modelled.client("sagemaker", region_name="eu-west-1")
    assert elsewhere.list_models()["Models"] == []


@pytest.mark.parametrize(
    ("operation", "request_members", "text"),
    [
        ("list_models", {"MaxResults": "x"}, "STRING_VALUE can not be converted to Integer"),
        ("list_models", {"MaxResults": True}, "BOOLEAN_VALUE can not be converted to Integer"),
        ("describe_model", {"ModelName": 5}, "NUMBER_VALUE can not be converted to String"),
        ("describe_model", {"ModelName": ["a"]}, "Start of list found where not expected"),
    ],
)
def test_values_of_other_types_are_not_read(cloud: Cloud, operation: str, request_members: Any, text: str) -> None:
    unchecked = cloud.client("sagemaker", config=Config(parameter_validation=False))
    with pytest.raises(ClientError) as refused:
        getattr(unchecked, operation)(**request_members)
    assert refused.value.response["Error"] == {"Code": "SerializationException", "Message": text}


def test_an_operation_that_is_not_there_is_a_clear_error(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as refused:
        cloud.sagemaker.list_training_jobs()
    assert refused.value.response["Error"]["Code"] == "UnknownOperationException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert refused.value.response["ResponseMetadata"]["RetryAttempts"] == 0


@pytest.mark.parametrize(
    ("service", "operation", "request_members"),
    [
        ("application-autoscaling", "list_tags_for_resource", {"ResourceARN": "arn"}),
        ("cloudwatch", "describe_anomaly_detectors", {}),
        ("iam", "get_context_keys_for_custom_policy", {"PolicyInputList": ["{}"]}),
    ],
)
def test_what_moto_does_not_implement_is_a_clear_error(
    cloud: Cloud, service: str, operation: str, request_members: Any
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(cloud.client(service), operation)(**request_members)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "does not implement" in refused.value.response["Error"]["Message"]
