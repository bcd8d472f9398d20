"""Endpoints: the config as a dict; asked for, waited for, and every way that wait can end."""

import re
import time
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.session import get_session
from botocore.validate import validate_parameters

from localaws import LocalAws
from localaws.faults import ConnectionDropped, Faults
from tasks.deadline import Deadline
from tasks.errors import DeadlineExceededError, EndpointFailedError, InputError, NotFoundError, StygigError
from tasks.exchange.recommendations import picture_request
from tasks.hosting.deploying import endpoint_config_request, start_endpoint
from tasks.hosting.endpoint import EndpointSpec, existing_endpoint, wait_in_service
from tasks.hosting.notifications import Topics, create_messaging
from tasks.invoking.invocation import submit
from tasks.invoking.waiting import Wait
from tasks.names import S3Location
from tasks.pictures.queries import Picture
from tasks.plan import RunPlan
from tasks.resources.inventory import recorded
from tasks.resources.teardown import tear_down_run
from tests.tasks.deployed import (
    BUCKET,
    LOADS_WHEN_TOLD,
    NEVER_LOADS,
    RUN_ID,
    Clock,
    deployed,
    hurried,
    picture_bytes,
    put_model,
)

TOPICS = Topics("arn:aws:sns:us-east-1:123456789012:good", "arn:aws:sns:us-east-1:123456789012:bad")
ASYNC = EndpointSpec("async", "s3://bucket/model.tar.gz", max_concurrent_invocations=7)
REAL_TIME = EndpointSpec("real-time", "s3://bucket/model.tar.gz", instance_type="ml.c5.xlarge")


def request(spec: EndpointSpec = ASYNC, **changed: Any) -> dict[str, Any]:
    given = {
        "spec": spec,
        "model_name": "stygig-model-1",
        "output_path": "s3://bucket/out/",
        "failure_path": "s3://bucket/failed/",
        "topics": TOPICS,
        "tags": [{"Key": "stygig:run-id", "Value": RUN_ID}],
    }
    return endpoint_config_request(**(given | changed))


def test_an_asynchronous_config_says_where_both_endings_go() -> None:
    assert request()["AsyncInferenceConfig"] == {
        "OutputConfig": {
            "S3OutputPath": "s3://bucket/out/",
            "S3FailurePath": "s3://bucket/failed/",
            "NotificationConfig": {
                "SuccessTopic": TOPICS.success_arn,
                "ErrorTopic": TOPICS.error_arn,
                "IncludeInferenceResponseIn": ["ERROR_NOTIFICATION_TOPIC"],
            },
        },
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 7},
    }


def test_without_topics_there_is_still_a_failure_path() -> None:
    output = request(topics=None)["AsyncInferenceConfig"]["OutputConfig"]
    assert output == {"S3OutputPath": "s3://bucket/out/", "S3FailurePath": "s3://bucket/failed/"}


def test_a_real_time_config_is_one_variant_and_nothing_asynchronous() -> None:
    found = request(REAL_TIME)
    assert set(found) == {"EndpointConfigName", "ProductionVariants", "MetricsConfig", "Tags"}
    assert found["MetricsConfig"] == {"EnableEnhancedMetrics": False}
    (variant,) = found["ProductionVariants"]
    assert variant == {
        "VariantName": "AllTraffic",
        "ModelName": "stygig-model-1",
        "InstanceType": "ml.c5.xlarge",
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1.0,
        "ModelDataDownloadTimeoutInSeconds": 600,
        "ContainerStartupHealthCheckTimeoutInSeconds": 600,
    }


@pytest.mark.parametrize("spec", [ASYNC, REAL_TIME])
def test_botocore_accepts_the_config(spec: EndpointSpec) -> None:
    shape = get_session().get_service_model("sagemaker").operation_model("CreateEndpointConfig").input_shape
    validate_parameters(request(spec), shape)


def test_another_config_has_another_name() -> None:
    assert request()["EndpointConfigName"] == request()["EndpointConfigName"]
    names = {request(spec)["EndpointConfigName"] for spec in (ASYNC, REAL_TIME)}
    names.add(request(model_name="stygig-model-2")["EndpointConfigName"])
    assert len(names) == 3


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"max_concurrent_invocations": 0}, "max_concurrent_invocations is 0: use 1 to 1000"),
        ({"max_concurrent_invocations": 1001}, "max_concurrent_invocations is 1001: use 1 to 1000"),
        ({"instance_type": "m5.large"}, "'m5.large' is no SageMaker instance type: they begin with 'ml.'"),
        ({"name": "under_score"}, "'under_score' is no endpoint name"),
        ({"s3_output_path": "bucket/out"}, "'bucket/out' is no S3 location"),
    ],
)
def test_a_spec_that_sagemaker_would_refuse_is_refused_before_anything_is_made(
    plan: RunPlan, changed: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        start_endpoint(plan, replace(ASYNC, **changed), None)
    assert recorded(BUCKET) == []


def test_an_endpoint_is_written_down_tagged_and_in_service_after_its_cold_start(plan: RunPlan) -> None:
    endpoint = deployed(plan, topics=create_messaging(plan))
    assert endpoint.name == "stygig-async-5d1c7a52-9f3e"
    assert endpoint.cold_start_seconds
    assert 0 < endpoint.cold_start_seconds < 60
    assert endpoint.output_path == f"s3://{BUCKET}/runs/{RUN_ID}/output/"
    assert {"model", "endpoint-config", "endpoint"} < {each.kind for each in recorded(BUCKET)}
    sagemaker = boto3.client("sagemaker")
    found = sagemaker.describe_endpoint(EndpointName=endpoint.name)
    assert sagemaker.list_tags(ResourceArn=found["EndpointArn"])["Tags"] == plan.tags
    again = existing_endpoint(endpoint.name, "async")
    assert (again.model_uri, again.instance_type, again.output_path, again.failure_path) == (
        endpoint.model_uri,
        endpoint.instance_type,
        endpoint.output_path,
        endpoint.failure_path,
    )
    assert again.topics == replace(endpoint.topics, queue_url="")  # type: ignore[type-var]
    with pytest.raises(InputError, match=r"is an asynchronous one, but real-time was asked for"):
        existing_endpoint(endpoint.name, "real-time")


def test_answers_go_where_they_were_asked_to(plan: RunPlan) -> None:
    spec = EndpointSpec("async", put_model(LOADS_WHEN_TOLD), s3_output_path=f"s3://{BUCKET}/mine")
    assert start_endpoint(plan, spec, None).output_path == f"s3://{BUCKET}/mine/"


def test_a_taken_name_is_refused_and_not_written_down_as_ours(plan: RunPlan) -> None:
    sagemaker, uri = boto3.client("sagemaker"), put_model(LOADS_WHEN_TOLD)
    first = start_endpoint(plan, EndpointSpec("real-time", uri, "mine"), None)
    config = sagemaker.describe_endpoint(EndpointName=first.name)["EndpointConfigName"]
    sagemaker.create_endpoint(EndpointName="taken", EndpointConfigName=config)
    with pytest.raises(InputError, match=r"Endpoint taken already exists and is Creating.*--endpoint-name taken"):
        start_endpoint(plan, EndpointSpec("real-time", uri, "taken"), None)
    assert [each.name for each in recorded(BUCKET) if each.kind == "endpoint"] == ["mine"]


def test_a_wait_ends_when_an_endpoint_failed_with_its_reason_and_its_log(plan: RunPlan, local_aws: LocalAws) -> None:
    local_aws.clock.rate = 300  # SageMaker restarts a container that exits until its start-up time is over
    asked = start_endpoint(plan, EndpointSpec("real-time", put_model(NEVER_LOADS)), None)
    with pytest.raises(EndpointFailedError, match=r"is Failed: .*ping health check[\s\S]*no weights in the archive"):
        wait_in_service([asked], hurried())


def test_a_wait_ends_at_its_deadline_with_who_is_missing(plan: RunPlan) -> None:
    asked = start_endpoint(plan, EndpointSpec("async", put_model(LOADS_WHEN_TOLD)), None)
    with pytest.raises(
        DeadlineExceededError,
        match=rf"{asked.name} to be InService after 3\d s of 30 s: Creating\. STYGIG_ENDPOINT_DEA",
    ):
        wait_in_service([asked], Clock().deadline(30))


def test_a_wait_ends_when_the_endpoint_is_removed_meanwhile(plan: RunPlan) -> None:
    asked = replace(deployed(plan, "real-time"), cold_start_seconds=None)
    boto3.client("sagemaker").delete_endpoint(EndpointName=asked.name)
    with pytest.raises((EndpointFailedError, NotFoundError), match=asked.name):
        wait_in_service([asked], Clock().deadline(30))


def test_an_endpoint_that_does_not_exist_is_named(plan: RunPlan) -> None:
    with pytest.raises(NotFoundError, match=r"sagemaker:DescribeEndpoint on absent: absent does not exist"):
        existing_endpoint("absent", "async")


def test_an_endpoint_that_is_not_in_service_is_not_used(plan: RunPlan) -> None:
    asked = start_endpoint(plan, EndpointSpec("async", put_model(LOADS_WHEN_TOLD)), None)
    with pytest.raises(InputError, match=rf"Endpoint {asked.name} is Creating and takes no requests"):
        existing_endpoint(asked.name, "async")


@pytest.mark.parametrize("operation", ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"])
def test_a_creation_whose_answer_was_lost_is_a_success_if_the_thing_is_ours(
    plan: RunPlan, local_aws_faults: Faults, operation: str
) -> None:
    lost = ConnectionDropped(service="sagemaker", operation=operation, took_effect=True, times=1)
    local_aws_faults.add(lost)
    endpoint = start_endpoint(plan, EndpointSpec("async", put_model()), None)
    assert boto3.client("sagemaker").describe_endpoint(EndpointName=endpoint.name)["EndpointName"] == endpoint.name
    assert local_aws_faults.struck(ConnectionDropped) == 1


def test_a_creation_that_meets_somebody_elses_endpoint_is_no_success(
    plan: RunPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = start_endpoint(replace(plan, run_id="7777" + RUN_ID[4:]), EndpointSpec("async", put_model(), "mine"), None)
    monkeypatch.setattr("tasks.hosting.deploying.refuse_taken", lambda name: None)  # it was free a moment before
    with pytest.raises(StygigError, match="already existing"):
        start_endpoint(plan, EndpointSpec("async", put_model(), theirs.name), None)


def test_whoever_waits_long_is_told_what_the_containers_log(plan: RunPlan) -> None:
    asked = start_endpoint(plan, EndpointSpec("async", put_model("import not_there_at_all\n")), None)
    told: list[str] = []
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        time.sleep(0.01)

    with pytest.raises(DeadlineExceededError):
        wait_in_service([asked], Deadline(900, clock, sleep), told.append)
    assert 2 <= len(told) < 10
    assert re.search(
        rf"{asked.name} is not InService after \d+ s; it (last logged: .+|has logged nothing yet)", told[0]
    )
    assert any("not_there_at_all" in each for each in told)


def test_a_teardown_says_what_it_waits_for(plan: RunPlan) -> None:
    name = start_endpoint(plan, EndpointSpec("async", put_model(LOADS_WHEN_TOLD)), None).name
    told: list[str] = []

    def say(line: str) -> None:
        told.append(line)
        if line.startswith("waiting"):
            boto3.client("s3").put_object(Bucket=BUCKET, Key="go", Body=b"")

    tear_down_run(BUCKET, RUN_ID, hurried(60), say).proven()
    assert told[0].startswith(
        f"waiting for endpoint {name}, which is Creating: AWS deletes it only afterwards; at most"
    )


def test_answers_are_encrypted_with_a_key_of_ones_own(plan: RunPlan) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/mine"
    asked = start_endpoint(plan, EndpointSpec("async", put_model(), kms_key_id=key), None)
    (endpoint,) = wait_in_service([asked], hurried())
    record = submit(plan, endpoint.name, picture_request(Picture("1.jpg", picture_bytes()), 1))
    (ended,) = Wait([record], endpoint.name, "", hurried()).run()
    where = S3Location.parse(ended.output_location)
    found = boto3.client("s3").head_object(Bucket=where.bucket, Key=where.key)
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", key)


def test_containers_in_a_vpc_and_isolated_ones(plan: RunPlan) -> None:
    spec = EndpointSpec(
        "real-time", put_model(), subnets=("subnet-1",), security_groups=("sg-1",), network_isolation=True
    )
    start_endpoint(plan, spec, None)
    (model,) = boto3.client("sagemaker").list_models()["Models"]
    found = boto3.client("sagemaker").describe_model(ModelName=model["ModelName"])
    assert found["VpcConfig"] == {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    assert found["EnableNetworkIsolation"] is True


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"kind": "real-time", "kms_key_id": "k"}, "kms_key_id could encrypt"),
        ({"subnets": ("subnet-1",)}, "takes both subnets and security_groups"),
        ({"security_groups": ("sg-1",)}, "takes both subnets and security_groups"),
    ],
)
def test_networks_and_keys_that_make_no_sense_are_refused(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        replace(ASYNC, **changed).checked()
