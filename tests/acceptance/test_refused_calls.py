"""Whatever AWS answers to the calls that a deployment makes, nothing is left of it afterwards."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from localaws.faults import CallFault, CallRefused, ConnectionDropped, Faults, Throttled
from tasks.errors import StygigError
from tasks.hosting.deploying import start_endpoint
from tasks.hosting.endpoint import EndpointSpec
from tasks.hosting.notifications import create_messaging
from tasks.hosting.scaling import scale_to_zero
from tasks.plan import RunPlan
from tasks.resources.inventory import existing
from tasks.resources.teardown import Removal, tear_down_run
from tasks.resources.torn_down import torn_down
from tests.tasks.deployed import BUCKET, RUN_ID, hurried, put_model
from tests.tasks.resources.test_teardown import Account

CREATING = {
    "CreateTopic": "sns",
    "CreateQueue": "sqs",
    "Subscribe": "sns",
    "CreateModel": "sagemaker",
    "CreateEndpointConfig": "sagemaker",
    "CreateEndpoint": "sagemaker",
    "RegisterScalableTarget": "application-autoscaling",
    "PutScalingPolicy": "application-autoscaling",
    "PutMetricAlarm": "monitoring",
}
DENIED: dict[str, Any] = {"code": "AccessDeniedException", "status": 403}
QUOTA: dict[str, Any] = {"code": "ResourceLimitExceeded", "message": "The account-level service limit is 0 Instances."}
NO_SENSE: dict[str, Any] = {"code": "ValidationException", "message": "1 validation error detected"}
REFUSALS = [
    *((operation, DENIED) for operation in CREATING),
    *((operation, QUOTA) for operation in ("CreateModel", "CreateEndpointConfig", "CreateEndpoint")),
    *((operation, NO_SENSE) for operation in ("CreateTopic", "CreateQueue", "CreateEndpoint")),
]
FOR_A_MOMENT: dict[str, Callable[..., CallFault]] = {
    "throttled": lambda **where: Throttled(times=1, **where),
    "the connection drops": lambda **where: ConnectionDropped(times=1, **where),
    "the answer is lost": lambda **where: ConnectionDropped(times=1, took_effect=True, **where),
}


@pytest.fixture(autouse=True)
def without_a_run() -> Iterator[None]:
    with disable_run_logger():
        yield


def make(plan: RunPlan) -> None:
    """Make the resources of a deployment."""
    topics = create_messaging(plan)
    endpoint = start_endpoint(plan, EndpointSpec("async", put_model()), topics)
    scale_to_zero(plan, endpoint.name)


def deploy(plan: RunPlan) -> None:
    """Make the resources of a deployment and tear them down."""
    with torn_down(plan):
        make(plan)


@pytest.mark.parametrize(
    ("operation", "refusal"), REFUSALS, ids=lambda value: value if isinstance(value, str) else value["code"]
)
def test_a_call_that_is_refused_ends_the_deployment_and_nothing_is_left(
    plan: RunPlan, local_aws_faults: Faults, operation: str, refusal: Any
) -> None:
    local_aws_faults.add(CallRefused(service=CREATING[operation], operation=operation, **refusal))
    with pytest.raises(StygigError, match=operation):
        deploy(plan)
    local_aws_faults.clear()
    assert existing(BUCKET).resources == ()
    assert Account().things() == set()


@pytest.mark.parametrize("fault", FOR_A_MOMENT)
def test_every_call_that_fails_for_a_moment_is_made_again(plan: RunPlan, local_aws_faults: Faults, fault: str) -> None:
    for operation, service in CREATING.items():
        local_aws_faults.add(FOR_A_MOMENT[fault](service=service, operation=operation))
    deploy(plan)
    assert local_aws_faults.struck() == len(CREATING)
    assert existing(BUCKET).resources == ()
    assert Account().things() == set()


@pytest.mark.parametrize("operation", CREATING)
def test_a_run_that_ended_before_any_call_is_removed_by_whoever_knows_its_id_and_twice_is_no_error(
    plan: RunPlan, local_aws_faults: Faults, operation: str
) -> None:
    local_aws_faults.add(CallRefused(service=CREATING[operation], operation=operation, **DENIED))
    with pytest.raises(StygigError, match=operation):
        make(plan)
    local_aws_faults.clear()
    tear_down_run(BUCKET, RUN_ID, hurried(), print).proven()
    assert existing(BUCKET).resources == ()
    assert Account().things() == set()
    assert tear_down_run(BUCKET, RUN_ID, hurried(), print) == Removal((), ())
