"""The arithmetic of scaling policies: what capacity each asks for. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

DEFAULT_COOLDOWN_SECONDS = 300.0
# Dividing measured by target must not ask for one more instance because of the last binary digit.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Proposal:
    """The capacity that a policy asks for, before the target's bounds, and the alarm which made it ask."""

    policy_arn: str
    policy_name: str
    alarm_name: str
    alarm_state: str
    capacity: int


@dataclass(frozen=True)
class Past:
    """The last time a policy changed the capacity in one direction: how many AWS seconds ago, and from how much."""

    seconds_ago: float
    capacity_before: int


def track(capacity: int, measured: float, target: float) -> int:
    """The capacity at which the metric per instance would meet its target."""
    return math.ceil(capacity * measured / target - _ROUNDING)


def tracked_capacity(
    configuration: dict[str, Any], *, high: bool, capacity: int, measured: float, out: Past | None, back: Past | None
) -> int | None:
    """What target tracking asks for when its high or low alarm rings; None when it asks for nothing now.

    During the scale-out cool-down what was added last counts as part of what is added next; scaling in waits.
    """
    target = float(configuration["TargetValue"])
    if high:
        cooling = out is not None and out.seconds_ago < _cooldown(configuration, "ScaleOutCooldown")
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
    """What a step policy asks for at such a distance from the threshold; None when it asks for nothing now."""
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
    """The step whose interval holds the distance from the threshold.

    Above the threshold the lower bound belongs to the interval, below it the upper one.
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
    """The proposal that is carried out: the largest, as Application Auto Scaling puts availability first.

    Target tracking only takes instances away when every such policy of the target agrees.
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
    # AWS rounds away from nothing: above 1 downwards, between 0 and 1 up to 1, and the same below zero.
    whole = math.trunc(change) if abs(change) >= 1 else int(math.copysign(1, change)) if change else 0
    least = int(configuration.get("MinAdjustmentMagnitude", 0))
    if abs(whole) < least:
        whole = int(math.copysign(least, adjustment))
    return capacity + whole


def _cooldown(configuration: dict[str, Any], name: str) -> float:
    return float(configuration.get(name, DEFAULT_COOLDOWN_SECONDS))
