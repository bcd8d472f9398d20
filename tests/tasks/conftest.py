"""A run on the embedded AWS, and callers with limited permissions."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from localaws import LocalAws
from tasks.plan import RunPlan, plan_run
from tasks.settings import Settings
from tests.tasks.deployed import BUCKET, RUN_ID
from tests.tasks.tiny_clip import tiny_clip


@pytest.fixture
def plan(local_aws: LocalAws) -> RunPlan:
    """The plan of a run whose bucket exists."""
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    return plan_run(RUN_ID, Settings(bucket=BUCKET, owner="tester"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The weights of a CLIP that open_clip knows by name while the fixture is in use."""
    with tiny_clip(tmp_path_factory.mktemp("clip")) as path:
        yield path


@pytest.fixture
def only_allowed(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes everything after it run as a user who may do the named actions and nothing else (SageMaker excepted)."""

    def become(*actions: str) -> None:
        iam = boto3.client("iam")
        iam.create_user(UserName="limited")
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="limited", PolicyName="limits", PolicyDocument=policy)
        key = iam.create_access_key(UserName="limited")["AccessKey"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        monkeypatch.setattr("moto.settings.INITIAL_NO_AUTH_ACTION_COUNT", 0.0)

    return become
