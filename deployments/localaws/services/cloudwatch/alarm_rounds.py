"""A round of evaluation: all alarms are judged by the AWS minutes that have passed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.exceptions import ServiceException

from localaws.services.cloudwatch.alarm_evaluation import (
    COMPARISON_OPERATORS,
    EXTRA_PERIODS,
    Datapoint,
    Rule,
    Verdict,
    evaluate,
    reason,
)
from localaws.services.cloudwatch.alarm_message import queries
from localaws.services.cloudwatch.alarms import actions_of, change_state, is_scaling_policy
from localaws.services.cloudwatch.metric_history import MINUTE, MetricHistory
from localaws.services.cloudwatch.queries import metric_of, run
from localaws.services.moto_services import ACCOUNT


@dataclass(frozen=True)
class Trigger:
    """A scaling policy that an alarm's state runs, with the metric's latest value (None if unknown) and threshold."""

    region: str
    alarm_name: str
    alarm_state: str
    policy_arn: str
    value: float | None
    threshold: float


def evaluate_all(
    history: MetricHistory, is_ours: Callable[[Any], bool], failed: Callable[[Exception], None]
) -> list[Trigger]:
    """Update our alarms' states; return the scaling policies to run, in every round for as long as a state lasts."""
    triggers: list[Trigger] = []
    for region, backend in list(cloudwatch_backends[ACCOUNT].items()):
        for alarm in list(backend.alarms.values()):
            judged = alarm.comparison_operator in COMPARISON_OPERATORS and alarm.threshold is not None
            if judged and is_ours(alarm):
                try:
                    window = _evaluate(backend, alarm, history)
                except Exception as exc:  # one broken alarm must not silence the others
                    failed(exc)
                    continue
                triggers.extend(triggers_of(region, alarm, window))
    return triggers


def triggers_of(region: str, alarm: Any, window: list[Datapoint | None]) -> Iterator[Trigger]:
    """Yield the scaling policies among the alarm's actions in its current state."""
    value = next((each.value for each in reversed(window) if each is not None), None)
    for action in actions_of(alarm):
        if is_scaling_policy(action):
            yield Trigger(region, alarm.name, alarm.state_value, action, value, alarm.threshold or 0.0)


def datapoints(alarm: Any, history: MetricHistory, region: str) -> list[Datapoint | None]:
    """The alarm's datapoints in its last complete periods, newest last; an empty list if they cannot be calculated."""
    asked = queries(alarm)
    period = max(_period(asked), MINUTE)
    end = history.minute()
    instants = [end - back * period for back in range(alarm.evaluation_periods + EXTRA_PERIODS, 0, -1)]

    def fetch(stat: dict[str, Any]) -> dict[float, Any]:
        return history.samples(region, metric_of(stat), instants[0], end, period, stat.get("Unit"))

    returned = next((each for each in asked if each.get("ReturnData", True)), asked[0])
    try:
        series = run(asked, fetch, instants[0], end)[returned["Id"]]
    except ServiceException:
        alarm.evaluation_state = "EVALUATION_ERROR"
        return []
    return [Datapoint(instant, series[instant]) if instant in series else None for instant in instants]


def _evaluate(backend: Any, alarm: Any, history: MetricHistory) -> list[Datapoint | None]:
    window = datapoints(alarm, history, backend.region_name)
    if not window:
        return []
    rule = Rule(
        alarm.comparison_operator,
        float(alarm.threshold),
        int(alarm.evaluation_periods),
        int(alarm.datapoints_to_alarm or alarm.evaluation_periods),
        alarm.treat_missing_data or "missing",
    )
    verdict = evaluate(rule, window)
    if verdict.state not in (None, alarm.state_value):
        text = reason(rule, verdict, alarm.state_value)
        change_state(backend, alarm, str(verdict.state), text, _reason_data(alarm, rule, verdict))
    return window


def _period(asked: list[dict[str, Any]]) -> int:
    periods = [int((query.get("MetricStat") or query).get("Period") or 0) for query in asked]
    return min((period for period in periods if period), default=MINUTE)


def _reason_data(alarm: Any, rule: Rule, verdict: Verdict) -> dict[str, Any]:
    moments = [datetime.fromtimestamp(each.instant, UTC) for each in verdict.looked_at]
    return {
        "version": "1.0",
        "queryDate": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        **({"startDate": moments[0].strftime("%Y-%m-%dT%H:%M:%S.000+0000")} if moments else {}),
        **({"statistic": alarm.statistic} if alarm.statistic else {}),
        "period": alarm.period or MINUTE,
        "recentDatapoints": [each.value for each in verdict.looked_at],
        "threshold": rule.threshold,
    }
