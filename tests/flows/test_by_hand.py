"""Deploying, invoking, validating and tearing down one step at a time, as the deployments do."""

import io
import tarfile
from pathlib import Path

import boto3
import pytest

from flows.deploy_endpoint import deploy_endpoint
from flows.invoke import invoke
from flows.package_model import package_model
from flows.teardown import teardown
from flows.validate_endpoint import validate_endpoint
from localaws import LocalAws
from tasks.demo.sources import pictures_source
from tasks.errors import EndpointFailedError, InputError, NotFoundError, ValidationFailedError
from tasks.names import S3Location
from tasks.resources.inventory import existing
from tasks.resources.teardown import Removal
from tasks.storage import upload
from tests.flows.altered import altered

pytestmark = pytest.mark.usefixtures("prefect_backend", "local_aws")


@pytest.fixture
def model_uri(drawn_catalogue: Path) -> str:
    return package_model(catalogue=str(drawn_catalogue)).uri


def bucket_of(model_uri: str) -> str:
    return S3Location.parse(model_uri).bucket


def test_deploy_invoke_validate_and_tear_down(model_uri: str) -> None:
    asynchronous = deploy_endpoint(model_uri=model_uri, endpoint_name="mine")
    assert asynchronous.name == "mine"
    assert asynchronous.topics
    picture = sorted(Path(pictures_source("demo")).glob("*.jpg"))[0]
    answered = invoke(endpoint_name="mine", image=str(picture), top_k=3)
    assert answered.response
    assert len(answered.response.response.recommendations) == 3
    baseline = deploy_endpoint(model_uri=model_uri, kind="real-time")
    outcome = validate_endpoint(endpoint_name="mine", baseline_endpoint_name=baseline.name)
    assert outcome.verdict == "PASS"
    assert {r.name for r in existing(bucket_of(model_uri)).resources if r.kind == "endpoint"} == {"mine", baseline.name}
    assert any(line == "removed endpoint mine" for line in teardown(endpoint_name="mine").removed)
    assert {r.name for r in existing(bucket_of(model_uri)).resources if r.kind == "endpoint"} == {baseline.name}
    teardown(endpoint_name=baseline.name)
    assert existing(bucket_of(model_uri)).resources == ()


def test_one_altered_item_is_a_fail_that_names_the_pictures(model_uri: str) -> None:
    deploy_endpoint(model_uri=altered(model_uri), endpoint_name="altered")
    deploy_endpoint(model_uri=model_uri, kind="real-time", endpoint_name="baseline")
    with pytest.raises(ValidationFailedError, match=r"FAIL: answers differ for \d+ of 24 pictures: .*\.jpg") as raised:
        validate_endpoint(endpoint_name="altered", baseline_endpoint_name="baseline")
    assert raised.value.result.verdict == "FAIL"
    assert Path(raised.value.result.report).is_file()
    assert raised.value.exit_status == 1


def test_a_model_that_can_not_load_fails_with_its_log_and_is_rolled_back(model_uri: str, local_aws: LocalAws) -> None:
    local_aws.clock.rate = 100  # the health check's ten minutes
    broken = io.BytesIO()
    with tarfile.open(fileobj=broken, mode="w:gz") as tar:
        code = b"def model_fn(model_dir):\n    raise ValueError('no weights here')\n"
        member = tarfile.TarInfo("code/inference.py")
        member.size = len(code)
        tar.addfile(member, io.BytesIO(code))
    uri = upload(broken.getvalue(), S3Location(bucket_of(model_uri), "models/broken/model.tar.gz"))
    with pytest.raises(EndpointFailedError, match="no weights here"):
        deploy_endpoint(model_uri=uri)
    assert existing(bucket_of(model_uri)).resources == ()


def test_a_name_that_is_taken_is_refused_and_its_owner_left_alone(model_uri: str) -> None:
    deploy_endpoint(model_uri=model_uri, endpoint_name="taken")
    with pytest.raises(InputError, match="taken already exists and is InService"):
        deploy_endpoint(model_uri=model_uri, endpoint_name="taken")
    assert boto3.client("sagemaker").describe_endpoint(EndpointName="taken")["EndpointStatus"] == "InService"


def test_endpoints_that_do_not_exist_are_said_to_be_missing(model_uri: str) -> None:
    assert teardown(endpoint_name="nowhere") == Removal((), ()), "what is gone already is no error"
    with pytest.raises(NotFoundError, match="nowhere"):
        invoke(endpoint_name="nowhere", image=str(next(Path(pictures_source("demo")).glob("*.jpg"))))
    with pytest.raises(NotFoundError, match=r"nothing/model\.tar\.gz"):
        deploy_endpoint(model_uri=f"s3://{bucket_of(model_uri)}/nothing/model.tar.gz")


def test_a_text_file_named_jpg_is_refused_before_it_is_sent(model_uri: str, tmp_path: Path) -> None:
    deploy_endpoint(model_uri=model_uri, endpoint_name="mine")
    (tmp_path / "text.jpg").write_text("not a picture at all")
    with pytest.raises(InputError, match=r"text\.jpg is no picture"):
        invoke(endpoint_name="mine", image=str(tmp_path / "text.jpg"))


def test_an_endpoint_of_the_wrong_kind_is_refused(model_uri: str) -> None:
    deploy_endpoint(model_uri=model_uri, kind="real-time", endpoint_name="baseline")
    with pytest.raises(InputError, match="real-time one, but async was asked for"):
        validate_endpoint(endpoint_name="baseline", baseline_endpoint_name="baseline")
