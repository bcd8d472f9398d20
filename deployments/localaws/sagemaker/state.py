"""All SageMaker resources of one embedded AWS."""

from __future__ import annotations

from dataclasses import dataclass, field

from localaws.sagemaker.endpoint import Endpoint
from localaws.sagemaker.resources import EndpointConfig, Model

Key = tuple[str, str]


def key(region: str, name: str) -> Key:
    """The key of a resource; on AWS names are unique in a region regardless of case."""
    return region, name.lower()


@dataclass
class State:
    """The resources by region and name, and the tags by ARN; guarded by the hosting's lock."""

    models: dict[Key, Model] = field(default_factory=dict)
    configs: dict[Key, EndpointConfig] = field(default_factory=dict)
    endpoints: dict[Key, Endpoint] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget everything."""
        for resources in (self.models, self.configs, self.endpoints, self.tags):
            resources.clear()

    def arns(self) -> set[str]:
        """The ARNs of all resources that can have tags."""
        return {each.arn for group in (self.models, self.configs, self.endpoints) for each in group.values()}
