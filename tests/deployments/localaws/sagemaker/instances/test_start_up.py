"""The time that a container may take to become healthy on a compressed clock."""

from __future__ import annotations

import pytest

from localaws.clock import Clock
from localaws.sagemaker.instances import start_up
from localaws.sagemaker.instances.start_up import StartUp
from tests.deployments.localaws.cloud import Cloud

LOADS_FOREVER = """
import threading
def model_fn(model_dir): threading.Event().wait()
"""
IMPORTS_FOR_LONG = """
import time
def model_fn(model_dir): time.sleep(0.5)
def transform_fn(model, body, content_type, accept): return "ready", "text/plain"
"""
CLOCK_SENTENCE = "The clock runs 6000 times as fast as real time: the 480 seconds that AWS gives were over after "


def test_a_container_that_imports_for_long_is_not_given_up_for_the_clocks_sake(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_up, "LEAST_REAL_SECONDS", 480.0)
    cloud.aws.clock.rate = 6000
    cloud.model(handler=IMPORTS_FOR_LONG)
    cloud.config()
    cloud.endpoint()
    cloud.aws.clock.rate = 1
    assert cloud.runtime.invoke_endpoint(EndpointName="endpoint", Body=b"")["Body"].read() == b"ready"


def test_one_that_is_given_up_is_told_that_the_clock_was_compressed(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_up, "LEAST_REAL_SECONDS", 0.1)
    cloud.aws.clock.rate = 6000
    cloud.model(handler=LOADS_FOREVER)
    cloud.config()
    cloud.endpoint(status=None)
    reason = cloud.settle(status="Failed")["FailureReason"]
    assert "did not pass the ping health check." in reason
    assert CLOCK_SENTENCE in reason
    assert reason.endswith("raise ContainerStartupHealthCheckTimeoutInSeconds.")


def test_at_the_real_rate_aws_seconds_alone_count_and_the_clock_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("localaws.clock.time.monotonic", lambda: now[0])
    began = StartUp(Clock(1.0), 60)
    now[0] = 59.9
    assert (began.passed, began.is_over(silent=False)) == (False, False)
    now[0] = 60.0
    assert (began.passed, began.is_over(silent=False)) == (True, True)
    assert began.cut_short() == ""


def test_one_that_a_fault_keeps_silent_has_no_more_than_the_compressed_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("localaws.clock.time.monotonic", lambda: now[0])
    began = StartUp(Clock(60.0), 480)
    now[0] = 8.0
    assert (began.is_over(silent=True), began.is_over(silent=False)) == (True, False)
    now[0] = 60.0
    assert began.is_over(silent=False)
