"""The SageMaker resources which are only descriptions: models and endpoint configurations."""

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
        """The ARN of the role with which SageMaker and the container act."""
        return self.request.get("ExecutionRoleArn")

    @property
    def container(self) -> dict[str, Any]:
        """The container which answers: the primary one, or the first of several."""
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
        """Whether its variants have no instances."""
        return any("ServerlessConfig" in spec for spec in self.variants)


def hardware(spec: Mapping[str, Any]) -> list[str]:
    """The instance types that a variant asks for, the one to be tried first at first; none for a serverless one."""
    pools = sorted(spec.get("InstancePools", ()), key=lambda pool: int(pool["Priority"]))
    return [spec["InstanceType"]] if "InstanceType" in spec else [pool["InstanceType"] for pool in pools]
