"""The permissions that SageMaker's operations need."""

from __future__ import annotations

from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends

from localaws.access.need import Need, given, request_tags, resource_tag_context, tag_context
from localaws.access.refusals import deregistration_refused
from localaws.calls import Call
from localaws.sagemaker.hosting import arn
from localaws.sagemaker.state import State, key
from localaws.services.moto_services import ACCOUNT

_NAMED = {"model": "ModelName", "endpoint-config": "EndpointConfigName", "endpoint": "EndpointName"}
# The resources that AWS authorises an operation on; for CreateEndpoint and UpdateEndpoint also the configuration.
_KINDS = {
    "CreateModel": ("model",),
    "DescribeModel": ("model",),
    "DeleteModel": ("model",),
    "CreateEndpointConfig": ("endpoint-config",),
    "DescribeEndpointConfig": ("endpoint-config",),
    "DeleteEndpointConfig": ("endpoint-config",),
    "CreateEndpoint": ("endpoint", "endpoint-config"),
    "UpdateEndpoint": ("endpoint", "endpoint-config"),
    "DescribeEndpoint": ("endpoint",),
    "DeleteEndpoint": ("endpoint",),
    "UpdateEndpointWeightsAndCapacities": ("endpoint",),
}


def sagemaker_needs(call: Call, state: State) -> list[Need]:
    """The permissions that the call needs, that for the operation's own action first."""
    if call.endpoint_name is not None:
        return [_on(call, arn(call.region, "endpoint", call.endpoint_name), state)]
    parameters = call.parameters
    if "ResourceArn" in parameters:
        tags = {tag["Key"]: tag["Value"] for tag in parameters.get("Tags", [])}
        return [_on(call, parameters["ResourceArn"], state, tag_context(tags))]
    kinds = _KINDS.get(call.operation, ())
    resources = [arn(call.region, kind, parameters.get(_NAMED[kind], "")) for kind in kinds] or ["*"]
    context = {**_context(call.operation, parameters), **tag_context(request_tags(parameters))}
    needs = [_on(call, resource, state, context) for resource in resources]
    if request_tags(parameters):
        needs.append(Need("sagemaker:AddTags", resources[0], context))
    if role := parameters.get("ExecutionRoleArn"):
        needs.append(Need("iam:PassRole", role, given(iam__PassedToService="sagemaker.amazonaws.com")))
    if call.operation == "DeleteEndpoint":
        needs.extend(_deregistrations(call.region, parameters.get("EndpointName", ""), state))
    return needs


def _on(call: Call, resource: str, state: State, context: dict[str, tuple[str, ...]] | None = None) -> Need:
    tags = resource_tag_context(state.tags.get(resource, {}))
    return Need(call.action, resource, {**tags, **(context or {})})


def _deregistrations(region: str, name: str, state: State) -> list[Need]:
    """The permissions to deregister the endpoint's scalable targets, as DeleteEndpoint does on the caller's behalf."""
    endpoint = state.endpoints.get(key(region, name))
    if endpoint is None:
        return []
    targets = applicationautoscaling_backends[ACCOUNT][region].targets.values()
    prefix = f"endpoint/{endpoint.name}/variant/"
    return [
        Need("application-autoscaling:DeregisterScalableTarget", target.arn, error=lambda _: deregistration_refused())
        for by_resource in list(targets)
        for target in list(by_resource.values())
        if target.resource_id.startswith(prefix)
    ]


def _context(operation: str, parameters: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    variants = parameters.get("ProductionVariants", [])
    network = parameters.get("VpcConfig", {})
    isolated = parameters.get("EnableNetworkIsolation", False)
    return given(
        sagemaker__InstanceTypes=[
            each.get("InstanceType") for variant in variants for each in (variant, *variant.get("InstancePools", []))
        ],
        sagemaker__VolumeKmsKey=parameters.get("KmsKeyId"),
        sagemaker__VpcSubnets=network.get("Subnets", []),
        sagemaker__VpcSecurityGroupIds=network.get("SecurityGroupIds", []),
        sagemaker__NetworkIsolation=str(isolated).lower() if operation == "CreateModel" else None,
    )
