"""The SageMaker resources that are only descriptions: models and endpoint configurations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localaws.clock import utc_now


@dataclass(frozen=True)
class Model:
    """A model as it was created."""

    name: str
    arn: str
    request: dict[str, Any]
    created: datetime = field(default_factory=utc_now)

    @property
    def execution_role(self) -> str | None:
        """The ARN of the role that SageMaker and the container use."""
        return self.request.get("ExecutionRoleArn")

    @property
    def container(self) -> dict[str, Any]:
        """The container that answers: the primary one, or the first of several."""
        primary: dict[str, Any] = self.request.get("PrimaryContainer") or (self.request.get("Containers") or [{}])[0]
        return primary


@dataclass(frozen=True)
class EndpointConfig:
    """An endpoint configuration as it was created; it never changes."""

    name: str
    arn: str
    request: dict[str, Any]
    created: datetime = field(default_factory=utc_now)

    @property
    def variants(self) -> list[dict[str, Any]]:
        """The production variants."""
        variants: list[dict[str, Any]] = self.request["ProductionVariants"]
        return variants

    @property
    def async_config(self) -> dict[str, Any] | None:
        """The AsyncInferenceConfig; None makes the endpoints of this configuration real-time ones."""
        return self.request.get("AsyncInferenceConfig")

    @property
    def serverless(self) -> bool:
        """True if its variants have no instances."""
        return any("ServerlessConfig" in spec for spec in self.variants)


def hardware(spec: Mapping[str, Any]) -> list[str]:
    """The instance types that a variant may have, the first choice first; none for a serverless one."""
    return [spec["InstanceType"]] if "InstanceType" in spec else [pool["InstanceType"] for pool in _pools(spec)]


def served_model(spec: Mapping[str, Any]) -> str:
    """The name of the model that a variant serves: that of its first instance pool, or else its own."""
    override = _pools(spec)[0].get("ModelNameOverride") if _pools(spec) else None
    return str(override or spec["ModelName"])


def model_names(spec: Mapping[str, Any]) -> list[str]:
    """The names of all models that a variant may serve."""
    overrides = [pool["ModelNameOverride"] for pool in _pools(spec) if "ModelNameOverride" in pool]
    return [spec["ModelName"], *overrides]


def _pools(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The variant's instance pools, the highest priority, 1, first. Here the first always has capacity."""
    return sorted(spec.get("InstancePools", ()), key=lambda pool: int(pool["Priority"]))
