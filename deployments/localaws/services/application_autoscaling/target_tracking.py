"""The two alarms that Application Auto Scaling creates for a target tracking policy."""

from __future__ import annotations

import uuid
from typing import Any

from moto.cloudwatch.models import Dimension, Metric, MetricDataQuery, MetricStat

HIGH_PERIODS = 3
LOW_PERIODS = 15
LOW_SHARE = 0.9


def tracking_alarms(resource_id: str, configuration: dict[str, Any], action: str) -> list[dict[str, Any]]:
    """The arguments of moto's put_metric_alarm for both: 3 minutes above the target, 15 minutes below 90 % of it."""
    target = float(configuration["TargetValue"])
    common = {
        **_measured(resource_id, configuration),
        "description": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {action.partition(':createdBy/')[0]}.",
        "alarm_actions": [action],
    }
    high = {
        "name": f"TargetTracking-{resource_id}-AlarmHigh-{uuid.uuid4()}",
        "comparison_operator": "GreaterThanThreshold",
        "evaluation_periods": HIGH_PERIODS,
        "threshold": target,
    }
    low = {
        "name": f"TargetTracking-{resource_id}-AlarmLow-{uuid.uuid4()}",
        "comparison_operator": "LessThanThreshold",
        "evaluation_periods": LOW_PERIODS,
        "threshold": round(target * LOW_SHARE, 9),
    }
    return [{**common, **high}, {**common, **low}]


def _measured(resource_id: str, configuration: dict[str, Any]) -> dict[str, Any]:
    custom = configuration.get("CustomizedMetricSpecification") or _predefined(resource_id)
    if custom.get("Metrics"):
        return {
            "namespace": None,
            "metric_name": None,
            "statistic": None,
            "period": None,
            "dimensions": [],
            "metric_data_queries": [_query(query) for query in custom["Metrics"]],
        }
    return {
        "namespace": custom["Namespace"],
        "metric_name": custom["MetricName"],
        "statistic": custom["Statistic"],
        "unit": custom.get("Unit"),
        "period": 60,
        "dimensions": custom.get("Dimensions", []),
    }


def _predefined(resource_id: str) -> dict[str, Any]:
    """The metric of SageMakerVariantInvocationsPerInstance, which asynchronous endpoints do not publish."""
    _, endpoint, _, variant = resource_id.split("/")
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    return {
        "Namespace": "AWS/SageMaker",
        "MetricName": "InvocationsPerInstance",
        "Statistic": "Sum",
        "Dimensions": dimensions,
    }


def _query(query: dict[str, Any]) -> Any:
    stat = query.get("MetricStat")
    measured = None
    if stat is not None:
        metric = stat["Metric"]
        dimensions = [Dimension(each["Name"], each["Value"]) for each in metric.get("Dimensions", [])]
        named = Metric(metric["MetricName"], metric["Namespace"], dimensions)
        measured = MetricStat(named, 60, stat["Stat"], stat.get("Unit"))
    returned = query.get("ReturnData", True)
    return MetricDataQuery(query["Id"], query.get("Label"), None, returned, query.get("Expression"), measured)
