"""An embedded AWS at real time, so that no limit of AWS's is near; tests that need time to pass move it on."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest

from localaws import LocalAws, Options
from localaws.services.sns import web_hooks
from tests.deployments.localaws.callers import Caller
from tests.deployments.localaws.cloud import BUCKET, Cloud
from tests.deployments.localaws.webhook import Topic, webhook


@pytest.fixture(scope="session")
def aws_server() -> Iterator[LocalAws]:
    """One embedded AWS for all these tests."""
    with LocalAws() as aws:
        yield aws


@pytest.fixture
def aws(aws_server: LocalAws, monkeypatch: pytest.MonkeyPatch) -> LocalAws:
    """That AWS, empty, with the environment pointing at it."""
    aws_server.reset()
    for name, value in aws_server.environment().items():
        monkeypatch.setenv(name, value)
    return aws_server


@pytest.fixture
def cloud(aws: LocalAws) -> Cloud:
    """Clients, and a bucket for models and results."""
    cloud = Cloud(aws)
    cloud.s3.create_bucket(Bucket=BUCKET)
    return cloud


@pytest.fixture(scope="module")
def enforcing() -> Iterator[LocalAws]:
    """An embedded AWS that enforces IAM."""
    with LocalAws(options=Options(enforce_iam=True)) as aws:
        yield aws


@pytest.fixture
def enforced(enforcing: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """Its clients with the key that may do everything, and a bucket."""
    enforcing.reset()
    for name, value in enforcing.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it would remember the earlier credentials
    cloud = Cloud(enforcing)
    cloud.s3.create_bucket(Bucket=BUCKET)
    return cloud


@pytest.fixture
def caller(enforced: Cloud) -> Caller:
    """A user without any permission, where IAM is enforced."""
    return Caller(enforced.aws)


@pytest.fixture
def topic(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Topic]:
    """A topic, and a web hook to subscribe to it, which may take its time to answer."""
    for limit in ("ATTEMPT_SECONDS", "MIN_ATTEMPT_REAL_SECONDS", "CONNECT_REAL_SECONDS"):
        monkeypatch.setattr(web_hooks, limit, 900.0)
    sns = cloud.client("sns")
    with webhook() as hook:
        yield Topic(cloud, hook, sns, sns.create_topic(Name="topic")["TopicArn"])
