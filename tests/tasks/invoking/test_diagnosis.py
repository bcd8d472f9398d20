"""Diagnoses of real requests and endpoints on the embedded AWS: one for each way in which they may be found."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import boto3
import pytest

from localaws import LocalAws
from localaws.faults import CallRefused, Faults, SlowColdStart, WorkerKilled
from tasks import clock
from tasks.errors import EndpointFailedError, NotFoundError, PermissionDeniedError
from tasks.exchange.recommendations import NOT_A_PICTURE, picture_request
from tasks.exchange.request import Request
from tasks.hosting.deploying import start_endpoint
from tasks.hosting.endpoint import EndpointSpec, wait_in_service
from tasks.hosting.scaling import scale_to_zero
from tasks.invoking.diagnosis import Diagnosis, Limits, diagnose
from tasks.invoking.diagnosis_words import advice_of, lines, to_dict
from tasks.invoking.invocation import submit
from tasks.invoking.records import InvocationRecord, save_record, save_records
from tasks.invoking.single import wait_by_hand
from tasks.limits import VARIANT
from tasks.names import S3Location
from tasks.pictures.queries import Picture
from tasks.plan import RunPlan
from tasks.storage import exists
from tests.tasks.deployed import BUCKET, NEVER_LOADS, deployed, hurried, picture_bytes, put_model

FAILING = """
def model_fn(model_dir): return None
def input_fn(body, content_type): return body
def predict_fn(data, model): raise RuntimeError("out of memory")
"""
NEVER_ANSWERS = """
import time
def model_fn(model_dir): return None
def input_fn(body, content_type): return body
def predict_fn(data, model): time.sleep(1000)
"""
LIMITS = Limits(ttl_seconds=3600, timeout_seconds=300)
PICTURE = picture_request(Picture("red.jpg", picture_bytes()), 1)
ABSENT = "5b0c3f6e-0000-4000-8000-000000000000"


def sent(plan: RunPlan, endpoint: str, request: Request = PICTURE) -> InvocationRecord:
    """The record of a request that nobody waits for."""
    record = submit(plan, endpoint, request)
    save_record(plan.names, record)
    return record


def told(asked: str) -> Diagnosis:
    return diagnose(BUCKET, asked, LIMITS)


def text(diagnosis: Diagnosis) -> str:
    return "\n".join(lines(diagnosis))


def eventually(look: Callable[[], object], what: str) -> None:
    deadline = hurried(60)
    for _ in deadline.polls(first_seconds=0.01):
        if look():
            return
    raise deadline.exceeded(what, "it did not", "")


def written(location: str) -> None:
    eventually(lambda: exists(S3Location.parse(location)), f"{location} to be written")


def put_to_sleep(endpoint: str) -> str:
    """Take the endpoint's only instance away."""
    sagemaker = boto3.client("sagemaker")
    none = [{"VariantName": VARIANT, "DesiredInstanceCount": 0}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=none)

    def asleep() -> bool:
        found = sagemaker.describe_endpoint(EndpointName=endpoint)
        return (found["EndpointStatus"], found["ProductionVariants"][0]["CurrentInstanceCount"]) == ("InService", 0)

    eventually(asleep, f"{endpoint} to have no instance")
    return endpoint


def failed_endpoint(plan: RunPlan, local_aws: LocalAws) -> str:
    local_aws.clock.rate = 300
    asked = start_endpoint(plan, EndpointSpec("async", put_model(NEVER_LOADS)), None)
    with pytest.raises(EndpointFailedError):
        wait_in_service([asked], hurried(60))
    return asked.name


def test_an_answer_that_nobody_has_waited_for_is_there(plan: RunPlan) -> None:
    record = sent(plan, deployed(plan).name)
    written(record.output_location)
    found = told(record.inference_id)
    assert (found.finding, advice_of(found).well) == ("answered", True)
    assert advice_of(found).todo.startswith(f"`stygig wait {record.inference_id}`")
    wait_by_hand(plan.names, record, 60)
    assert told(record.inference_id).finding == "completed"


def test_an_answer_that_was_removed_is_told(plan: RunPlan) -> None:
    record = sent(plan, deployed(plan).name)
    wait_by_hand(plan.names, record, 60)
    output = S3Location.parse(record.output_location)
    boto3.client("s3").delete_object(Bucket=output.bucket, Key=output.key)
    assert told(record.inference_id).finding == "answer_gone"


def test_a_refused_request_is_the_request_s_fault_and_its_log_line_is_found(plan: RunPlan) -> None:
    record = sent(plan, deployed(plan).name, NOT_A_PICTURE)
    written(record.failure_location)
    eventually(lambda: told(record.inference_id).finding == "bad_request", "the log line")
    found = told(record.inference_id)
    assert (found.finding, advice_of(found).well) == ("bad_request", False)
    assert "refused the request with 400: not_an_image: The body is no picture." in advice_of(found).cause
    assert "Correct the request" in advice_of(found).todo
    assert found.request
    assert all(record.inference_id in line for line in found.request.log_lines)
    assert "log lines of this request:" in text(found)


def test_a_model_that_raises_is_the_model_s_fault_and_its_log_is_named(plan: RunPlan) -> None:
    endpoint = deployed(plan, handler=FAILING).name
    record = sent(plan, endpoint)
    written(record.failure_location)
    eventually(lambda: told(record.inference_id).finding == "model_failed", "the log line")
    found = told(record.inference_id)
    assert advice_of(found).cause.endswith("or its worker died (500): out of memory"), "without the traceback"
    assert "RuntimeError: out of memory" in text(found)
    assert f"/aws/sagemaker/Endpoints/{endpoint}" in advice_of(found).todo


def test_a_worker_that_died_is_the_model_s_fault_even_if_the_log_says_nothing(
    plan: RunPlan, local_aws_faults: Faults
) -> None:
    endpoint = deployed(plan).name
    local_aws_faults.add(WorkerKilled(times=1))
    record = sent(plan, endpoint)
    written(record.failure_location)
    refuse(local_aws_faults, "FilterLogEvents", "logs")
    found = told(record.inference_id)
    assert (found.finding, "Worker died" in advice_of(found).cause) == ("model_failed", True)


def refuse(faults: Faults, operation: str, service: str) -> None:
    faults.add(CallRefused(service=service, operation=operation, code="AccessDeniedException", message="not allowed"))


def test_a_request_without_an_instance_and_without_scaling_waits_for_ever(plan: RunPlan) -> None:
    endpoint = put_to_sleep(deployed(plan).name)
    found = told(sent(plan, endpoint).inference_id)
    assert (found.finding, advice_of(found).well) == ("no_capacity", False)
    assert f"--endpoint-name {endpoint}" in advice_of(found).todo
    assert "VariantName=AllTraffic,DesiredInstanceCount=1" in advice_of(found).todo
    assert "scaling: none, so nothing starts an instance" in text(found)
    assert "of at most 66 min (3600 s to live in the queue, 300 s in the container, a margin)" in text(found)


def test_a_request_at_an_endpoint_that_wakes_up_is_waited_for(plan: RunPlan, local_aws: LocalAws) -> None:
    endpoint = put_to_sleep(deployed(plan).name)
    scale_to_zero(plan, endpoint)
    local_aws.faults.add(SlowColdStart(seconds=100_000))
    record = sent(plan, endpoint)
    assert told(record.inference_id).finding == "waking"
    local_aws.advance(240)
    found = told(record.inference_id)
    assert (found.finding, advice_of(found).well) == ("waking", True)
    assert found.endpoint
    assert (found.endpoint.current, found.endpoint.desired) == (0, 1)
    assert f"in ALARM: {plan.names.alarm(endpoint)}: HasBacklogWithoutCapacity" in text(found)
    assert "backlog: 1 request, 1 per instance, the oldest" in text(found)
    assert "without an instance" in text(found)
    assert told(endpoint).finding == "waking"


def test_target_tracking_alone_wakes_nobody(plan: RunPlan) -> None:
    endpoint = put_to_sleep(deployed(plan).name)
    scale_to_zero(plan, endpoint)
    boto3.client("cloudwatch").delete_alarms(AlarmNames=[plan.names.alarm(endpoint)])
    assert told(sent(plan, endpoint).inference_id).finding == "no_wake"
    assert told(endpoint).finding == "no_wake"


def test_a_request_that_no_instance_has_come_for_in_20_minutes_is_stuck(plan: RunPlan) -> None:
    endpoint = put_to_sleep(deployed(plan).name)
    scale_to_zero(plan, endpoint)
    record = sent(plan, endpoint)
    save_record(plan.names, replace(record, submitted_at=clock.now() - timedelta(minutes=21)))
    found = told(record.inference_id)
    assert found.finding == "stuck"
    assert f"--resource-id endpoint/{endpoint}/variant/AllTraffic" in advice_of(found).todo


def test_the_place_in_the_queue_is_counted_from_what_we_sent_earlier_and_has_not_ended(plan: RunPlan) -> None:
    endpoint = put_to_sleep(deployed(plan).name)
    first, second, third = (submit(plan, endpoint, PICTURE) for _ in range(3))
    save_records(plan, [first, replace(second, state="failed")])
    boto3.client("s3").put_object(Bucket=BUCKET, Key="runs/odd/invocations.jsonl", Body=b"{")
    another = replace(first, inference_id="another", endpoint_name="another")
    answered = replace(first, inference_id="answered", output_location=first.input_location)
    for record in (third, another, answered):
        save_record(plan.names, record)
    found = told(third.inference_id)
    assert found.request
    assert found.request.ahead == 1
    assert "place in the queue: about 2" in text(found)


def test_a_request_that_is_being_worked_on_is_waited_for(plan: RunPlan) -> None:
    endpoint = deployed(plan, handler=NEVER_ANSWERS).name
    record = sent(plan, endpoint)
    found = told(record.inference_id)
    assert (found.finding, advice_of(found).well) == ("queued", True)
    assert f"`stygig wait {record.inference_id}`" in advice_of(found).todo
    assert "1 instance" in advice_of(found).cause


def test_a_request_that_outlived_its_time_in_the_queue_has_expired(plan: RunPlan, local_aws: LocalAws) -> None:
    plan = replace(plan, settings=plan.settings.model_copy(update={"request_ttl_seconds": 60}))
    endpoint = put_to_sleep(deployed(plan).name)
    record = sent(plan, endpoint)
    local_aws.advance(120)
    written(record.failure_location)
    found = told(record.inference_id)
    assert (found.finding, advice_of(found).well) == ("expired", False)
    assert "STYGIG_REQUEST_TTL_SECONDS" in advice_of(found).todo
    assert "3600 s to live" not in text(found), "the settings are not those it was sent with"


def test_a_request_that_ended_nowhere_has_expired(plan: RunPlan) -> None:
    endpoint = put_to_sleep(deployed(plan).name)
    record = replace(sent(plan, endpoint), give_up_at=clock.now() - timedelta(seconds=1))
    save_record(plan.names, record)
    assert told(record.inference_id).finding == "expired"


def test_a_failed_endpoint_is_told_with_its_reason(plan: RunPlan, local_aws: LocalAws) -> None:
    endpoint = failed_endpoint(plan, local_aws)
    found = told(endpoint)
    assert (found.finding, advice_of(found).well) == ("endpoint_failed", False)
    assert "did not pass the ping health check" in advice_of(found).cause
    assert f"stygig teardown --endpoint-name {endpoint}" in advice_of(found).todo
    assert any("no weights in the archive" in line for line in found.log_lines)
    local_aws.clock.rate = 1
    other = deployed(plan, name="other").name
    lost = replace(sent(plan, put_to_sleep(other)), endpoint_name=endpoint)
    save_record(plan.names, lost)
    assert told(lost.inference_id).finding == "endpoint_failed"


def test_a_request_whose_endpoint_is_gone_is_lost(plan: RunPlan) -> None:
    endpoint = put_to_sleep(deployed(plan).name)
    record = sent(plan, endpoint)
    boto3.client("sagemaker").delete_endpoint(EndpointName=endpoint)
    eventually(lambda: not boto3.client("sagemaker").list_endpoints()["Endpoints"], "the endpoint to go")
    found = told(record.inference_id)
    assert (found.finding, advice_of(found).well) == ("endpoint_gone", False)
    assert f"endpoint {endpoint}: gone" in text(found)
    assert f"stygig deploy --endpoint-name {endpoint}" in advice_of(found).todo


@pytest.mark.parametrize("asked", [ABSENT, "nowhere", "no/name", "x" * 200])
def test_what_nobody_knows_is_named(plan: RunPlan, asked: str) -> None:
    with pytest.raises(NotFoundError, match=f"inference {asked}, and no endpoint here has that name") as unknown:
        told(asked)
    assert "`stygig inventory`" in str(unknown.value)


def test_an_endpoint_without_scaling_bills_around_the_clock(plan: RunPlan) -> None:
    endpoint = deployed(plan).name
    found = told(endpoint)
    assert (found.finding, advice_of(found).well) == ("unscaled", False)
    assert "1 instance and no scaling, so it bills around the clock" in advice_of(found).cause


def test_an_endpoint_with_scaling_is_ready_or_asleep_and_tells_its_expiry_and_policies(
    plan: RunPlan, local_aws: LocalAws
) -> None:
    endpoint = deployed(plan).name
    scale_to_zero(plan, endpoint)
    found = told(endpoint)
    assert (found.finding, advice_of(found).well) == ("ready", True)
    assert f"expires: {plan.expires_at:%Y-%m-%d %H:%M} UTC, made by run {plan.run_id}" in text(found)
    assert "scaling: 0 to 2 instances; backlog-per-instance, backlog-without-capacity" in text(found)
    local_aws.advance(60)
    assert "backlog: 0 requests" in text(told(endpoint))
    assert told(put_to_sleep(endpoint)).finding == "asleep"


def test_an_endpoint_that_has_expired_is_for_the_sweep(plan: RunPlan) -> None:
    endpoint = deployed(replace(plan, started_at=plan.started_at - timedelta(days=1))).name
    found = told(endpoint)
    assert (found.finding, "`stygig sweep`" in advice_of(found).todo) == ("overdue", True)


def test_a_real_time_endpoint_is_as_it_is_meant_to_be(plan: RunPlan) -> None:
    found = told(deployed(plan, "real-time").name)
    assert (found.finding, advice_of(found).well) == ("always_on", True)
    assert "backlog" not in text(found)


@pytest.mark.parametrize(
    ("service", "operation", "action"),
    [
        ("logs", "DescribeLogStreams", "logs:GetLogEvents"),
        ("monitoring", "DescribeAlarms", "cloudwatch:DescribeAlarms"),
        ("monitoring", "GetMetricData", "cloudwatch:GetMetricData"),
        ("sagemaker", "ListTags", "sagemaker:ListTags"),
    ],
)
def test_what_may_not_be_looked_up_is_named_and_hides_nothing_else(
    plan: RunPlan, local_aws_faults: Faults, service: str, operation: str, action: str
) -> None:
    endpoint = deployed(plan).name
    scale_to_zero(plan, endpoint)
    refuse(local_aws_faults, operation, service)
    found = told(endpoint)
    assert found.finding == "ready"
    assert len(found.unread) == 1
    assert f"could not be read: {action}" in text(found)


def test_where_the_finding_hangs_on_what_is_refused_the_permission_is_the_advice(
    plan: RunPlan, local_aws_faults: Faults
) -> None:
    endpoint = put_to_sleep(deployed(plan).name)
    record = sent(plan, endpoint)
    refuse(local_aws_faults, "DescribeScalableTargets", "application-autoscaling")
    found = told(record.inference_id)
    assert found.finding == "unknown"
    action = "application-autoscaling:DescribeScalableTargets"
    assert advice_of(found).todo == f"Allow {action} to the caller, then ask again."
    refuse(local_aws_faults, "DescribeEndpoint", "sagemaker")
    assert "Allow sagemaker:DescribeEndpoint" in advice_of(told(record.inference_id)).todo.replace(f"{action}, ", "")
    with pytest.raises(PermissionDeniedError, match="sagemaker:DescribeEndpoint on"):
        told(endpoint)
    with pytest.raises(NotFoundError, match="No run in"):
        told(ABSENT)


def test_the_json_has_what_the_text_has(plan: RunPlan) -> None:
    endpoint = put_to_sleep(deployed(plan).name)
    record = sent(plan, endpoint)
    made = to_dict(told(record.inference_id))
    assert (made["finding"], made["well"]) == ("no_capacity", False)
    assert made["request"]["record"]["inference_id"] == record.inference_id
    assert (made["request"]["output_there"], made["request"]["ahead_of_it"]) == (False, 0)
    assert (made["endpoint"]["name"], made["endpoint"]["current"]) == (endpoint, 0)
    assert to_dict(told(endpoint))["request"] is None
