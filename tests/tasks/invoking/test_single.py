"""One picture, by hand."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from PIL import Image

from localaws import LocalAws
from localaws.faults import SlowColdStart
from tasks.demo.sources import smoke_picture
from tasks.errors import DeadlineExceededError, InputError, InvocationFailedError, NotFoundError
from tasks.invoking.records import find_record, save_record
from tasks.invoking.single import invoke_by_hand, resume_by_hand, wait_by_hand
from tasks.names import S3Location
from tasks.pictures.queries import MOST_PICTURE_BYTES
from tasks.plan import RunPlan
from tasks.resources.inventory import existing, recorded
from tasks.storage import exists, upload
from tests.tasks.deployed import (
    ANSWER,
    BUCKET,
    RUN_ID,
    deployed,
    picture_bytes,
    put_picture,
)

FAILING = """
def model_fn(model_dir): return None
def input_fn(body, content_type): return body
def predict_fn(data, model): raise RuntimeError("out of memory")
"""


def test_a_picture_is_answered_if_it_is_waited_for_and_else_a_record_comes_back(plan: RunPlan, tmp_path: Path) -> None:
    name, file = deployed(plan).name, put_picture(tmp_path / "red.jpg")
    waited = invoke_by_hand(plan, name, image=str(file), wait=True)
    assert waited.response == ANSWER
    assert waited.record.state == "completed"
    uri = upload(picture_bytes(), S3Location(BUCKET, "mine/red.jpg"))
    sent = invoke_by_hand(plan, name, s3_image=uri)
    assert (sent.response, sent.record.state) == (None, "submitted")
    assert exists(S3Location.parse(sent.record.input_location))
    assert waited.to_dict()["response"] == ANSWER.to_json()
    assert sent.to_dict()["invocation"]["inference_id"] == sent.record.inference_id


def test_a_failed_invocation_says_why(plan: RunPlan, tmp_path: Path) -> None:
    name, file = deployed(plan, handler=FAILING).name, put_picture(tmp_path / "red.jpg")
    with pytest.raises(InvocationFailedError, match=r"red\.jpg: failed: .*out of memory"):
        invoke_by_hand(plan, name, image=str(file), wait=True)


def test_a_file_and_a_uri_are_one_too_many(plan: RunPlan) -> None:
    with pytest.raises(InputError, match="Give either an image file or an S3 URI of one, not both"):
        invoke_by_hand(plan, "any", image="a.jpg", s3_image="s3://bucket/a.jpg")


def test_without_a_picture_the_demos_is_asked_about(plan: RunPlan) -> None:
    sent = invoke_by_hand(plan, deployed(plan).name)
    assert sent.record.request == smoke_picture().name


def test_an_endpoint_that_scales_takes_requests_meanwhile(plan: RunPlan, local_aws: LocalAws) -> None:
    name = deployed(plan).name
    local_aws.faults.add(SlowColdStart(seconds=100_000))
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
    sagemaker = boto3.client("sagemaker")
    sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=wanted)
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Updating"
    assert invoke_by_hand(plan, name).record.output_location


def test_a_picture_larger_than_a_real_time_endpoint_takes_is_sent(plan: RunPlan, tmp_path: Path) -> None:
    noise = Image.effect_noise((2300, 2300), 120).convert("RGB")
    noise.save(tmp_path / "large.png")
    assert (tmp_path / "large.png").stat().st_size > MOST_PICTURE_BYTES
    answered = invoke_by_hand(plan, deployed(plan).name, image=str(tmp_path / "large.png"), wait=True)
    assert answered.response == ANSWER


def test_a_request_is_kept_with_what_became_of_it_and_goes_with_the_endpoints_run(plan: RunPlan) -> None:
    sent = invoke_by_hand(replace(plan, run_id="by-hand"), deployed(plan).name).record
    names, kept = find_record(BUCKET, sent.inference_id)
    assert (names.run_id, kept) == (RUN_ID, sent)
    assert sent.failure_location
    resumed = resume_by_hand(plan, sent.inference_id)
    assert resumed.response == ANSWER
    content = boto3.client("s3").get_object(Bucket=BUCKET, Key=sent.output_location.split("/", 3)[3])["Body"].read()
    assert resumed.record.output_sha256 == hashlib.sha256(content).hexdigest()
    assert find_record(BUCKET, sent.inference_id)[1] == resumed.record
    assert resume_by_hand(plan, sent.inference_id).response == ANSWER, "as often as one likes"


def test_a_request_to_somebody_elses_endpoint_is_a_run_of_its_own_that_expires(plan: RunPlan) -> None:
    theirs = deployed(plan)
    config = boto3.client("sagemaker").describe_endpoint(EndpointName=theirs.name)["EndpointConfigName"]
    boto3.client("sagemaker").create_endpoint(EndpointName="theirs", EndpointConfigName=config)
    boto3.client("sagemaker").get_waiter("endpoint_in_service").wait(EndpointName="theirs", WaiterConfig={"Delay": 1})
    by_hand = replace(plan, run_id="by-hand")
    sent = invoke_by_hand(by_hand, "theirs").record
    assert sent.input_location.startswith(f"s3://{BUCKET}/runs/by-hand/input/")
    (data,) = existing(BUCKET, "by-hand").resources
    assert (data.kind, data.expires_at.replace(microsecond=0)) == ("data", plan.expires_at.replace(microsecond=0))


def test_a_request_kept_in_another_bucket_than_the_endpoints_run_is_listed_until_it_is_removed(plan: RunPlan) -> None:
    name = deployed(plan).name
    boto3.client("s3").create_bucket(Bucket="elsewhere")
    sent = invoke_by_hand(replace(plan, bucket="elsewhere"), name).record
    assert sent.input_location.startswith(f"s3://elsewhere/runs/{RUN_ID}/")
    assert [each.kind for each in recorded("elsewhere")] == ["data"]


def test_records_of_another_version_hide_no_request(plan: RunPlan) -> None:
    for number, content in enumerate((b"{", b"[]\n", b'{"picture": "1.jpg"}\n')):
        key = f"runs/odd-{number}/invocations.jsonl"
        boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)
    sent = invoke_by_hand(plan, deployed(plan).name).record
    assert find_record(BUCKET, sent.inference_id)[1] == sent


def test_what_is_waited_for_too_long_can_be_waited_for_again(plan: RunPlan) -> None:
    sent = invoke_by_hand(plan, deployed(plan).name).record
    nowhere = sent.output_location + ".never"
    record = replace(sent, output_location=nowhere, failure_location="")
    save_record(plan.names, record)
    with pytest.raises(DeadlineExceededError, match=f"`stygig wait {record.inference_id}` goes on"):
        wait_by_hand(plan.names, record, 0.5)
    assert find_record(BUCKET, record.inference_id)[1].state == "submitted"


def test_a_wait_says_at_which_attempt_the_answer_was_there(plan: RunPlan) -> None:
    said: list[str] = []
    sent = invoke_by_hand(plan, deployed(plan).name, wait=True, say=said.append).record
    assert said[0] == f"submitted as inference {sent.inference_id}"
    assert re.fullmatch(r"completed after \d+\.\d s \(attempt [1-9]\d*\)", said[1])


def test_an_endpoint_that_does_not_exist_is_named(plan: RunPlan, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="absent does not exist"):
        invoke_by_hand(plan, "absent", image=str(put_picture(tmp_path / "red.jpg")))


def test_a_person_reads_the_query_and_every_recommendation() -> None:
    lines = str(ANSWER).splitlines()
    assert lines[0] == "Query: upperwear_shirt (80%), unisex (70%), navy 100%"
    assert lines[1] == "TOP 3 RECOMMENDATIONS"
    assert lines[2] == "1. footwear/shoes/0001.png"
    assert "   Overall Score: 0.9000" in lines
    assert lines[-1] == "   bag goes with navy"
