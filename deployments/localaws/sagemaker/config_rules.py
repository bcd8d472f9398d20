"""What AWS refuses in an endpoint configuration beyond single members: combinations of them."""

from __future__ import annotations

from typing import Any

from localaws.errors import ValidationException


def check_endpoint_config(request: dict[str, Any]) -> None:
    """Raises for the first combination that AWS refuses."""
    variants = request["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) != len(names):
        raise ValidationException(f"Production variant names must be unique; found {', '.join(names)}.")
    for variant in variants:
        _check_variant(variant)
    if "AsyncInferenceConfig" in request:
        _check_async(variants)


def _check_variant(variant: dict[str, Any]) -> None:
    name = variant["VariantName"]
    if "ModelName" not in variant:
        raise ValidationException(f"Production variant {name} has no ModelName; inference components are not served.")
    if "ServerlessConfig" in variant:
        if {"InstanceType", "InitialInstanceCount"} & variant.keys():
            raise ValidationException(
                f"Production variant {name} has both ServerlessConfig and an instance type or count: give one."
            )
        return
    missing = [member for member in ("InstanceType", "InitialInstanceCount") if member not in variant]
    if missing:
        raise ValidationException(f"Production variant {name} lacks {' and '.join(missing)}.")


def _check_async(variants: list[dict[str, Any]]) -> None:
    if len(variants) > 1:
        raise ValidationException(
            f"AsyncInferenceConfig supports a single production variant per endpoint; found {len(variants)}."
        )
    if "ServerlessConfig" in variants[0]:
        raise ValidationException("AsyncInferenceConfig is not supported for serverless production variants.")
