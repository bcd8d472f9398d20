"""The capacity that scaling policies ask for, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.clock import Clock
from localaws.scaling.activities import FAILED, SUCCESSFUL, Activities, Activity
from localaws.scaling.policies import Past, Proposal, chosen, step_for, stepped_capacity, track, tracked_capacity

TRACKING = {"TargetValue": 5.0, "ScaleInCooldown": 600, "ScaleOutCooldown": 300}


@pytest.mark.parametrize(
    ("capacity", "measured", "target", "expected"),
    [(1, 5.5, 5, 2), (1, 12, 5, 3), (2, 12, 5, 5), (1, 1, 5, 1), (1, 0, 5, 0), (3, 1.6, 5, 1), (1, 0.3, 0.1, 3)],
)
def test_tracking_divides_the_load_by_the_target(capacity: int, measured: float, target: float, expected: int) -> None:
    assert track(capacity, measured, target) == expected


def tracked(configuration: dict[str, Any], **given: Any) -> int | None:
    return tracked_capacity(configuration, **{"out": None, "back": None, **given})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"high": True, "capacity": 1, "measured": 11}, 3),
        ({"high": True, "capacity": 0, "measured": 11}, 3),
        ({"high": True, "capacity": 3, "measured": 11, "out": Past(100, 1)}, None),
        ({"high": True, "capacity": 3, "measured": 30, "out": Past(100, 1)}, 6),
        ({"high": True, "capacity": 3, "measured": 11, "out": Past(300, 1)}, 7),
        ({"high": False, "capacity": 3, "measured": 0}, 0),
        ({"high": False, "capacity": 1, "measured": 1}, None),
        ({"high": False, "capacity": 3, "measured": 0, "back": Past(599, 4)}, None),
        ({"high": False, "capacity": 3, "measured": 0, "back": Past(600, 4)}, 0),
        ({"high": False, "capacity": 3, "measured": 0, "out": Past(1, 2)}, 0),
    ],
)
def test_target_tracking(given: dict[str, Any], expected: int | None) -> None:
    assert tracked(TRACKING, **given) == expected


def test_target_tracking_can_be_told_never_to_scale_in() -> None:
    assert tracked({**TRACKING, "DisableScaleIn": True}, high=False, capacity=3, measured=0) is None


STEPS = [
    {"MetricIntervalUpperBound": -10, "ScalingAdjustment": -2},
    {"MetricIntervalLowerBound": -10, "MetricIntervalUpperBound": 0, "ScalingAdjustment": -1},
    {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
    {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 2},
]


@pytest.mark.parametrize(
    ("breach", "adjustment"), [(0, 1), (9.9, 1), (10, 2), (1000, 2), (-0.1, -1), (-10, -2), (-11, -2)]
)
def test_the_step_is_the_one_whose_interval_holds_the_breach(breach: float, adjustment: int) -> None:
    step = step_for(STEPS, breach)
    assert step is not None
    assert step["ScalingAdjustment"] == adjustment


@pytest.mark.parametrize(
    ("configuration", "capacity", "expected"),
    [
        ({"AdjustmentType": "ChangeInCapacity", "ScalingAdjustment": 2}, 1, 3),
        ({"AdjustmentType": "ExactCapacity", "ScalingAdjustment": 4}, 1, 4),
        ({"AdjustmentType": "ExactCapacity", "ScalingAdjustment": 4}, 4, None),
        ({"AdjustmentType": "PercentChangeInCapacity", "ScalingAdjustment": 50}, 5, 7),
        ({"AdjustmentType": "PercentChangeInCapacity", "ScalingAdjustment": 10}, 5, 6),
        ({"AdjustmentType": "PercentChangeInCapacity", "ScalingAdjustment": -10}, 5, 4),
        ({"AdjustmentType": "PercentChangeInCapacity", "ScalingAdjustment": 10, "MinAdjustmentMagnitude": 3}, 5, 8),
        ({"AdjustmentType": "PercentChangeInCapacity", "ScalingAdjustment": -10, "MinAdjustmentMagnitude": 3}, 5, 2),
    ],
)
def test_adjustments(configuration: dict[str, Any], capacity: int, expected: int | None) -> None:
    step = {"ScalingAdjustment": configuration["ScalingAdjustment"]}
    found = stepped_capacity(
        {**configuration, "StepAdjustments": [step]}, capacity=capacity, breach=1, out=None, back=None
    )
    assert found == expected


@pytest.mark.parametrize(
    ("breach", "out", "back", "expected"),
    [
        (0, Past(10, 1), None, None),
        (10, Past(10, 1), None, 3),
        (0, Past(300, 1), None, 3),
        (-1, None, Past(10, 4), None),
        (-1, Past(10, 1), None, 1),
        (0, None, Past(10, 4), 3),
    ],
)
def test_during_a_cool_down_only_a_larger_step_out_adds_and_none_takes_away(
    breach: float, out: Past | None, back: Past | None, expected: int | None
) -> None:
    policy = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": STEPS, "Cooldown": 300}
    assert stepped_capacity(policy, capacity=2, breach=breach, out=out, back=back) == expected


def asked(**capacities: int) -> list[Proposal]:
    return [Proposal(name, name, "alarm", "ALARM", capacity) for name, capacity in capacities.items()]


@pytest.mark.parametrize(
    ("proposals", "trackers", "expected"),
    [
        (asked(a=3, b=5), ["a"], "b"),
        (asked(a=0, b=1), ["a", "b"], "b"),
        (asked(a=0), ["a", "b"], None),
        (asked(a=0, step=1), ["a", "b"], "step"),
        (asked(a=0, step=4), ["a", "b"], "step"),
        (asked(a=9), ["a"], "a"),
        ([], ["a"], None),
    ],
)
def test_the_largest_capacity_wins_and_scaling_in_needs_every_tracking_policy(
    proposals: list[Proposal], trackers: list[str], expected: str | None
) -> None:
    best = chosen(proposals, 2, trackers, 0, 4)
    assert (best.policy_arn if best else None) == expected


def test_a_proposal_beyond_a_bound_that_is_reached_is_none() -> None:
    assert chosen(asked(a=9), 4, ["a"], 0, 4) is None


def scaled(*changes: tuple[int, int, str, str]) -> Activities:
    """The activities of a target: capacity before and after, the policy, and how it ended."""
    activities = Activities(Clock())
    for before, after, policy, status in changes:
        activities.add(Activity("region", "resource", "dimension", "cause", before, after, policy))
        activities.settle(lambda _, status=status: (status, ""))  # type: ignore[misc]
    return activities


@pytest.mark.parametrize(
    ("changes", "out", "capacity_before"),
    [
        ([(1, 2, "mine", SUCCESSFUL)], True, 1),
        ([(1, 2, "other", SUCCESSFUL)], True, None),
        ([(1, 2, "mine", FAILED)], True, None),
        ([(0, 1, "mine", SUCCESSFUL), (1, 2, "mine", FAILED)], True, 0),
        ([(3, 2, "mine", SUCCESSFUL)], False, 3),
        ([(3, 2, "mine", SUCCESSFUL), (2, 3, "other", SUCCESSFUL)], False, None),
        ([(1, 2, "mine", SUCCESSFUL), (2, 1, "mine", SUCCESSFUL)], True, 1),
    ],
)
def test_a_cool_down_is_that_of_the_last_change_which_succeeded_and_scaling_out_ends_that_of_scaling_in(
    changes: list[tuple[int, int, str, str]], out: bool, capacity_before: int | None
) -> None:
    past = scaled(*changes).past("region", "resource", "mine", out=out)
    assert (past.capacity_before if past else None) == capacity_before
