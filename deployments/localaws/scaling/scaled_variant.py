"""What a scalable target scales."""

from __future__ import annotations

from dataclasses import dataclass

from localaws.sagemaker.endpoint import Endpoint
from localaws.sagemaker.variant import Variant


@dataclass(frozen=True)
class ScaledVariant:
    """A variant of an endpoint, by its name."""

    endpoint: Endpoint
    variant: Variant
    name: str

    @property
    def steady(self) -> bool:
        """Whether the capacity can be changed now."""
        return self.endpoint.status == "InService"

    @property
    def is_async(self) -> bool:
        """Whether it can be scaled to zero."""
        return self.endpoint.config.async_config is not None

    @property
    def capacity(self) -> int:
        """The instances it is to have."""
        return self.variant.desired
