"""Alarms and dashboard: on metrics that are published, with their dimensions; each alarm rings and calms down again."""

import json
import re

import boto3
import pytest

from localaws import LocalAws
from localaws.services.cloudwatch.datapoints import put_value
from localaws.services.cloudwatch.metric_store import Metric
from tasks.hosting.dashboard import WIDGETS, dashboard_body, dashboard_url, make_dashboard
from tasks.hosting.monitoring import PUBLISHED, alarm_request, alarms_of, dimensions, namespace, watch
from tasks.plan import RunPlan
from tasks.resources.inventory import existing
from tasks.resources.teardown import tear_down_run
from tests.tasks.deployed import BUCKET, RUN_ID, deployed, hurried

ENDPOINT = "stygig-async-1"
TOPIC = "arn:aws:sns:us-east-1:123456789012:mine"
RINGING: dict[str, dict[str, float]] = {
    "no-capacity": {"HasBacklogWithoutCapacity": 1},
    "backlog-age": {"ApproximateAgeOfOldestRequest": 1801},
    "failures": {"InvocationFailures": 1},
    "expired": {"ExpiredRequests": 1},
    "delivery": {"NotificationFailures": 1},
    "latency": {"ModelLatency": 250e6},
    "idle": {"ApproximateBacklogSize": 0, "CPUUtilization": 3},
}
CALM: dict[str, dict[str, float]] = {
    "no-capacity": {"HasBacklogWithoutCapacity": 0},
    "backlog-age": {"ApproximateAgeOfOldestRequest": 1799},
    "latency": {"ModelLatency": 230e6},
    "idle": {"ApproximateBacklogSize": 1, "CPUUtilization": 3},
}
UNITS = {"ModelLatency": "Microseconds", "ApproximateAgeOfOldestRequest": "Seconds", "CPUUtilization": "Percent"}


def state(name: str) -> str:
    (alarm,) = boto3.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return alarm["StateValue"]


def publish(name: str, value: float) -> None:
    """What SageMaker itself publishes: nobody else may put into its namespaces."""
    metric = Metric(namespace(name), name, frozenset(dimensions(name, ENDPOINT).items()))
    put_value("us-east-1", metric, UNITS.get(name, "Count"), value)


def minutes(aws: LocalAws, count: int, values: dict[str, float]) -> None:
    for _ in range(count):
        for name, value in values.items():
            publish(name, value)
        aws.advance(60)


@pytest.mark.parametrize("what", RINGING)
def test_each_alarm_rings_and_calms_down(plan: RunPlan, local_aws: LocalAws, what: str) -> None:
    local_aws.clock.rate = 1e-6
    watch(plan, ENDPOINT, TOPIC)
    (alarm,) = (each for each in alarms_of(plan) if each.name == what)
    name = plan.names.alarm(ENDPOINT, what)
    minutes(local_aws, alarm.minutes - 1, RINGING[what])
    assert state(name) != "ALARM"
    minutes(local_aws, 3, RINGING[what])
    assert state(name) == "ALARM"
    others = {plan.names.alarm(ENDPOINT, each.name): each.name for each in alarms_of(plan) if each.name != what}
    assert [each for alarm_name, each in others.items() if state(alarm_name) == "ALARM"] == []
    minutes(local_aws, alarm.minutes + 3, CALM.get(what, {}))
    assert state(name) == "OK"


def test_the_alarms_are_on_published_metrics_with_their_dimensions(plan: RunPlan) -> None:
    for alarm in alarms_of(plan):
        request = alarm_request(alarm, "name", ENDPOINT, [TOPIC], plan)
        assert request["AlarmActions"] == [TOPIC] == request["OKActions"]
        assert set(re.findall(r"\b[a-z]\b", alarm.expression)) == set(alarm.metrics)
        for query in request["Metrics"][:-1]:
            asked = query["MetricStat"]["Metric"]
            assert {each["Name"] for each in asked["Dimensions"]} == set(dimensions(asked["MetricName"], ENDPOINT))
    assert {each.name for each in alarms_of(plan)} == set(RINGING)


def test_what_an_endpoint_really_publishes_is_in_the_table(plan: RunPlan, local_aws: LocalAws) -> None:
    name = deployed(plan, "async").name
    local_aws.advance(120)
    found = boto3.client("cloudwatch").list_metrics()["Metrics"]
    ours = [each for each in found if {"Name": "EndpointName", "Value": name} in each["Dimensions"]]
    assert ours
    for each in (metric for metric in ours if metric["MetricName"] in PUBLISHED):
        asked = {"Namespace": namespace(each["MetricName"]), **dimensions(each["MetricName"], name)}
        assert asked == {"Namespace": each["Namespace"], **{d["Name"]: d["Value"] for d in each["Dimensions"]}}


def test_every_widget_names_a_published_metric_and_stands_alone(plan: RunPlan) -> None:
    body = dashboard_body(plan, ENDPOINT)
    assert {name for _, metrics in WIDGETS for name, _ in metrics} <= set(PUBLISHED)
    places = [(each["x"], each["y"]) for each in body["widgets"]]
    assert len(set(places)) == len(places)
    assert all(each["x"] + each["width"] <= 24 for each in body["widgets"])
    backlog = body["widgets"][1]["properties"]["metrics"][0]
    assert backlog[:4] == ["AWS/SageMaker", "ApproximateBacklogSize", "EndpointName", ENDPOINT]
    assert isinstance(backlog[4], dict), "a backlog has no variant"
    json.dumps(body)


def test_alarms_and_dashboard_go_with_the_rest(plan: RunPlan) -> None:
    endpoint = deployed(plan, "async")
    watch(plan, endpoint.name)
    name = make_dashboard(plan, endpoint.name)
    assert dashboard_url(plan, name).endswith(f"#dashboards:name={name}")
    kinds = [each.kind for each in existing(BUCKET, RUN_ID).resources]
    assert (kinds.count("alarm"), kinds.count("dashboard")) == (len(alarms_of(plan)), 1)
    tear_down_run(BUCKET, RUN_ID, hurried(), print).proven()
    cloudwatch = boto3.client("cloudwatch")
    assert cloudwatch.list_dashboards()["DashboardEntries"] == []
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
