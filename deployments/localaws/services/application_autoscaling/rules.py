"""Application Auto Scaling's refusals of bounds and policies, beyond the rules in its service model.

https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from localaws.errors import ValidationException

PREDEFINED = "SageMakerVariantInvocationsPerInstance"
_SPECIFICATIONS = ("PredefinedMetricSpecification", "CustomizedMetricSpecification")
_COOLDOWNS = ("Cooldown", "ScaleInCooldown", "ScaleOutCooldown")
_OF_ONE_METRIC = ("MetricName", "Namespace", "Statistic")

# AWS's wording, as far as it is known.
_NO_BOUNDS = "Both minimum capacity and maximum capacity must be provided when registering a new scalable target"
_NO_SCHEDULED_BOUNDS = "At least one of minimum capacity and maximum capacity should be provided"
_NEGATIVE_MINIMUM = "Minimum capacity cannot be less than 0"
_MINIMUM_ABOVE_MAXIMUM = "Maximum capacity cannot be less than minimum capacity"
_REAL_TIME_ZERO = "Minimum capacity cannot be less than 1 for the real-time variant: {resource}"


def check_bounds(minimum: int | None, maximum: int | None, resource: str, is_async: bool) -> tuple[int, int]:
    """Refuse invalid bounds of a variant's target, and return valid ones."""
    if minimum is None or maximum is None:
        raise ValidationException(_NO_BOUNDS)
    if minimum < 0:
        raise ValidationException(_NEGATIVE_MINIMUM)
    if minimum > maximum:
        raise ValidationException(_MINIMUM_ABOVE_MAXIMUM)
    if minimum == 0 and not is_async:
        raise ValidationException(_REAL_TIME_ZERO.format(resource=resource))
    return minimum, maximum


def check_scheduled_bounds(bounds: Mapping[str, int]) -> None:
    """Refuse invalid bounds of a scheduled action; only when it acts are they checked against the target."""
    minimum, maximum = bounds.get("MinCapacity"), bounds.get("MaxCapacity")
    if minimum is None and maximum is None:
        raise ValidationException(_NO_SCHEDULED_BOUNDS)
    if minimum is not None and minimum < 0:
        raise ValidationException(_NEGATIVE_MINIMUM)
    if maximum is not None and maximum < (minimum or 0):
        raise ValidationException(_MINIMUM_ABOVE_MAXIMUM)


def check_policy(kind: str, body: Mapping[str, Any], before: Any) -> None:
    """Refuse an invalid policy; `before` is the existing policy of that name, or None."""
    if kind not in ("StepScaling", "TargetTrackingScaling"):
        raise ValidationException(f"The embedded AWS has no policies of type {kind}.")
    if before is not None and kind != before.policy_type:
        raise ValidationException("The policy type of an existing policy cannot be changed.")
    if not body:
        raise ValidationException(f"{kind}PolicyConfiguration must be provided for a policy of type {kind}.")
    for name in _COOLDOWNS:
        if body.get(name, 0) < 0:
            raise ValidationException(f"{name} must be greater than or equal to 0.")
    if kind == "TargetTrackingScaling":
        _check_tracking(body)
    elif not body.get("AdjustmentType") or not body.get("StepAdjustments"):
        raise ValidationException("A step scaling policy needs an AdjustmentType and StepAdjustments.")
    else:
        _check_steps(body["StepAdjustments"])


def _check_tracking(body: Mapping[str, Any]) -> None:
    if sum(bool(body.get(each)) for each in _SPECIFICATIONS) != 1:
        raise ValidationException(f"Exactly one of {' and '.join(_SPECIFICATIONS)} must be specified.")
    predefined = body.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", PREDEFINED)
    if predefined != PREDEFINED:
        raise ValidationException(f"The embedded AWS tracks no {predefined}, only {PREDEFINED}.")
    if body["TargetValue"] <= 0:
        raise ValidationException("The target value must be greater than zero.")
    custom = body.get("CustomizedMetricSpecification")
    if custom and not custom.get("Metrics") and not all(custom.get(name) for name in _OF_ONE_METRIC):
        raise ValidationException(f"A customized metric needs Metrics, or {', '.join(_OF_ONE_METRIC)}.")


def _check_steps(steps: Sequence[Mapping[str, Any]]) -> None:
    bounds = sorted(
        (step.get("MetricIntervalLowerBound", -math.inf), step.get("MetricIntervalUpperBound", math.inf))
        for step in steps
    )
    if (-math.inf, math.inf) in bounds:
        raise ValidationException("The upper and lower bound cannot both be null in the same step adjustment.")
    if any(lower >= upper for lower, upper in bounds):
        raise ValidationException("The upper bound of a step adjustment must be above its lower bound.")
    if any(upper != lower for (_, upper), (lower, _) in itertools.pairwise(bounds)):
        raise ValidationException("The intervals of step adjustments cannot overlap or have a gap between them.")
    if -math.inf < bounds[0][0] < 0:
        raise ValidationException("With a negative lower bound there must be a step adjustment without a lower bound.")
    if 0 < bounds[-1][1] < math.inf:
        raise ValidationException("With a positive upper bound there must be a step adjustment without an upper bound.")
