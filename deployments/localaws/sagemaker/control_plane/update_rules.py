"""The updates that AWS refuses: changes an endpoint can never make, and those that a scalable target prevents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.errors import ValidationException
from localaws.sagemaker.endpoint import Endpoint
from localaws.sagemaker.resources import EndpointConfig, hardware

# The least and the largest size of a deployment's step that AWS accepts, in percent.
_STEPS = {"CANARY": ("CanarySize", 1, 50), "LINEAR": ("LinearStepSize", 10, 50)}
_ROLLING = ("MaximumBatchSize", 5, 50)


def check_update(endpoint: Endpoint, config: EndpointConfig, deployment: Mapping[str, Any] | None) -> None:
    """Raise ValidationException if the endpoint cannot change to the configuration, or not by this DeploymentConfig."""
    check_deployment(deployment)
    _check_kind(endpoint, config)
    if deployment:
        _check_variant_names(endpoint, config)
    new = {spec["VariantName"]: spec for spec in config.variants}
    for name, variant in endpoint.variants.items():
        is_scaled = endpoint.services.is_scalable_variant(endpoint.name, name)
        if is_scaled and (name not in new or hardware(new[name]) != hardware(variant.spec)):
            raise _scaled(endpoint, name, removed=name not in new)


def check_deployment(deployment: Mapping[str, Any] | None) -> None:
    """Raise ValidationException for a DeploymentConfig that contradicts itself."""
    if not deployment:
        return
    rolling, blue_green = deployment.get("RollingUpdatePolicy"), deployment.get("BlueGreenUpdatePolicy")
    if rolling and blue_green:
        raise ValidationException("Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy can be used; found both.")
    if rolling:
        _check_size(rolling, *_ROLLING)
    routing = blue_green["TrafficRoutingConfiguration"] if blue_green else {}
    if (kind := routing.get("Type")) in _STEPS:
        _check_size(routing, *_STEPS[kind])


def _check_variant_names(endpoint: Endpoint, config: EndpointConfig) -> None:
    # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html
    old, new = sorted(endpoint.variants), sorted(spec["VariantName"] for spec in config.variants)
    if old != new:
        raise ValidationException(
            "With a DeploymentConfig the new endpoint configuration must have the same variant names as the old one; "
            f"the old one has {', '.join(old)}, the new one {', '.join(new)}."
        )


def _check_kind(endpoint: Endpoint, config: EndpointConfig) -> None:
    was, becomes = endpoint.config.async_config is not None, config.async_config is not None
    if was != becomes:
        # AWS's text for the removal is recorded up to "To change the e"; that for the other direction is not.
        change = "removed from" if was else "added to"
        raise ValidationException(
            f"The AsyncInferenceConfig parameter cannot be {change} this endpoint {endpoint.name}. "
            "To change the endpoint type, delete this endpoint and create a new one."
        )
    # AWS's guide does not rule out a change from serverless to instances.
    # https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-update.html
    if config.serverless and not endpoint.config.serverless:
        raise ValidationException(
            f"Updating the real-time endpoint {endpoint.name} to a serverless endpoint is currently not supported."
        )


def _scaled(endpoint: Endpoint, variant: str, removed: bool) -> ValidationException:
    # https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html; the page does not quote AWS's text.
    what = "removed" if removed else "given another instance type"
    return ValidationException(
        f'The variant "{variant}" of endpoint "{endpoint.arn}" is a scalable target of Application Auto Scaling and '
        f"cannot be {what}. Deregister the scalable target before the update and register it again afterwards."
    )


def _check_size(policy: Mapping[str, Any], member: str, least: int, most: int) -> None:
    size = policy.get(member)
    if size is None:
        raise ValidationException(f"Traffic routing of type {policy['Type']} needs a {member}; none was found.")
    if size["Type"] == "CAPACITY_PERCENT" and not least <= size["Value"] <= most:
        raise ValidationException(f"{member} must be {least} to {most} percent of the capacity; found {size['Value']}.")
