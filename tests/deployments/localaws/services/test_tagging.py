"""The Resource Groups Tagging API finds what the hosting holds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deployments.localaws.cloud import BUCKET, Cloud

TAGS = [{"Key": "run", "Value": "1"}]


def arn(resource: str) -> str:
    return f"arn:aws:sagemaker:us-east-1:123456789012:{resource}"


@pytest.fixture
def tagged(cloud: Cloud) -> Cloud:
    """A model, a configuration and a topic with tags, and a model without."""
    cloud.model("bare")
    cloud.sagemaker.create_model(
        ModelName="model", ExecutionRoleArn=cloud.aws.execution_role_arn, PrimaryContainer={"Image": "i:1"}, Tags=TAGS
    )
    cloud.config("config", Tags=[*TAGS, {"Key": "stage", "Value": "test"}])
    cloud.client("sns").create_topic(Name="topic", Tags=TAGS)
    return cloud


def found(cloud: Cloud, **request: Any) -> dict[str, dict[str, str]]:
    paginator = cloud.client("resourcegroupstaggingapi").get_paginator("get_resources")
    return {
        each["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in each["Tags"]}
        for page in paginator.paginate(**request)
        for each in page["ResourceTagMappingList"]
    }


def test_the_hostings_resources_are_listed_with_their_tags_beside_motos(tagged: Cloud) -> None:
    expected = {
        arn("model/model"): {"run": "1"},
        arn("endpoint-config/config"): {"run": "1", "stage": "test"},
        "arn:aws:sns:us-east-1:123456789012:topic": {"run": "1"},
    }
    assert found(tagged) == expected
    assert found(tagged, ResourcesPerPage=1) == expected


def test_filters_by_tag_and_by_type(tagged: Cloud) -> None:
    assert list(found(tagged, TagFilters=[{"Key": "stage"}])) == [arn("endpoint-config/config")]
    assert found(tagged, TagFilters=[{"Key": "run", "Values": ["2"]}]) == {}
    assert list(found(tagged, ResourceTypeFilters=["sagemaker:model"])) == [arn("model/model")]
    assert len(found(tagged, ResourceTypeFilters=["sagemaker"])) == 2
    assert found(tagged, ResourceTypeFilters=["sagemaker:endpoint"]) == {}
    assert found(tagged, ResourceARNList=[arn("model/model")]) == {arn("model/model"): {"run": "1"}}


def test_an_endpoint_is_listed_until_it_is_deleted(tagged: Cloud) -> None:
    tagged.sagemaker.create_endpoint(EndpointName="endpoint", EndpointConfigName="config", Tags=TAGS)
    endpoints = {"ResourceTypeFilters": ["sagemaker:endpoint"], "TagFilters": [{"Key": "run", "Values": ["1"]}]}
    assert list(found(tagged, **endpoints)) == [arn("endpoint/endpoint")]
    tagged.aws.reset()
    assert found(tagged) == {}


def test_tags_are_set_and_removed_through_it(tagged: Cloud) -> None:
    tagging = tagged.client("resourcegroupstaggingapi")
    missing = arn("model/missing")
    answer = tagging.tag_resources(ResourceARNList=[arn("model/bare"), missing], Tags={"owner": "me"})
    assert list(answer["FailedResourcesMap"]) == [missing]
    assert tagged.sagemaker.list_tags(ResourceArn=arn("model/bare"))["Tags"] == [{"Key": "owner", "Value": "me"}]
    tagging.untag_resources(ResourceARNList=[arn("model/bare")], TagKeys=["owner"])
    assert tagged.sagemaker.list_tags(ResourceArn=arn("model/bare"))["Tags"] == []


def test_another_region_has_its_own(tagged: Cloud) -> None:
    elsewhere = tagged.client("resourcegroupstaggingapi", region_name="eu-west-1")
    assert elsewhere.get_resources()["ResourceTagMappingList"] == []
    tagged.s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": TAGS})
    assert len(found(tagged)) == 4
