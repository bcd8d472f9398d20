"""Endpoints: waiting until they are InService, and finding existing ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tasks import limits
from tasks.clients import HERE, Place, at, client, explained
from tasks.clock import now
from tasks.deadline import Deadline, Silence
from tasks.errors import EndpointFailedError, InputError, StygigError
from tasks.hosting.container_log import last_log_lines
from tasks.hosting.notifications import Topics
from tasks.names import EndpointKind, S3Location, checked_name
from tasks.prefect_task import Progress, run_logger, silent, task

FIRST_NEWS_SECONDS, LONGEST_WITHOUT_NEWS_SECONDS = 30.0, 300.0


@dataclass(frozen=True)
class EndpointSpec:
    """An endpoint to deploy; only an asynchronous one uses `s3_output_path` and `max_concurrent_invocations`."""

    kind: EndpointKind
    model_uri: str = ""
    name: str = ""
    instance_type: str = "ml.m5.large"
    s3_output_path: str = ""
    max_concurrent_invocations: int = 5
    image_uri: str = ""
    """The image that serves the model; empty takes the settings', or AWS's own."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the container, on top of ours."""
    kms_key_id: str = ""
    """The KMS key that encrypts answers; empty leaves it to the bucket."""
    subnets: Sequence[str] = ()
    security_groups: Sequence[str] = ()
    network_isolation: bool = False
    """True for containers that reach nothing, not even S3; the model and the answers pass all the same."""

    def serving(self, model_uri: str) -> "EndpointSpec":
        return replace(self, model_uri=model_uri)

    def checked(self) -> "EndpointSpec":
        low, high = limits.MAX_CONCURRENT_INVOCATIONS
        if not low <= self.max_concurrent_invocations <= high:
            raise InputError(f"max_concurrent_invocations is {self.max_concurrent_invocations}: use {low} to {high}.")
        if not self.instance_type.startswith("ml."):
            raise InputError(f"{self.instance_type!r} is no SageMaker instance type: they begin with 'ml.'.")
        if self.name:
            checked_name(self.name)
        if self.kind == "real-time" and self.s3_output_path:
            raise InputError("A real-time endpoint has no s3_output_path: it answers at once. Leave it out.")
        if self.s3_output_path:
            S3Location.parse(self.s3_output_path)
        if self.kms_key_id and self.kind == "real-time":
            raise InputError("A real-time endpoint writes no answers that kms_key_id could encrypt. Leave it out.")
        if bool(self.subnets) != bool(self.security_groups):
            raise InputError("A VPC takes both subnets and security_groups: name at least one of each, or neither.")
        return self

    @property
    def network(self) -> dict[str, Any]:
        """What CreateModel is told of the network; nothing if it is AWS's own."""
        vpc = {"Subnets": list(self.subnets), "SecurityGroupIds": list(self.security_groups)}
        isolated = {"EnableNetworkIsolation": True} if self.network_isolation else {}
        return ({"VpcConfig": vpc} if self.subnets else {}) | isolated


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint that was requested or found; once waited for, it has the time it took to be InService."""

    kind: EndpointKind
    name: str
    model_uri: str
    instance_type: str
    asked_at: datetime
    output_path: str = ""
    """The S3 prefix of the answers; empty for a real-time endpoint, which answers at once."""
    failure_path: str = ""
    topics: Topics | None = None
    cold_start_seconds: float | None = None
    place: Place = HERE
    """The account and region where it was found, if these are not the run's."""
    expires_at: datetime | None = None
    """The time from which the sweep may remove it, if the run that made it is over."""


def describe(name: str) -> dict[str, Any]:
    """DescribeEndpoint's answer."""
    with explained("sagemaker:DescribeEndpoint", name):
        answer: dict[str, Any] = client("sagemaker").describe_endpoint(EndpointName=name)
    return answer


def wait_in_service(endpoints: Sequence[Endpoint], deadline: Deadline, say: Progress = silent) -> tuple[Endpoint, ...]:
    """Wait until all endpoints are InService; return them with their cold starts, each counted from its request.

    Whoever waits long is told what the containers last logged: one that fails is given up only after its time-out.
    """
    ready: dict[str, Endpoint] = {}
    silence, patience = Silence(deadline.clock), Deadline(FIRST_NEWS_SECONDS, deadline.clock)
    for _ in deadline.polls(first_seconds=0.3):
        with silence.borne():
            for endpoint in endpoints:
                if endpoint.name not in ready and (seen := _if_in_service(endpoint)):
                    ready[endpoint.name] = seen
            silence.broken()
        if len(ready) == len(endpoints):
            return tuple(ready[endpoint.name] for endpoint in endpoints)
        if patience.expired:
            patience = patience.again(FIRST_NEWS_SECONDS, LONGEST_WITHOUT_NEWS_SECONDS)
            for name in (endpoint.name for endpoint in endpoints if endpoint.name not in ready):
                say(f"{name} is not InService after {deadline.elapsed_seconds:.0f} s; {_last_words(name)}")
    waiting = [endpoint.name for endpoint in endpoints if endpoint.name not in ready]
    raise deadline.exceeded(
        f"{', '.join(waiting)} to be InService",
        f"{describe(waiting[0])['EndpointStatus']}",
        "STYGIG_ENDPOINT_DEADLINE_MINUTES allows more.",
    )


def _if_in_service(endpoint: Endpoint) -> Endpoint | None:
    found = describe(endpoint.name)
    status = found["EndpointStatus"]
    if status == limits.IN_SERVICE:
        return replace(endpoint, cold_start_seconds=(now() - endpoint.asked_at).total_seconds())
    if status not in limits.IN_PROGRESS:
        raise EndpointFailedError(_failure(endpoint.name, status, found.get("FailureReason", "no reason given")))
    return None


def _last_words(name: str) -> str:
    try:
        lines = last_log_lines(name)
    except StygigError as exc:
        return f"its log can't be read: {exc}"
    return f"it last logged: {lines[-1]}" if lines else "it has logged nothing yet"


def _failure(name: str, status: str, reason: str) -> str:
    try:
        said = "\n  ".join(last_log_lines(name)) or "(its containers logged nothing)"
    except StygigError as exc:  # an unreadable log must not hide why the endpoint failed
        said = f"(its log could not be read: {exc})"
    return f"Endpoint {name} is {status}: {reason}\n  {said}"


def existing_endpoint(name: str, kind: EndpointKind) -> Endpoint:
    """An endpoint that was deployed before; InputError unless it takes requests and is of that kind."""
    found = describe(checked_name(name))
    if found["EndpointStatus"] not in limits.SERVING:
        raise InputError(
            f"Endpoint {name} is {found['EndpointStatus']} and takes no requests. Wait for it, or deploy another."
        )
    is_async = "AsyncInferenceConfig" in found  # such an endpoint refuses InvokeEndpoint, others InvokeEndpointAsync
    if is_async != (kind == "async"):
        raise InputError(
            f"Endpoint {name} is {'an asynchronous' if is_async else 'a real-time'} one, but {kind} was asked for. "
            "Name another; `aws sagemaker list-endpoints` lists them."
        )
    return described_endpoint(name)


def described_endpoint(name: str) -> Endpoint:
    """An endpoint as AWS describes it, in any status, even one that isn't ours."""
    found = describe(name)
    # DescribeEndpoint tells neither the instance type nor the model.
    with explained("sagemaker:DescribeEndpointConfig", name):
        config = client("sagemaker").describe_endpoint_config(EndpointConfigName=found["EndpointConfigName"])
        variant = config["ProductionVariants"][0]
        model = client("sagemaker").describe_model(ModelName=variant["ModelName"])
    asynchronous = config.get("AsyncInferenceConfig", {})
    kind: EndpointKind = "async" if asynchronous else "real-time"
    # A variant with InstancePools has no InstanceType.
    return _as_found(name, kind, variant.get("InstanceType", ""), model, asynchronous)


def _as_found(
    name: str, kind: EndpointKind, instance_type: str, model: dict[str, Any], config: dict[str, Any]
) -> Endpoint:
    container = model["PrimaryContainer"]
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    output = config.get("OutputConfig", {})
    told = output.get("NotificationConfig", {})
    topics = Topics(told.get("SuccessTopic", ""), told.get("ErrorTopic", "")) if told else None
    return Endpoint(
        kind=kind,
        name=name,
        model_uri=container.get("ModelDataUrl") or source.get("S3Uri", ""),
        instance_type=instance_type,
        output_path=output.get("S3OutputPath", ""),
        failure_path=output.get("S3FailurePath", ""),
        topics=topics,
        asked_at=now(),
    )


@task(name="wait-in-service")
def wait_in_service_task(endpoints: Sequence[Endpoint], deadline_minutes: int) -> tuple[Endpoint, ...]:
    ready = wait_in_service(endpoints, Deadline(deadline_minutes * 60), run_logger().info)
    for endpoint in ready:
        run_logger().info("%s is InService after %.1f s", endpoint.name, endpoint.cold_start_seconds)
    return ready


@task(name="find-endpoint", task_run_name="find-{name}", only_reads=True)
def find_endpoint_task(name: str, kind: EndpointKind, place: Place = HERE) -> Endpoint:
    with at(place):
        return replace(existing_endpoint(name, kind), place=place)
