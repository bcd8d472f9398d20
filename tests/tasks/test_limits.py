"""AWS's names and limits against botocore's own model of the services."""

import botocore.session
import pytest
from botocore.model import ServiceModel

from tasks import limits


def model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


@pytest.mark.parametrize("shape", ["EndpointName", "EndpointConfigName"])
def test_the_name_pattern_is_botocores(shape: str) -> None:
    found = model("sagemaker").shape_for(shape).metadata
    assert (found["pattern"], found["max"]) == (limits.NAME_PATTERN, 63)


def test_the_statuses_are_those_of_endpoint_status() -> None:
    known = set(model("sagemaker").shape_for("EndpointStatus").enum)
    assert limits.IN_PROGRESS | {limits.IN_SERVICE, limits.DELETING, limits.FAILED} <= known
    settled = {"InService", "OutOfService", "Failed", "UpdateRollbackFailed", "Deleting"}
    assert known - limits.IN_PROGRESS == settled


@pytest.mark.parametrize(
    ("service", "shape", "bounds"),
    [
        ("sagemaker-runtime", "RequestTTLSecondsHeader", limits.REQUEST_TTL_SECONDS),
        ("sagemaker-runtime", "InvocationTimeoutSecondsHeader", limits.INVOCATION_TIMEOUT_SECONDS),
        ("sagemaker", "MaxConcurrentInvocationsPerInstance", limits.MAX_CONCURRENT_INVOCATIONS),
        (
            "sagemaker",
            "ProductionVariantContainerStartupHealthCheckTimeoutInSeconds",
            limits.STARTUP_HEALTH_CHECK_SECONDS,
        ),
    ],
)
def test_the_ranges_are_botocores(service: str, shape: str, bounds: tuple[int, int]) -> None:
    found = model(service).shape_for(shape).metadata
    assert (found["min"], found["max"]) == bounds


def test_the_real_time_payload_is_botocores() -> None:
    assert model("sagemaker-runtime").shape_for("BodyBlob").metadata["max"] == limits.REALTIME_PAYLOAD_BYTES


def test_the_scaling_names_are_botocores() -> None:
    scaling = model("application-autoscaling")
    assert limits.SERVICE_NAMESPACE in scaling.shape_for("ServiceNamespace").enum
    assert limits.SCALABLE_DIMENSION in scaling.shape_for("ScalableDimension").enum
