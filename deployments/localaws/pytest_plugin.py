"""pytest fixtures: an embedded AWS for the whole session, emptied for every test that uses it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from localaws.faults import Faults
    from localaws.local_aws import LocalAws


@pytest.fixture(scope="session")
def local_aws_server() -> Iterator[LocalAws]:
    """The session's embedded AWS."""
    from localaws.local_aws import LocalAws

    with LocalAws() as aws:
        yield aws


@pytest.fixture
def local_aws(local_aws_server: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    """The session's embedded AWS, empty before and after the test, with the environment pointing at it."""
    local_aws_server.reset()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)  # any of them could lead a client elsewhere, even to the real AWS
    for name, value in local_aws_server.environment().items():
        monkeypatch.setenv(name, value)
    yield local_aws_server
    local_aws_server.reset()


@pytest.fixture
def local_aws_faults(local_aws: LocalAws) -> Faults:
    """The faults of `local_aws`; none is set before or after the test."""
    return local_aws.faults
