"""An embedded AWS whose clock is compressed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localaws import LocalAws
from tests.localaws.cloud import BUCKET, Cloud


@pytest.fixture(scope="session")
def aws_server() -> Iterator[LocalAws]:
    """One embedded AWS at 60 AWS seconds a second for all these tests."""
    with LocalAws(clock_rate=60) as aws:
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
