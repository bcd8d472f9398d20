"""The state of an alarm: M of N datapoints, and the treatment of missing ones. Pure functions."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

# CloudWatch looks this many periods further back than the alarm says, for datapoints to replace missing ones.
EXTRA_PERIODS = 2
OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
_COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than the threshold"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to the threshold"),
    "LessThanThreshold": (operator.lt, "less than the threshold"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to the threshold"),
}
COMPARISON_OPERATORS = frozenset(_COMPARISONS)


@dataclass(frozen=True)
class Rule:
    """The settings by which an alarm judges its datapoints."""

    comparison_operator: str
    threshold: float
    evaluation_periods: int
    datapoints_to_alarm: int
    treat_missing_data: str = "missing"

    def breaches(self, value: float) -> bool:
        """True if a datapoint of that value breaches the threshold."""
        return _COMPARISONS[self.comparison_operator][0](value, self.threshold)

    @property
    def words(self) -> str:
        """The comparison in words, for the reason of a state."""
        return _COMPARISONS[self.comparison_operator][1]


@dataclass(frozen=True)
class Datapoint:
    """A value of the metric and the start of its period, in seconds since the epoch."""

    instant: float
    value: float


@dataclass(frozen=True)
class Verdict:
    """The state that the datapoints call for (None keeps the current one), and the datapoints that were considered."""

    state: str | None
    looked_at: tuple[Datapoint, ...]


def evaluate(rule: Rule, window: Sequence[Datapoint | None]) -> Verdict:
    """Judge the last N + EXTRA_PERIODS periods, newest last; None stands for a period without a datapoint."""
    periods, needed = rule.evaluation_periods, rule.datapoints_to_alarm
    found = [each for each in window if each is not None][-periods:]
    breaching = sum(rule.breaches(each.value) for each in found)
    missing = periods - len(found)
    if missing and rule.treat_missing_data == "breaching":
        breaching += missing
    if breaching >= needed:
        return Verdict(ALARM, tuple(found))
    if not missing or rule.treat_missing_data in ("breaching", "notBreaching"):
        return Verdict(OK, tuple(found))
    return Verdict(_undecided(rule, window[-periods:], found), tuple(found))


def _undecided(rule: Rule, window: Sequence[Datapoint | None], found: Sequence[Datapoint]) -> str | None:
    """The state with too few datapoints, if missing ones count neither way; None keeps the current one."""
    ignored = rule.treat_missing_data == "ignore"
    if not found:
        return None if ignored else INSUFFICIENT_DATA
    if not all(rule.breaches(each.value) for each in found):
        return OK
    # For CloudWatch an old breach that nothing has contradicted since is an alarm, even with fewer than M datapoints.
    oldest = next((age for age, each in zip(range(len(window), 0, -1), window, strict=True) if each), 0)
    return ALARM if not ignored and oldest >= rule.datapoints_to_alarm else None


def reason(rule: Rule, verdict: Verdict, previous: str) -> str:
    """The reason for the alarm's new state, in CloudWatch's words."""
    periods, found = rule.evaluation_periods, verdict.looked_at
    if verdict.state == INSUFFICIENT_DATA:
        noun = "datapoint was" if periods == 1 else "datapoints were"
        return f"Insufficient Data: {periods} {noun} unknown."
    if not found:
        noun = "period" if periods == 1 else "periods"
        treated = rule.treat_missing_data[0].upper() + rule.treat_missing_data[1:]
        return (
            f"Threshold Crossed: no datapoints were received for {periods} {noun} and {periods} missing "
            f"datapoint{'' if periods == 1 else 's'} {'was' if periods == 1 else 'were'} treated as [{treated}]."
        )
    alarming = verdict.state == ALARM
    meant = [each for each in found if rule.breaches(each.value) == alarming]
    listed = ", ".join(f"{each.value} ({_moment(each.instant)})" for each in reversed(meant))
    least = rule.datapoints_to_alarm if alarming else periods - rule.datapoints_to_alarm + 1
    return (
        f"Threshold Crossed: {len(meant)} out of the last {periods} datapoints [{listed}] "
        f"{'was' if len(meant) == 1 else 'were'} {'' if alarming else 'not '}{rule.words} ({rule.threshold}) "
        f"(minimum {least} datapoint{'' if least == 1 else 's'} for {previous} -> {verdict.state} transition)."
    )


def _moment(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%d/%m/%y %H:%M:%S")
