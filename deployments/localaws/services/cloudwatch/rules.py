"""CloudWatch's refusals: of requests that violate its service model, or the further rules of its documentation."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import (
    CloudWatchException,
    InvalidParameterCombination,
    InvalidParameterValue,
    ValidationError,
)

from localaws.constraints import violation_message, violations

LONGEST_EVALUATION_SECONDS = 86_400
# The limits of PutMetricData and GetMetricStatistics, from AWS's documentation.
MOST_DATUMS = 1000
MOST_VALUES = 150
MOST_DATAPOINTS = 1440
OLDEST_SECONDS, NEWEST_SECONDS = 14 * 86_400, 2 * 3600
LARGEST_VALUE = 2.0**360
_SHORT_PERIODS = (1, 5, 10, 20, 30)
_SHORT_ALARM_PERIODS = (10, 20, 30)
_MISSING_DATA = ("breaching", "notBreaching", "ignore", "missing")
_QUERY_ID = "^[a-z][a-zA-Z0-9_]*$"
_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")


def check_put_metric_data(request: Mapping[str, Any]) -> None:
    """Refuse datapoints that CloudWatch would not accept; moto makes further checks of each."""
    if found := violations("cloudwatch", "PutMetricData", dict(request)):
        raise ValidationError(violation_message(found))
    if request["Namespace"].startswith("AWS/"):
        raise InvalidParameterValue("The value AWS/ for parameter Namespace is invalid.")
    data = datums_of(request)
    if len(data) > MOST_DATUMS:
        raise InvalidParameterValue(
            f"The collection MetricData must not have a size greater than {MOST_DATUMS}, but has {len(data)}."
        )
    for number, datum in enumerate(data, 1):
        _check_datum(datum, f"MetricData.member.{number}")


def datums_of(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The datapoints of PutMetricData, including those of entities."""
    entities = request.get("EntityMetricData") or []
    return [*(request.get("MetricData") or []), *(each for entity in entities for each in entity.get("MetricData", []))]


def _check_datum(datum: Mapping[str, Any], where: str) -> None:
    values = datum.get("Values") or []
    if not values and "Value" not in datum and "StatisticValues" not in datum:
        raise CloudWatchException("MissingParameter", "At least one of the parameters must be specified.")
    if len(values) > MOST_VALUES:
        raise InvalidParameterValue(f"The collection {where}.Values must not have a size greater than {MOST_VALUES}.")
    for name, value in [("Value", datum.get("Value", 0.0)), *(("Values", value) for value in values)]:
        if not math.isnan(value) and abs(value) > LARGEST_VALUE:
            raise InvalidParameterValue(f"The value {value} for parameter {where}.{name} is invalid.")
    if (moment := datum.get("Timestamp")) is not None:
        age = (datetime.now(UTC) - (moment if moment.tzinfo else moment.replace(tzinfo=UTC))).total_seconds()
        if age > OLDEST_SECONDS:
            raise InvalidParameterValue(
                f"The parameter {where}.Timestamp must specify a time within the past two weeks."
            )
        if age < -NEWEST_SECONDS:
            raise InvalidParameterValue(
                f"The parameter {where}.Timestamp must specify a time no more than two hours in the future."
            )


def check_get_metric_statistics(request: Mapping[str, Any]) -> None:
    """Refuse an invalid query of statistics; moto's parser has already checked the types."""
    if found := violations("cloudwatch", "GetMetricStatistics", dict(request)):
        raise ValidationError(violation_message(found))
    if not request.get("Statistics") and not request.get("ExtendedStatistics"):
        raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
    _check_period(request["Period"], "Period")


def check_queries(queries: Iterable[Mapping[str, Any]]) -> None:
    """Refuse metric queries with invalid names or periods."""
    names = Counter(str(query.get("Id")) for query in queries)
    for number, name in enumerate(names, 1):
        if not re.match(_QUERY_ID, name):
            raise ValidationError(
                f"The value {name} for parameter MetricDataQueries.member.{number}.Id is not matching the expected "
                f"pattern {_QUERY_ID}."
            )
    if any(count > 1 for count in names.values()):
        raise ValidationError("The values for parameter Id in MetricDataQueries are not unique.")
    for number, query in enumerate(queries, 1):
        for place, asked in (("MetricStat.Period", query.get("MetricStat")), ("Period", query)):
            if asked is not None and asked.get("Period") is not None:
                _check_period(asked["Period"], f"MetricDataQueries.member.{number}.{place}")


def _check_period(period: int, where: str) -> None:
    if period < 1 or (period not in _SHORT_PERIODS and period % 60):
        raise InvalidParameterValue(f"The parameter {where} must be 1, 5, 10, 20, 30 or a multiple of 60.")


def check_alarm(request: Mapping[str, Any], region: str) -> None:
    """Refuse an alarm that CloudWatch could not evaluate, or whose actions it could not run."""
    if found := violations("cloudwatch", "PutMetricAlarm", dict(request)):
        raise ValidationError(violation_message(found))
    queries = request.get("Metrics") or []
    if ("MetricName" in request) == bool(queries):
        raise ValidationError("Exactly one of MetricName and Metrics must be specified.")
    if queries:
        check_queries(queries)
        if sum(query.get("ReturnData") is not False for query in queries) != 1 + ("ThresholdMetricId" in request):
            raise ValidationError("Exactly one element of the metrics list should return data.")
    else:
        _check_alarm_metric(request)
    if ("Threshold" in request) == ("ThresholdMetricId" in request):
        raise ValidationError("Exactly one of Threshold and ThresholdMetricId must be specified.")
    treated = request.get("TreatMissingData", "missing")
    if treated not in _MISSING_DATA:
        options = ", ".join(_MISSING_DATA)
        raise InvalidParameterValue(
            f"Option {treated} is not supported. Supported options for parameter TreatMissingData are {options}."
        )
    _check_evaluation(request)
    for action in [action for name in _ACTIONS for action in request.get(name) or []]:
        _check_action(action, region)


def _check_alarm_metric(request: Mapping[str, Any]) -> None:
    if ("Statistic" in request) == ("ExtendedStatistic" in request):
        raise ValidationError("Exactly one of Statistic and ExtendedStatistic must be specified.")
    period = request.get("Period")
    if period is None or (period not in _SHORT_ALARM_PERIODS and period % 60):
        raise ValidationError("Period must be 10, 20, 30 or a multiple of 60")


def _check_evaluation(request: Mapping[str, Any]) -> None:
    periods = int(request.get("EvaluationPeriods", 1))
    if int(request.get("DatapointsToAlarm", 1)) > periods:
        raise ValidationError("Datapoints to alarm must be less than or equal to evaluation periods")
    period = int(request.get("Period") or 60)
    if period < 3600 and period * periods > LONGEST_EVALUATION_SECONDS:
        raise ValidationError(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)."
        )


def _check_action(action: str, region: str) -> None:
    parts = action.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        raise ValidationError(f"Invalid arn syntax: {action}")
    if parts[3] and parts[3] != region:
        raise ValidationError(f"Invalid region {parts[3]} specified. Only {region} is supported.")
