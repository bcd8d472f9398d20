"""The hosting's models, endpoint configurations and endpoints in the Resource Groups Tagging API, besides moto's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import moto.resourcegroupstaggingapi.models as tagging_models
from moto.core.resource_tagging import TaggableResourcesMixin, TaggedResource

from localaws.services import serving
from localaws.services.moto_services import ACCOUNT
from localaws.services.serving import Serving

_iter_taggable_backends = tagging_models.iter_taggable_backends


def apply() -> None:
    """Patch moto with the functions of this module."""
    tagging_models.iter_taggable_backends = iter_taggable_backends


def iter_taggable_backends(account_id: str, region_name: str) -> Iterator[Any]:
    """Yield the hosting's resources of the region, then moto's backends."""
    current = serving.current()
    if current is not None and account_id == ACCOUNT:
        yield HostedResources(current, region_name)
    yield from _iter_taggable_backends(account_id, region_name)


class HostedResources(TaggableResourcesMixin):  # type: ignore[misc]
    """The SageMaker resources of one region, in the form that the tagging API takes."""

    SERVICE_NAMESPACE = "sagemaker"
    partition = "aws"

    def __init__(self, owner: Serving, region: str) -> None:
        self._hosting = owner.hosting
        self._state = owner.state
        self._region = region

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        """Yield every resource with its tags."""
        yield from self._resources()

    def owns_arn(self, arn: str) -> bool:
        """True if a resource of this region has the ARN."""
        return arn in {resource.arn for resource in self._resources()}

    def tag_resource(self, arn: str, tags: dict[str, str]) -> None:
        """Add the tags."""
        with self._hosting.lock:
            self._state.tags.setdefault(arn, {}).update(tags)

    def untag_resource(self, arn: str, tag_keys: list[str]) -> None:
        """Remove the tags."""
        with self._hosting.lock:
            for key in tag_keys:
                self._state.tags.get(arn, {}).pop(key, None)

    def _resources(self) -> list[TaggedResource]:
        kinds = {"model": "models", "endpoint-config": "configs", "endpoint": "endpoints"}
        with self._hosting.lock:
            return [
                TaggedResource(each.arn, dict(self._state.tags.get(each.arn, {})), f"sagemaker:{kind}")
                for kind, group in kinds.items()
                for (region, _), each in getattr(self._state, group).items()
                if region == self._region
            ]
