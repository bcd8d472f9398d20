"""The plan of a run and the preflight that checks it before any money is spent."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from localaws import LocalAws
from tasks.errors import InputError, PermissionDeniedError, StygigError
from tasks.plan import RunPlan, plan_run
from tasks.planning.preflight import check_listing, check_role, ensure_bucket, preflight
from tasks.settings import Settings
from tests.tasks.deployed import BUCKET, RUN_ID


@pytest.fixture
def bucketless(plan: RunPlan) -> RunPlan:
    return replace(plan, bucket="not-there-yet")


def with_role(plan: RunPlan, role: str) -> RunPlan:
    return replace(plan, settings=plan.settings.model_copy(update={"execution_role_arn": role}))


def test_a_plan_knows_who_where_and_until_when(local_aws: LocalAws) -> None:
    plan = plan_run(RUN_ID, Settings(expires_after_hours=2, owner="tester"))
    assert (plan.account, plan.region) == ("123456789012", "us-east-1")
    assert plan.bucket == "stygig-123456789012-us-east-1"
    assert plan.expires_at - plan.started_at == timedelta(hours=2)
    assert {mark["Key"]: mark["Value"] for mark in plan.tags}["stygig:run-id"] == RUN_ID
    assert plan.names.run_id == RUN_ID


def test_a_plan_does_not_print_the_settings(plan: RunPlan) -> None:
    assert "role" not in repr(plan)


def test_without_a_region_there_is_no_plan(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(InputError, match="No AWS region is set"):
        plan_run(RUN_ID, Settings(bucket=BUCKET))


def test_a_ready_account_passes_line_by_line(plan: RunPlan) -> None:
    bucket, listing, role, guard = preflight(plan)
    assert guard.startswith("AWS itself deletes the endpoints when they have expired")
    assert bucket == f"bucket {BUCKET}: in use"
    assert listing == f"missing keys in {BUCKET}: 404, as waiting needs"
    assert role == f"role {plan.settings.execution_role_arn}: exists, is SageMaker's to take, and may do what it must"


def test_a_run_that_reports_looks_at_the_folder_before_anything_is_made(bucketless: RunPlan, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = bucketless.settings.model_copy(update={"reports": tmp_path / "file"})
    with pytest.raises(InputError, match="STYGIG_REPORTS"):
        preflight(replace(bucketless, settings=settings), reports=True)
    names = [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]
    assert bucketless.bucket not in names


def test_a_region_without_a_serving_image_is_refused_before_anything_is_made(bucketless: RunPlan) -> None:
    nowhere = replace(bucketless, region="nowhere-1", settings=Settings(image_uri=""))
    with pytest.raises(InputError, match=r"'nowhere-1' .*STYGIG_IMAGE_URI"):
        preflight(nowhere)
    names = [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]
    assert bucketless.bucket not in names


def test_an_absent_bucket_is_made_and_closed_to_the_public(bucketless: RunPlan) -> None:
    assert ensure_bucket(bucketless) == "bucket not-there-yet: made"
    found = boto3.client("s3").get_public_access_block(Bucket=bucketless.bucket)
    assert set(found["PublicAccessBlockConfiguration"].values()) == {True}


def test_a_bucket_that_is_made_takes_tls_alone_and_forgets_what_is_old(bucketless: RunPlan) -> None:
    ensure_bucket(bucketless)
    s3 = boto3.client("s3")
    (denied,) = json.loads(s3.get_bucket_policy(Bucket=bucketless.bucket)["Policy"])["Statement"]
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucketless.bucket)["Rules"]
    assert {rule["ID"]: rule["Filter"]["Prefix"] for rule in rules} == {"runs": "runs/", "unfinished-uploads": ""}
    s3.put_object(Bucket=bucketless.bucket, Key="runs/1", Body=b"")


def test_a_bucket_is_made_in_the_runs_region(bucketless: RunPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    ensure_bucket(replace(bucketless, region="eu-west-1"))
    location = boto3.client("s3").get_bucket_location(Bucket=bucketless.bucket)
    assert location["LocationConstraint"] == "eu-west-1"


def test_a_bucket_in_use_is_left_as_it_is(plan: RunPlan) -> None:
    boto3.client("s3").delete_public_access_block(Bucket=BUCKET)
    ensure_bucket(plan)
    with pytest.raises(ClientError, match="NoSuchPublicAccessBlockConfiguration"):
        boto3.client("s3").get_public_access_block(Bucket=BUCKET)


def test_a_bucket_that_may_not_be_used_is_named(plan: RunPlan, only_allowed: Callable[..., None]) -> None:
    only_allowed("s3:CreateBucket")
    with pytest.raises(PermissionDeniedError, match=rf"Bucket {BUCKET} exists but may not be used.*STYGIG_BUCKET"):
        ensure_bucket(plan)


def test_a_bucket_that_may_not_be_made_names_the_action(bucketless: RunPlan, only_allowed: Callable[..., None]) -> None:
    only_allowed("s3:ListBucket", "s3:HeadBucket")
    with pytest.raises(PermissionDeniedError, match=r"s3:CreateBucket on not-there-yet was denied"):
        ensure_bucket(bucketless)


def test_an_impossible_bucket_name_keeps_awss_words(plan: RunPlan) -> None:
    with pytest.raises(StygigError, match=r"s3:CreateBucket on ab failed: InvalidBucketName"):
        ensure_bucket(replace(plan, bucket="ab"))


def test_a_missing_key_that_answers_403_is_told_as_the_missing_permission(
    plan: RunPlan, only_allowed: Callable[..., None]
) -> None:
    only_allowed("s3:PutObject")
    with pytest.raises(
        PermissionDeniedError, match=rf"403 instead of 404: the caller lacks s3:ListBucket on arn:aws:s3:::{BUCKET}"
    ):
        check_listing(plan)


def test_no_role_is_said_with_where_to_get_one(plan: RunPlan) -> None:
    with pytest.raises(InputError, match=r"STYGIG_EXECUTION_ROLE_ARN is not set.*deployments/aws/README\.md"):
        check_role(with_role(plan, ""))


def test_a_role_that_does_not_exist_is_named(plan: RunPlan) -> None:
    role = "arn:aws:iam::123456789012:role/absent"
    with pytest.raises(InputError, match=f"The execution role {role} does not exist"):
        check_role(with_role(plan, role))


def test_a_role_that_may_not_be_looked_at_is_taken_as_given(plan: RunPlan, only_allowed: Callable[..., None]) -> None:
    only_allowed("s3:ListBucket")
    assert "iam:GetRole is not allowed" in check_role(plan)
