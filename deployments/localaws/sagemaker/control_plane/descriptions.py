"""The Describe answers and List summaries. Members that are not set are absent: clients refuse empty structures."""

from __future__ import annotations

from typing import Any

from localaws.sagemaker.endpoint import Endpoint
from localaws.sagemaker.resources import EndpointConfig, Model, hardware
from localaws.sagemaker.variant import Variant

Answer = dict[str, Any]
_MODEL_MEMBERS = (
    "PrimaryContainer",
    "Containers",
    "InferenceExecutionConfig",
    "ExecutionRoleArn",
    "VpcConfig",
)
_CONFIG_MEMBERS = (
    "ProductionVariants",
    "DataCaptureConfig",
    "KmsKeyId",
    "AsyncInferenceConfig",
    "ExplainerConfig",
    "ShadowProductionVariants",
    "ExecutionRoleArn",
    "VpcConfig",
    "MetricsConfig",
)


def describe_model(model: Model) -> Answer:
    """DescribeModel's answer."""
    return {
        "ModelName": model.name,
        **{member: model.request[member] for member in _MODEL_MEMBERS if model.request.get(member)},
        "CreationTime": model.created.timestamp(),
        "ModelArn": model.arn,
        "EnableNetworkIsolation": model.request.get("EnableNetworkIsolation", False),
    }


def model_summary(model: Model) -> Answer:
    """A model in ListModels' answer."""
    return {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created.timestamp()}


def describe_config(config: EndpointConfig) -> Answer:
    """DescribeEndpointConfig's answer."""
    return {
        "EndpointConfigName": config.name,
        "EndpointConfigArn": config.arn,
        **{member: config.request[member] for member in _CONFIG_MEMBERS if config.request.get(member)},
        "CreationTime": config.created.timestamp(),
        "EnableNetworkIsolation": config.request.get("EnableNetworkIsolation", False),
    }


def config_summary(config: EndpointConfig) -> Answer:
    """A configuration in ListEndpointConfigs' answer."""
    return {
        "EndpointConfigName": config.name,
        "EndpointConfigArn": config.arn,
        "CreationTime": config.created.timestamp(),
    }


def describe_endpoint(endpoint: Endpoint) -> Answer:
    """DescribeEndpoint's answer."""
    answer: Answer = {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": endpoint.config.name,
        "EndpointStatus": endpoint.status,
        "CreationTime": endpoint.created.timestamp(),
        "LastModifiedTime": endpoint.modified.timestamp(),
    }
    if endpoint.status != "Failed":
        answer["ProductionVariants"] = [_variant(endpoint, each) for each in endpoint.variants.values()]
    if endpoint.failure_reason is not None:
        answer["FailureReason"] = endpoint.failure_reason
    if endpoint.deployment_config is not None:
        answer["LastDeploymentConfig"] = endpoint.deployment_config
    for member in ("AsyncInferenceConfig", "DataCaptureConfig", "ExplainerConfig", "MetricsConfig"):
        if endpoint.config.request.get(member):
            answer[member] = endpoint.config.request[member]
    return answer


def endpoint_summary(endpoint: Endpoint) -> Answer:
    """An endpoint in ListEndpoints' answer."""
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "CreationTime": endpoint.created.timestamp(),
        "LastModifiedTime": endpoint.modified.timestamp(),
        "EndpointStatus": endpoint.status,
    }


def _variant(endpoint: Endpoint, variant: Variant) -> Answer:
    answer: Answer = {
        "VariantName": variant.spec["VariantName"],
        "CurrentWeight": variant.weight,
        "DesiredWeight": variant.weight,
        "CurrentInstanceCount": variant.current,
        "DesiredInstanceCount": variant.desired,
    }
    if image := variant.model.container.get("Image"):
        resolution = endpoint.created.timestamp()
        answer["DeployedImages"] = [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": resolution}]
    if endpoint.status in ("Creating", "Updating", "Deleting"):
        answer["VariantStatus"] = [{"Status": endpoint.status, "StartTime": endpoint.modified.timestamp()}]
    if "InstancePools" in variant.spec:
        counts = dict.fromkeys(hardware(variant.spec), 0) | {hardware(variant.spec)[0]: variant.current}
        answer["InstancePools"] = [
            {"InstanceType": instance_type, "CurrentInstanceCount": count} for instance_type, count in counts.items()
        ]
    if routing := variant.spec.get("RoutingConfig"):
        answer["RoutingConfig"] = routing
    return answer
