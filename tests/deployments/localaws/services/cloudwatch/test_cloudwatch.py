"""CloudWatch through boto3: queries, and alarms which change their state by themselves."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import moto.cloudwatch.models
import moto.cloudwatch.responses
import pytest
from botocore.exceptions import ClientError

from localaws import LocalAws
from localaws.services.cloudwatch import alarm_rounds
from tests.deployments.localaws.cloud import STANDING, Cloud

ALARM = {
    "AlarmName": "alarm",
    "Namespace": "Mine",
    "MetricName": "load",
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 5.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


def put(cloud: Cloud, *values: float, name: str = "load", **datum: Any) -> None:
    data = [{"MetricName": name, "Value": value, **datum} for value in values]
    cloud.client("cloudwatch").put_metric_data(Namespace="Mine", MetricData=data)


def stat(query_id: str, statistic: str, name: str = "load", period: int = 60, **query: Any) -> dict[str, Any]:
    metric = {"Namespace": "Mine", "MetricName": name}
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic}, **query}


def ask(cloud: Cloud, *queries: dict[str, Any], **request: Any) -> dict[str, dict[str, Any]]:
    now = datetime.now(UTC)
    answer = cloud.client("cloudwatch").get_metric_data(
        MetricDataQueries=list(queries),
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        **request,
    )
    return {result["Id"]: result for result in answer["MetricDataResults"]}


def refused(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refusal:
        call(**request)
    error = refusal.value.response["Error"]
    return error["Code"], error["Message"]


def test_moto_calls_what_is_replaced_as_the_replacements_expect() -> None:
    backend, answers = motos_methods(moto.cloudwatch.models), motos_methods(moto.cloudwatch.responses)
    assert backend["put_metric_data"] == ["self", "namespace", "metric_data"]
    assert backend["get_metric_data"] == ["self", "queries", "start_time", "end_time", "scan_by"]
    assert backend["get_filtered_metrics"] == ["self", "metric_name", "namespace", "dimensions"]
    assert backend["put_metric_alarm"][:2] == ["self", "name"]
    assert backend["delete_alarms"] == ["self", "alarm_names"]
    assert backend["set_alarm_state"] == ["self", "alarm_name", "reason", "reason_data", "state_value"]
    assert backend["update_state"] == ["self", "reason", "reason_data", "state_value"]
    for name in ("put_metric_data", "get_metric_statistics", "put_metric_alarm"):
        assert answers[name] == ["self"]
    assert "describe_alarm_history" not in answers


def motos_methods(module: Any) -> dict[str, list[str]]:
    tree = ast.parse(inspect.getsource(module))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {function.name: [argument.arg for argument in function.args.args] for function in functions}


def test_percentiles_and_metric_math_are_answered(cloud: Cloud) -> None:
    put(cloud, *range(1, 101))
    put(cloud, 4, name="parts")
    results = ask(
        cloud,
        stat("p50", "p50", period=3600),
        stat("p99", "p99", period=3600, Label="tail"),
        stat("tm", "tm90", period=3600),
        stat("parts", "Sum", "parts", period=3600, ReturnData=False),
        {"Id": "share", "Expression": "p99 / parts"},
        {"Id": "filled", "Expression": "FILL(nothing, 7)"},
        stat("nothing", "Sum", "unheard"),
    )
    assert {name: result["Values"] for name, result in results.items() if name != "filled"} == {
        "p50": [50],
        "p99": [99],
        "tm": [45.5],
        "share": [24.75],
        "nothing": [],
    }
    assert set(results["filled"]["Values"]) == {7}
    assert (results["p99"]["Label"], results["p50"]["Label"]) == ("tail", "load")


def test_datapoints_are_grouped_by_period_in_the_order_asked_for(cloud: Cloud) -> None:
    now = datetime.now(UTC).replace(second=30)
    for minutes in (1, 2, 3):
        put(cloud, minutes, minutes, Timestamp=now - timedelta(minutes=minutes))
    newest_first = ask(cloud, stat("load", "Sum"))["load"]
    assert newest_first["Values"] == [2, 4, 6]
    assert newest_first["Timestamps"][0] == (now - timedelta(minutes=1)).replace(second=0, microsecond=0)
    assert ask(cloud, stat("load", "Sum"), ScanBy="TimestampAscending")["load"]["Values"] == [6, 4, 2]
    assert ask(cloud, stat("load", "SampleCount", period=3600))["load"]["Values"] == [6]


def test_percentiles_of_metric_statistics(cloud: Cloud) -> None:
    put(cloud, *range(1, 101), Unit="Milliseconds")
    now = datetime.now(UTC)
    request = {
        "Namespace": "Mine",
        "MetricName": "load",
        "StartTime": now - timedelta(minutes=5),
        "EndTime": now + timedelta(minutes=5),
        "Period": 600,
    }
    call = cloud.client("cloudwatch").get_metric_statistics
    [point] = call(**request, ExtendedStatistics=["p90", "p99.9"])["Datapoints"]
    assert (point["ExtendedStatistics"], point["Unit"]) == ({"p90": 90, "p99.9": 100}, "Milliseconds")
    assert call(**request, Statistics=["Sum"], Unit="Seconds")["Datapoints"] == []
    assert refused(call, **request, ExtendedStatistics=["q9"])[0] == "InvalidParameterValue"
    assert refused(call, **{**request, "StartTime": now - timedelta(days=14), "Period": 60}, Statistics=["Sum"]) == (
        "InvalidParameterCombination",
        "You have requested up to 20,166 datapoints, which exceeds the limit of 1,440. You may reduce the datapoints "
        "requested by increasing Period, or decreasing the time range.",
    )


def test_a_metric_is_its_namespace_name_and_all_dimensions(cloud: Cloud) -> None:
    put(cloud, 3, Dimensions=[{"Name": "a", "Value": "b"}])
    assert ask(cloud, stat("load", "Sum"))["load"]["Values"] == []
    [metric] = cloud.client("cloudwatch").list_metrics(Namespace="Mine")["Metrics"]
    assert metric == {"Namespace": "Mine", "MetricName": "load", "Dimensions": [{"Name": "a", "Value": "b"}]}


def test_what_cannot_be_calculated_is_refused(cloud: Cloud) -> None:
    client = cloud.client("cloudwatch")
    wrong = [
        [{"Id": "e", "Expression": "m9 + 1"}],
        [{"Id": "e", "Expression": "e"}],
        [{"Id": "e", "Expression": "import os"}],
        [stat("m", "median")],
        [stat("1m", "Sum")],
        [stat("m", "Sum"), stat("m", "Sum")],
    ]
    now = datetime.now(UTC)
    for queries in wrong:
        when = {"StartTime": now - timedelta(hours=1), "EndTime": now}
        assert refused(client.get_metric_data, MetricDataQueries=queries, **when)[0] == "ValidationError"
    where = {"Namespace": "Mine", "MetricName": "load", "StartTime": now - timedelta(hours=1), "EndTime": now}
    assert "multiple of 60" in refused(client.get_metric_statistics, **where, Period=7, Statistics=["Sum"])[1]


def test_a_datapoint_that_cannot_be_is_refused(cloud: Cloud) -> None:
    client, now = cloud.client("cloudwatch"), datetime.now(UTC)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "At least one of the parameters must be specified"),
        ({"Value": 1e200}, "is invalid"),
        ({"Values": [float("inf")]}, "is invalid"),
        ({"Values": [1.0] * 151}, "must not have a size greater than 150"),
        ({"Value": 1, "Unit": "Bananas"}, "enum value set"),
        ({"Value": 1, "Timestamp": now - timedelta(days=15)}, "within the past two weeks"),
        ({"Value": 1, "Timestamp": now + timedelta(hours=3)}, "no more than two hours in the future"),
    ]
    for members, text in wrong:
        data = [{"MetricName": "load", **members}]
        assert text in refused(client.put_metric_data, Namespace="Mine", MetricData=data)[1]
    datum = {"MetricName": "Invocations", "Value": 1}
    assert refused(client.put_metric_data, Namespace="AWS/SageMaker", MetricData=[datum]) == (
        "InvalidParameterValue",
        "The value AWS/ for parameter Namespace is invalid.",
    )
    entity = {
        "Entity": {"KeyAttributes": {"Type": "Service", "Name": "n"}},
        "MetricData": [{"MetricName": "load", "Value": 3}],
    }
    client.put_metric_data(Namespace="Mine", EntityMetricData=[entity])
    assert ask(cloud, stat("load", "Sum"))["load"]["Values"] == [3]


def alarm_state(cloud: Cloud, name: str = "alarm") -> dict[str, Any]:
    [alarm] = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    described: dict[str, Any] = alarm
    return described


@pytest.fixture
def topic(cloud: Cloud) -> tuple[str, str]:
    """A topic and the queue behind it."""
    sqs, arn = cloud.client("sqs"), cloud.client("sns").create_topic(Name="alarms")["TopicArn"]
    queue = "arn:aws:sqs:us-east-1:123456789012:alarms"
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    url = sqs.create_queue(QueueName="alarms", Attributes={"Policy": policy})["QueueUrl"]
    cloud.client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)
    return arn, url


def received(cloud: Cloud, url: str) -> tuple[str, dict[str, Any]]:
    [message] = cloud.client("sqs").receive_message(QueueUrl=url)["Messages"]
    cloud.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    envelope = json.loads(message["Body"])
    return envelope["Subject"], json.loads(envelope["Message"])


def test_an_alarm_rings_tells_its_topic_and_calms_down_again(cloud: Cloud, topic: tuple[str, str]) -> None:
    cloud.aws.clock.rate = STANDING
    arn, url = topic
    cloud.client("cloudwatch").put_metric_alarm(
        **ALARM, AlarmActions=[arn], OKActions=[arn], AlarmDescription="too much", TreatMissingData="notBreaching"
    )
    assert alarm_state(cloud)["StateValue"] == "INSUFFICIENT_DATA"
    cloud.minutes(1)
    assert received(cloud, url)[1]["NewStateValue"] == "OK"
    for expected in ("OK", "ALARM"):
        put(cloud, 7.5)
        cloud.minutes(1)
        assert alarm_state(cloud)["StateValue"] == expected
    subject, message = received(cloud, url)
    assert subject == 'ALARM: "alarm" in US East (N. Virginia)'
    assert message["NewStateReason"].startswith("Threshold Crossed: 2 out of the last 2 datapoints [7.5 (")
    told = ("AlarmName", "AlarmDescription", "AWSAccountId", "NewStateValue", "OldStateValue", "Region")
    assert [message[name] for name in told] == [
        "alarm",
        "too much",
        "123456789012",
        "ALARM",
        "OK",
        "US East (N. Virginia)",
    ]
    assert datetime.strptime(message["StateChangeTime"], "%Y-%m-%dT%H:%M:%S.%f%z").tzinfo is not None
    assert message["Trigger"] == {
        "MetricName": "load",
        "Namespace": "Mine",
        "StatisticType": "Statistic",
        "Statistic": "MAXIMUM",
        "Unit": None,
        "Dimensions": [],
        "Period": 60,
        "EvaluationPeriods": 2,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 5.0,
        "TreatMissingData": "notBreaching",
        "EvaluateLowSampleCountPercentile": "",
    }
    cloud.minutes_until(lambda: alarm_state(cloud)["StateValue"] == "OK")
    assert received(cloud, url)[1]["NewStateValue"] == "OK"
    states = [entry.fields["state"] for entry in cloud.aws.journal.entries("alarm.state", alarm="alarm")]
    assert states == ["OK", "ALARM", "OK"]


def test_an_alarm_of_an_expression_and_one_of_a_percentile(cloud: Cloud) -> None:
    cloud.aws.clock.rate = STANDING
    client = cloud.client("cloudwatch")
    queries = [
        stat("failed", "Sum", "failed", ReturnData=False),
        stat("all", "Sum", "all", ReturnData=False),
        {"Id": "rate", "Expression": "100 * failed / all", "Label": "failures"},
    ]
    common = {"EvaluationPeriods": 1, "Threshold": 20.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold"}
    client.put_metric_alarm(AlarmName="rate", Metrics=queries, **common)
    without = {name: value for name, value in ALARM.items() if name not in ("Statistic", *common)}
    client.put_metric_alarm(**{**without, "AlarmName": "tail"}, ExtendedStatistic="p90", **common)
    data = [{"MetricName": "failed", "Value": 1}, {"MetricName": "all", "Value": 4}]
    data += [{"MetricName": "load", "Values": [1, 30], "Counts": [5, 5]}]
    client.put_metric_data(Namespace="Mine", MetricData=data)
    cloud.minutes(1)
    assert {alarm_state(cloud, name)["StateValue"] for name in ("rate", "tail")} == {"ALARM"}


def test_an_alarm_runs_by_the_clock_of_the_embedded_aws_it_was_put_to(cloud: Cloud) -> None:
    cloud.aws.clock.rate = STANDING
    cloud.client("cloudwatch").put_metric_alarm(**ALARM, TreatMissingData="notBreaching")
    with LocalAws() as other:
        other.advance(600)
    assert alarm_state(cloud)["StateValue"] == "INSUFFICIENT_DATA"


def test_an_alarm_that_cannot_be_calculated_says_so_and_goes_on_as_it_is(cloud: Cloud) -> None:
    cloud.aws.clock.rate = STANDING
    common = {name: ALARM[name] for name in ("EvaluationPeriods", "Threshold", "ComparisonOperator")}
    wrong = [stat("m", "Sum", ReturnData=False), {"Id": "e", "Expression": "m + unheard"}]
    cloud.client("cloudwatch").put_metric_alarm(AlarmName="alarm", Metrics=wrong, **common)
    cloud.minutes(1)
    assert alarm_state(cloud).get("EvaluationState") == "EVALUATION_ERROR"
    assert alarm_state(cloud)["StateValue"] == "INSUFFICIENT_DATA"


def test_the_state_can_be_set_and_the_history_tells_everything(cloud: Cloud, topic: tuple[str, str]) -> None:
    cloud.aws.clock.rate = STANDING
    arn, url = topic
    client = cloud.client("cloudwatch")
    client.put_metric_alarm(**ALARM, AlarmActions=[arn, f"{arn}-missing"])
    client.set_alarm_state(AlarmName="alarm", StateValue="ALARM", StateReason="a drill")
    assert received(cloud, url)[1]["NewStateReason"] == "a drill"
    client.put_metric_alarm(**{**ALARM, "Threshold": 6.0}, AlarmActions=[arn], ActionsEnabled=False)
    assert alarm_state(cloud)["StateValue"] == "ALARM"
    client.set_alarm_state(AlarmName="alarm", StateValue="OK", StateReason="over")
    client.delete_alarms(AlarmNames=["alarm"])
    items = client.get_paginator("describe_alarm_history").paginate(AlarmName="alarm", PaginationConfig={"PageSize": 3})
    told = [(item["HistoryItemType"], item["HistorySummary"]) for page in items for item in page["AlarmHistoryItems"]]
    assert told == [
        ("ConfigurationUpdate", 'Alarm "alarm" deleted'),
        ("StateUpdate", "Alarm updated from ALARM to OK"),
        ("ConfigurationUpdate", 'Alarm "alarm" updated'),
        ("Action", f"Failed to execute action {arn}-missing"),
        ("Action", f"Successfully executed action {arn}"),
        ("StateUpdate", "Alarm updated from INSUFFICIENT_DATA to ALARM"),
        ("ConfigurationUpdate", 'Alarm "alarm" created'),
    ]
    assert refused(client.describe_alarm_history, NextToken="made up")[0] == "InvalidNextToken"
    [update] = client.describe_alarm_history(HistoryItemType="StateUpdate", MaxRecords=1)["AlarmHistoryItems"]
    assert json.loads(update["HistoryData"])["newState"] == {"stateValue": "OK", "stateReason": "over"}


REFUSED_ALARMS: list[tuple[dict[str, Any], str]] = [
    ({"ComparisonOperator": "IsOdd"}, "at 'comparisonOperator' failed to satisfy constraint"),
    ({"TreatMissingData": "panic"}, "Option panic is not supported"),
    ({"DatapointsToAlarm": 3}, "less than or equal to evaluation periods"),
    ({"EvaluationPeriods": 1441}, "more than a day"),
    ({"ExtendedStatistic": "p90"}, "Exactly one of Statistic and ExtendedStatistic"),
    ({"Statistic": None}, "Exactly one of Statistic and ExtendedStatistic"),
    ({"Threshold": None}, "Exactly one of Threshold and ThresholdMetricId"),
    ({"Period": 45}, "Period must be"),
    ({"Period": None}, "Period must be"),
    ({"AlarmActions": ["arn:aws:sns"]}, "Invalid arn syntax: arn:aws:sns"),
    ({"OKActions": ["arn:aws:sns:eu-west-1:123456789012:t"]}, "Invalid region eu-west-1 specified. Only us-east-1 is"),
    ({"Metrics": [stat("m", "Sum")]}, "Exactly one of MetricName and Metrics"),
    ({"MetricName": None, "Metrics": [stat("m", "Sum"), stat("n", "Sum")]}, "Exactly one element of the metrics list"),
]


def test_an_alarm_against_the_rules_is_refused(cloud: Cloud) -> None:
    call = cloud.client("cloudwatch").put_metric_alarm
    for members, text in REFUSED_ALARMS:
        request = {name: value for name, value in {**ALARM, **members}.items() if value is not None}
        assert text in refused(call, **request)[1]


def test_an_alarm_that_breaks_its_evaluation_leaves_the_others_alone(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def datapoints(alarm: Any, *args: Any) -> Any:
        return original(alarm, *args) if alarm.name != "alarm" else 1 / 0

    original = alarm_rounds.datapoints
    monkeypatch.setattr(alarm_rounds, "datapoints", datapoints)
    for name in ("alarm", "other"):
        cloud.client("cloudwatch").put_metric_alarm(**{**ALARM, "AlarmName": name, "TreatMissingData": "notBreaching"})
    cloud.minutes(1)
    assert alarm_state(cloud, "other")["StateValue"] == "OK"
    assert "ZeroDivisionError" in cloud.aws.journal.entries("scaling.error")[0].fields["error"]
