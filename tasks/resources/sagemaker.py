"""Models, endpoint configs and endpoints as resources of a run."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from tasks.clients import client, explained, missing_ok, region
from tasks.names import PREFIX, RUN_TAG
from tasks.prices import PriceNotFoundError, find_prices
from tasks.resources.kind import ResourceKind
from tasks.resources.resource import Resource, Unreadable, marked, tags_of


def run_of_endpoint(endpoint_name: str) -> str:
    """The id of the run that made an endpoint, from its tags; empty if it isn't ours."""
    with explained("sagemaker:DescribeEndpoint", endpoint_name):
        return tagged_run_of_endpoint(endpoint_name)


def tagged_run_of_endpoint(endpoint_name: str) -> str:
    """Like `run_of_endpoint`, with botocore's errors as they come."""
    arn = client("sagemaker").describe_endpoint(EndpointName=endpoint_name)["EndpointArn"]
    return _run_of_arn(arn)


def _run_of_arn(arn: str) -> str:
    return tags_of(client("sagemaker").list_tags(ResourceArn=arn)["Tags"]).get(RUN_TAG, "")


def _tagged(kind: str, operation: str, noun: str, **named: str) -> Iterator[Resource | Unreadable]:
    sagemaker = client("sagemaker")
    for page in sagemaker.get_paginator(operation).paginate(**named):
        for item in page[f"{noun}s"]:
            with missing_ok():  # SageMaker's listings have no tags: one call for each item
                marks = tags_of(sagemaker.list_tags(ResourceArn=item[f"{noun}Arn"])["Tags"])
                if found := marked(kind, item[f"{noun}Name"], marks, item["CreationTime"]):
                    yield found


def _look_at_endpoint(resource: Resource) -> Resource:
    endpoint = client("sagemaker").describe_endpoint(EndpointName=resource.name)
    return replace(resource, status=endpoint["EndpointStatus"])


def _endpoint_usd_per_hour(resource: Resource) -> float | None:
    """Dollars per hour of the instances that the endpoint has now."""
    sagemaker = client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName=resource.name)
    # only the config names the instance types, only the endpoint how many instances there are now
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    counts = {v["VariantName"]: v.get("CurrentInstanceCount", 0) for v in endpoint.get("ProductionVariants", [])}
    try:
        each = [counts.get(v["VariantName"], 0) * _usd_per_hour(v) for v in config["ProductionVariants"]]
    except PriceNotFoundError:
        return None
    return float(sum(each))


def _usd_per_hour(variant: dict[str, Any]) -> float:
    return find_prices(region(), variant.get("InstanceType", "")).hosting_usd_per_hour  # serverless ones have no type


def _look_at_model(resource: Resource) -> Resource:
    client("sagemaker").describe_model(ModelName=resource.name)
    return resource


def _look_at_config(resource: Resource) -> Resource:
    client("sagemaker").describe_endpoint_config(EndpointConfigName=resource.name)
    return resource


_OURS = PREFIX.rstrip("-")

MODEL = ResourceKind(
    "model",
    look=_look_at_model,
    delete=lambda resource: client("sagemaker").delete_model(ModelName=resource.name),
    tagged=partial(_tagged, "model", "list_models", "Model", NameContains=_OURS),
    listing="sagemaker:ListModels",
)
ENDPOINT_CONFIG = ResourceKind(
    "endpoint-config",
    look=_look_at_config,
    delete=lambda resource: client("sagemaker").delete_endpoint_config(EndpointConfigName=resource.name),
    tagged=partial(_tagged, "endpoint-config", "list_endpoint_configs", "EndpointConfig", NameContains=_OURS),
    listing="sagemaker:ListEndpointConfigs",
)
ENDPOINT = ResourceKind(
    "endpoint",
    look=_look_at_endpoint,
    delete=lambda resource: client("sagemaker").delete_endpoint(EndpointName=resource.name),
    owner=lambda resource: tagged_run_of_endpoint(resource.name),
    # Under any name: they bill, and the user may have named them.
    tagged=partial(_tagged, "endpoint", "list_endpoints", "Endpoint"),
    listing="sagemaker:ListEndpoints",
    usd_per_hour=_endpoint_usd_per_hour,
)
