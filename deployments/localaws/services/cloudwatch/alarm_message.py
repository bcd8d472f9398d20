"""The message that an alarm sends to a topic when its state changes, with the same members as CloudWatch's."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import botocore.session


@cache
def region_name(region: str) -> str:
    """The region's display name, which CloudWatch uses: us-east-1 is US East (N. Virginia)."""
    partitions = botocore.session.get_session().get_data("partitions")["partitions"]
    names = {code: each["description"] for partition in partitions for code, each in partition["regions"].items()}
    return str(names.get(region, region))


def subject(alarm: Any) -> str:
    """The subject of the notification; SNS accepts at most 100 characters."""
    return f'{alarm.state_value}: "{alarm.name}" in {region_name(alarm.region_name)}'[:100]


def message(alarm: Any, previous: str) -> str:
    """The notification's JSON."""
    return json.dumps(
        {
            "AlarmName": alarm.name,
            "AlarmDescription": alarm.description,
            "AWSAccountId": alarm.alarm_arn.split(":")[4],
            "AlarmConfigurationUpdatedTimestamp": _moment(alarm.configuration_updated_timestamp),
            "NewStateValue": alarm.state_value,
            "NewStateReason": alarm.state_reason,
            "StateChangeTime": _moment(alarm.state_updated_timestamp),
            "Region": region_name(alarm.region_name),
            "AlarmArn": alarm.alarm_arn,
            "OldStateValue": previous,
            "OKActions": alarm.ok_actions,
            "AlarmActions": alarm.alarm_actions,
            "InsufficientDataActions": alarm.insufficient_data_actions,
            "Trigger": _trigger(alarm),
        }
    )


def queries(alarm: Any) -> list[dict[str, Any]]:
    """The alarm's metrics as queries of GetMetricData; a single query for an alarm on a single metric."""
    if not alarm.metric_data_queries:
        metric = {"Namespace": alarm.namespace, "MetricName": alarm.metric_name, "Dimensions": _pairs(alarm.dimensions)}
        stat = {"Metric": metric, "Period": alarm.period, "Stat": alarm.statistic or alarm.extended_statistic}
        return [{"Id": "m1", "MetricStat": {**stat, **({"Unit": alarm.unit} if alarm.unit else {})}}]
    return [_query(query) for query in alarm.metric_data_queries]


def _query(query: Any) -> dict[str, Any]:
    returned = {"Id": query.id, "ReturnData": query.return_data is not False}
    labelled = {**returned, **({"Label": query.label} if query.label else {})}
    if query.metric_stat is None:
        return {**labelled, "Expression": query.expression, **({"Period": query.period} if query.period else {})}
    stat = query.metric_stat
    metric = {
        "Namespace": stat.metric.namespace,
        "MetricName": stat.metric.metric_name,
        "Dimensions": _pairs(stat.metric.dimensions),
    }
    unit = {"Unit": stat.unit} if stat.unit else {}
    return {**labelled, "MetricStat": {"Metric": metric, "Period": stat.period, "Stat": stat.stat, **unit}}


def _trigger(alarm: Any) -> dict[str, Any]:
    settings = {
        "Period": alarm.period,
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm,
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.treat_missing_data or "missing",
        "EvaluateLowSampleCountPercentile": alarm.evaluate_low_sample_count_percentile or "",
    }
    set_ones = {name: value for name, value in settings.items() if value is not None}
    if alarm.metric_data_queries:
        return {**set_ones, "Metrics": queries(alarm)}
    extended = {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": alarm.extended_statistic}
    simple = {"StatisticType": "Statistic", "Statistic": (alarm.statistic or "").upper()}
    return {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        **(extended if alarm.extended_statistic else simple),
        "Unit": alarm.unit,
        # CloudWatch writes these two members in lower case.
        "Dimensions": [{"value": each.value, "name": each.name} for each in alarm.dimensions],
        **set_ones,
    }


def _pairs(dimensions: Any) -> list[dict[str, str]]:
    return [{"Name": each.name, "Value": each.value} for each in dimensions]


def _moment(moment: Any) -> str:
    # moto's datetimes are naive and in UTC, so they have no offset of their own.
    return f"{moment.isoformat(timespec='milliseconds')}+0000"
