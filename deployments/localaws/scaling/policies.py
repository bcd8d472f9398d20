"""The arithmetic of scaling policies: the capacity that each asks for. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

DEFAULT_COOLDOWN_SECONDS = 300.0
# Keeps a rounding error in the last binary digit from asking for one more instance.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Proposal:
    """The capacity that a policy asks for, before the target's bounds apply, and the alarm that made it ask."""

    policy_arn: str
    policy_name: str
    alarm_name: str
    alarm_state: str
    capacity: int


@dataclass(frozen=True)
class Past:
    """The last time a policy changed the capacity in one direction: AWS seconds since then, and the capacity before."""

    seconds_ago: float
    capacity_before: int


def track(capacity: int, measured: float, target: float) -> int:
    """The capacity at which the metric per instance would meet its target."""
    return math.ceil(capacity * measured / target - _ROUNDING)


def tracked_capacity(
    configuration: dict[str, Any], *, high: bool, capacity: int, measured: float, out: Past | None, back: Past | None
) -> int | None:
    """The capacity that target tracking asks for when its high or low alarm rings; None if it asks for no change.

    During the scale-out cool-down, the capacity added last counts towards what is added next; scaling in waits.
    """
    target = float(configuration["TargetValue"])
    if high:
        cooling = out is not None and out.seconds_ago < _cooldown(configuration, "ScaleOutCooldown")
        # Zero instances count as one, because their product with any load would stay zero.
        wanted = track(max(1, out.capacity_before if cooling and out else capacity), measured, target)
        return wanted if wanted > capacity else None
    if configuration.get("DisableScaleIn") or (
        back is not None and back.seconds_ago < _cooldown(configuration, "ScaleInCooldown")
    ):
        return None
    wanted = track(capacity, measured, target)
    return wanted if wanted < capacity else None


def stepped_capacity(
    configuration: dict[str, Any], *, capacity: int, breach: float, out: Past | None, back: Past | None
) -> int | None:
    """The capacity that a step policy asks for at that distance from the threshold; None if it asks for no change."""
    step = step_for(configuration.get("StepAdjustments", []), breach)
    if step is None:
        return None
    cooldown = _cooldown(configuration, "Cooldown")
    wanted = _adjusted(configuration, capacity, float(step["ScalingAdjustment"]))
    if wanted > capacity and out is not None and out.seconds_ago < cooldown:
        wanted = _adjusted(configuration, out.capacity_before, float(step["ScalingAdjustment"]))
        return wanted if wanted > capacity else None
    if wanted < capacity and back is not None and back.seconds_ago < cooldown:
        return None
    return wanted if wanted != capacity else None


def step_for(steps: Iterable[dict[str, Any]], breach: float) -> dict[str, Any] | None:
    """The step whose interval contains the distance from the threshold.

    At or above the threshold an interval includes its lower bound, below it its upper bound.
    """
    for step in steps:
        lower = step.get("MetricIntervalLowerBound", -math.inf)
        upper = step.get("MetricIntervalUpperBound", math.inf)
        if (lower <= breach < upper) if breach >= 0 else (lower < breach <= upper):
            return step
    return None


def chosen(
    proposals: Sequence[Proposal], capacity: int, trackers: Iterable[str], minimum: int, maximum: int
) -> Proposal | None:
    """The proposal to carry out: the largest, because Application Auto Scaling puts availability first.

    Target tracking removes instances only when all such policies of the target agree.
    """
    tracking = set(trackers)
    shrinking = all(proposal.capacity < capacity for proposal in proposals)
    if shrinking and not tracking <= {proposal.policy_arn for proposal in proposals}:
        proposals = [proposal for proposal in proposals if proposal.policy_arn not in tracking]
    best = max(proposals, key=lambda proposal: proposal.capacity, default=None)
    if best is None or min(max(best.capacity, minimum), maximum) == capacity:
        return None
    return best


def _adjusted(configuration: dict[str, Any], capacity: int, adjustment: float) -> int:
    match configuration["AdjustmentType"]:
        case "ExactCapacity":
            return int(adjustment)
        case "ChangeInCapacity":
            return capacity + int(adjustment)
    change = capacity * adjustment / 100
    # AWS drops the fraction, but makes a change below one instance a whole one: 6.7 is 6, 0.7 is 1, -0.7 is -1.
    whole = math.trunc(change) if abs(change) >= 1 else int(math.copysign(1, change)) if change else 0
    least = int(configuration.get("MinAdjustmentMagnitude", 0))
    if abs(whole) < least:
        whole = int(math.copysign(least, adjustment))
    return capacity + whole


def _cooldown(configuration: dict[str, Any], name: str) -> float:
    return float(configuration.get(name, DEFAULT_COOLDOWN_SECONDS))
