"""The variant that a scalable target scales."""

from __future__ import annotations

from dataclasses import dataclass

from localaws.sagemaker.endpoint import Endpoint
from localaws.sagemaker.variant import Variant


@dataclass(frozen=True)
class ScaledVariant:
    """A variant of an endpoint, and its name."""

    endpoint: Endpoint
    variant: Variant
    name: str

    @property
    def steady(self) -> bool:
        """True if the capacity can be changed now: SageMaker updates only endpoints that are InService."""
        return self.endpoint.status == "InService"

    @property
    def is_async(self) -> bool:
        """True if the endpoint is asynchronous; only then can the variant be scaled to zero."""
        return self.endpoint.config.async_config is not None

    @property
    def capacity(self) -> int:
        """The desired number of instances."""
        return self.variant.desired
