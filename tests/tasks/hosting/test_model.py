"""The SageMaker model: its request as a dict, and made once."""

from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session
from botocore.validate import validate_parameters

from tasks.errors import InputError, NotFoundError
from tasks.hosting.endpoint import EndpointSpec
from tasks.hosting.model import already_made, check_model_uri, container_environment, create_model, model_request
from tasks.plan import RunPlan
from tasks.resources.inventory import recorded
from tasks.settings import Settings
from tests.tasks.deployed import BUCKET, RUN_ID, put_model

CPU = "ml.m5.large"
TAGS = [{"Key": "stygig:run-id", "Value": RUN_ID}]
ARCHIVE, LOOSE = f"s3://{BUCKET}/models/1/model.tar.gz", f"s3://{BUCKET}/models/1/files/"


def request(**changed: Any) -> dict[str, Any]:
    given = {
        "model_uri": ARCHIVE,
        "image_uri": "image:1",
        "role_arn": "arn:aws:iam::123456789012:role/serving",
        "environment": {"A": "1"},
        "tags": TAGS,
    }
    return model_request(**(given | changed))


def test_an_archive_is_served_by_its_url() -> None:
    assert {key: value for key, value in request().items() if key != "ModelName"} == {
        "PrimaryContainer": {"Image": "image:1", "Environment": {"A": "1"}, "ModelDataUrl": ARCHIVE},
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/serving",
        "Tags": TAGS,
    }


def test_loose_files_are_served_uncompressed_from_their_prefix() -> None:
    container = request(model_uri=LOOSE)["PrimaryContainer"]
    assert container["ModelDataSource"] == {
        "S3DataSource": {"S3Uri": LOOSE, "S3DataType": "S3Prefix", "CompressionType": "None"}
    }
    assert "ModelDataUrl" not in container


@pytest.mark.parametrize("model_uri", [ARCHIVE, LOOSE])
def test_botocore_accepts_the_request(model_uri: str) -> None:
    shape = get_session().get_service_model("sagemaker").operation_model("CreateModel").input_shape
    validate_parameters(request(model_uri=model_uri), shape)


@pytest.mark.parametrize(
    "changed",
    [
        {"model_uri": LOOSE},
        {"image_uri": "image:2"},
        {"role_arn": "arn:aws:iam::123456789012:role/other"},
        {"environment": {"A": "2"}},
    ],
)
def test_another_request_has_another_name(changed: dict[str, Any]) -> None:
    assert request(**changed)["ModelName"] != request()["ModelName"]
    assert request()["ModelName"] == request()["ModelName"]


def test_the_server_gives_up_after_sagemaker_does(plan: RunPlan) -> None:
    environment = container_environment(plan, (f"s3://{BUCKET}/in/", f"s3://{BUCKET}/more/"))
    assert int(environment["TS_DEFAULT_RESPONSE_TIMEOUT"]) > plan.settings.invocation_timeout_seconds
    assert environment["STYGIG_ALLOWED_S3_PREFIXES"] == f"s3://{BUCKET}/in/,s3://{BUCKET}/more/"
    assert environment["SAGEMAKER_PROGRAM"] == "inference.py"


def test_the_server_starts_as_many_workers_as_the_settings_say(plan: RunPlan) -> None:
    assert "SAGEMAKER_MODEL_SERVER_WORKERS" not in container_environment(plan, ())
    crowded = replace(plan, settings=Settings(model_server_workers=3))
    assert container_environment(crowded, ())["SAGEMAKER_MODEL_SERVER_WORKERS"] == "3"


def test_a_model_is_written_down_tagged_and_may_read_only_its_runs_inputs(plan: RunPlan) -> None:
    name = create_model(plan, EndpointSpec("real-time", put_model(), instance_type=CPU))
    assert [(each.kind, each.name) for each in recorded(BUCKET)] == [("model", name)]
    sagemaker = boto3.client("sagemaker")
    found = sagemaker.describe_model(ModelName=name)
    environment = found["PrimaryContainer"]["Environment"]
    assert environment["STYGIG_ALLOWED_S3_PREFIXES"] == f"s3://{BUCKET}/runs/{RUN_ID}/input/"
    assert sagemaker.list_tags(ResourceArn=found["ModelArn"])["Tags"] == plan.tags


def test_the_same_model_is_made_once(plan: RunPlan) -> None:
    uri = put_model()
    assert create_model(plan, EndpointSpec("real-time", uri, instance_type=CPU)) == create_model(
        plan, EndpointSpec("real-time", uri, instance_type=CPU)
    )
    assert len(boto3.client("sagemaker").list_models()["Models"]) == 1


@pytest.mark.parametrize(("instance_type", "tag"), [(CPU, "2.6.0-cpu-py312"), ("ml.g5.xlarge", "2.6.0-gpu-py312")])
def test_an_instance_with_gpus_gets_awss_image_for_them(plan: RunPlan, instance_type: str, tag: str) -> None:
    on_awss = replace(plan, settings=plan.settings.model_copy(update={"image_uri": ""}))
    name = create_model(on_awss, EndpointSpec("real-time", put_model(), instance_type=instance_type))
    found = boto3.client("sagemaker").describe_model(ModelName=name)
    assert found["PrimaryContainer"]["Image"].endswith(f"/pytorch-inference:{tag}")


def test_only_already_existing_is_swallowed() -> None:
    with already_made():
        raise ClientError({"Error": {"Message": "Cannot create already existing model"}}, "CreateModel")
    with pytest.raises(ClientError), already_made():
        raise ClientError({"Error": {"Message": "Could not find model"}}, "CreateModel")
    with pytest.raises(KeyError), already_made():
        raise KeyError("already existing")


def test_a_model_that_is_not_there_is_named_before_anything_is_made(plan: RunPlan) -> None:
    with pytest.raises(NotFoundError, match=rf"No model artifact lies at {ARCHIVE}\. `stygig package` makes one"):
        create_model(plan, EndpointSpec("real-time", ARCHIVE, instance_type=CPU))
    assert recorded(BUCKET) == []


@pytest.mark.parametrize("uri", [f"s3://{BUCKET}/models/1/model.zip", f"s3://{BUCKET}/models/1"])
def test_a_uri_of_neither_form_is_refused(plan: RunPlan, uri: str) -> None:
    with pytest.raises(InputError, match=rf"{uri} is neither a \.tar\.gz nor a prefix ending with '/'"):
        check_model_uri(uri)


def test_pre_packing_is_switched_off_for_the_container(plan: RunPlan) -> None:
    assert container_environment(plan, ())["STYGIG_ORT_PREPACK"] == "1"
    quick = replace(plan, settings=Settings(ort_prepack=False))
    assert container_environment(quick, ())["STYGIG_ORT_PREPACK"] == "0"
