"""Buckets that SageMaker can't use from the run's region are refused before anything is made."""

from typing import Any

import boto3
import pytest

from tasks.errors import InputError, NotFoundError
from tasks.hosting.deploying import start_endpoint
from tasks.hosting.endpoint import EndpointSpec
from tasks.plan import RunPlan, plan_run
from tasks.planning.preflight import ensure_bucket
from tasks.resources.inventory import recorded
from tasks.settings import Settings
from tasks.storage import bucket_region, check_bucket
from tests.tasks.deployed import BUCKET, RUN_ID

EUROPE: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
SAID = r"is in eu-west-1, but the endpoint would be in us-east-1.*AWS_DEFAULT_REGION=eu-west-1"


@pytest.fixture
def elsewhere(plan: RunPlan) -> str:
    boto3.client("s3").create_bucket(Bucket="in-europe", **EUROPE)
    return "in-europe"


def test_a_bucket_says_where_it_is(plan: RunPlan, elsewhere: str) -> None:
    assert (bucket_region(BUCKET), bucket_region(elsewhere)) == ("us-east-1", "eu-west-1")
    assert check_bucket(BUCKET, "us-east-1", "STYGIG_BUCKET") == BUCKET


def test_a_bucket_that_does_not_exist_is_named(plan: RunPlan) -> None:
    with pytest.raises(NotFoundError, match="bucket nowhere-at-all"):
        check_bucket("nowhere-at-all", "us-east-1", "s3_output_path")


def test_a_bucket_of_another_region_is_refused_as_the_runs(elsewhere: str) -> None:
    with pytest.raises(InputError, match=rf"in-europe \(STYGIG_BUCKET\) {SAID}"):
        ensure_bucket(plan_run(RUN_ID, Settings(bucket=elsewhere)))


def test_a_model_in_another_region_is_refused(plan: RunPlan, elsewhere: str) -> None:
    boto3.client("s3").put_object(Bucket=elsewhere, Key="model.tar.gz", Body=b"")
    with pytest.raises(InputError, match=SAID):
        start_endpoint(plan, EndpointSpec("async", f"s3://{elsewhere}/model.tar.gz"), None)
    assert recorded(BUCKET) == []


def test_a_run_in_the_buckets_region_goes_on(elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert ensure_bucket(plan_run(RUN_ID, Settings(bucket=elsewhere))) == f"bucket {elsewhere}: in use"
