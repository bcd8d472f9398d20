"""Production variants, and the properties that survive an update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from localaws.sagemaker.instances.instance import Instance
from localaws.sagemaker.resources import EndpointConfig, Model, served_model


@dataclass
class Variant:
    """A production variant and the instances that serve it."""

    spec: dict[str, Any]
    model: Model
    desired: int
    weight: float
    instances: list[Instance] = field(default_factory=list)

    @classmethod
    def of(cls, spec: dict[str, Any], model: Model) -> Variant:
        """The variant with the initial values of its configuration."""
        return cls(spec, model, spec.get("InitialInstanceCount", 1), spec.get("InitialVariantWeight", 1.0))

    @property
    def current(self) -> int:
        """The number of instances in service, including those whose worker restarts."""
        return sum(instance.in_service for instance in self.instances)


@dataclass(frozen=True)
class Retained:
    """The properties that UpdateEndpoint keeps of variants that are in the new configuration, too."""

    instance_count: bool = False
    weight: bool = False

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Retained:
        """The properties that the request keeps; without RetainAllVariantProperties none, whatever is excluded."""
        if not request.get("RetainAllVariantProperties"):
            return cls()
        excluded = {each["VariantPropertyType"] for each in request.get("ExcludeRetainedVariantProperties", [])}
        return cls("DesiredInstanceCount" not in excluded, "DesiredWeight" not in excluded)


NOTHING_RETAINED = Retained()


def variants_of(config: EndpointConfig, models: Mapping[str, Model]) -> dict[str, Variant]:
    """The variants of a configuration, by name, without instances."""
    return {spec["VariantName"]: Variant.of(spec, models[served_model(spec)]) for spec in config.variants}


def carry_over(old: Mapping[str, Variant], new: Mapping[str, Variant], retained: Retained) -> None:
    """Give the new variants the retained properties of the old ones with the same name."""
    for name in old.keys() & new.keys():
        if retained.instance_count:
            new[name].desired = old[name].desired
        if retained.weight:
            new[name].weight = old[name].weight
