"""The flow that deploys an artifact and shows that it answers: asynchronous with scaling and topics, or real-time."""

from typing import Annotated, Literal

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from tasks.exchange.sources import read_requests_task
from tasks.hosting.dashboard import make_dashboard_task
from tasks.hosting.deploying import output_bucket_task, start_endpoint_task
from tasks.hosting.endpoint import Endpoint, EndpointSpec, wait_in_service_task
from tasks.hosting.endpoint_info import publish_summary_task
from tasks.hosting.monitoring import watch_task
from tasks.hosting.notifications import checked_topic, create_messaging_task
from tasks.hosting.scaling import scale_to_zero_task
from tasks.invoking.invocation import smoke_real_time_task
from tasks.invoking.waiting import smoke_async_task
from tasks.packaging.published import LATEST, resolve_model_task
from tasks.plan import plan_task
from tasks.planning.plan_of_resources import Watched
from tasks.planning.plan_of_run import Intent, Sent, plan_only_task
from tasks.planning.planned import PlanOfRun
from tasks.planning.preflight import preflight_task
from tasks.resources.torn_down import teardown_hook, torn_down


@flow(
    name="deploy-endpoint",
    flow_run_name="deploy-{kind}",
    on_failure=[teardown_hook],
    on_crashed=[teardown_hook],
    on_cancellation=[teardown_hook],
)
def deploy_endpoint(
    model_uri: str = LATEST,
    kind: Literal["async", "real-time"] = "async",
    endpoint_name: str = "",
    instance_type: str = "ml.m5.large",
    s3_output_path: str = "",
    sns_topic_arn: str = "",
    max_concurrent_invocations: Annotated[int, Field(ge=1, le=1000)] = 5,
    requests: str = "",
    image_uri: str = "",
    environment: dict[str, str] = {},  # noqa: B006 - a form's field
    alarm_topic_arn: str = "",
    dashboard: bool = False,
    kms_key_id: str = "",
    subnets: list[str] = [],  # noqa: B006 - a form's field
    security_groups: list[str] = [],  # noqa: B006 - a form's field
    network_isolation: bool = False,
    plan_only: bool = False,
) -> Endpoint | PlanOfRun:
    """Deploy a packaged model and show that it answers. If anything fails, what was made is removed again.

    Args:
        model_uri: s3://…/model.tar.gz as package-model printed it, or a prefix of loose files ending with "/"; "latest"
            is the model that was packaged last.
        kind: "async" queues requests and scales to zero; "real-time" answers at once and bills around the clock.
        endpoint_name: At most 63 letters, digits and dashes; empty takes stygig-KIND-RUN.
        instance_type: For example ml.m5.large.
        s3_output_path: Where answers go; empty takes the run's own prefix. Asynchronous endpoints only.
        sns_topic_arn: A topic of yours for both endings; empty makes one for each. Asynchronous endpoints only.
        max_concurrent_invocations: Requests that one instance works on at a time. Asynchronous endpoints only.
        requests: Folder or s3://BUCKET/PREFIX/ of request bodies, of which any other model than the recommender must
            answer the first; the recommender is asked about a picture.
        image_uri: Image that serves the model; empty takes STYGIG_IMAGE_URI, or AWS's own.
        environment: Variables of the container, on top of ours.
        alarm_topic_arn: A topic of yours that an asynchronous endpoint's alarms tell; without one only their states do.
        dashboard: Make a CloudWatch dashboard for the endpoint, too. Asynchronous endpoints only.
        kms_key_id: KMS key that encrypts the answers; the execution role needs kms:GenerateDataKey on it.
        subnets: Subnets of a VPC for the containers, as subnet-0123; S3 must be reachable from them.
        security_groups: Security groups in that VPC, as sg-0123.
        network_isolation: Containers reach nothing at all, not even S3.
        plan_only: Make nothing; list what would be made, changed or left, its cost, and all that would stop the run.
    """
    spec = EndpointSpec(
        kind,
        model_uri,
        endpoint_name,
        instance_type,
        s3_output_path,
        max_concurrent_invocations,
        image_uri,
        environment,
        kms_key_id,
        subnets,
        security_groups,
        network_isolation,
    ).checked()
    checked_topic(sns_topic_arn)
    checked_topic(alarm_topic_arn)
    plan = plan_task(flow_run.id or "")
    if plan_only:
        watched = Watched(alarms=True, dashboard=dashboard)
        intent = Intent([spec], model_uri, sns_topic_arn, Sent(requests), watched=watched)
        return plan_only_task(plan, intent).without_findings()
    preflight_task(plan)
    spec = spec.serving(resolve_model_task(model_uri, plan.bucket, requests))
    output_bucket_task(plan, spec)
    first, *_ = read_requests_task(requests, "demo", 1, 1, 1)
    with torn_down(plan, keep_on_success=True):
        topics = create_messaging_task(plan, sns_topic_arn) if kind == "async" else None
        (endpoint,) = wait_in_service_task(
            [start_endpoint_task(plan, spec, topics)], plan.settings.endpoint_deadline_minutes
        )
        if kind == "async":
            smoke_async_task(plan, endpoint, first)
            scale_to_zero_task(plan, endpoint.name)
            watch_task(plan, endpoint.name, alarm_topic_arn)
            if dashboard:
                make_dashboard_task(plan, endpoint.name)
        else:
            smoke_real_time_task(endpoint, first)
        publish_summary_task(endpoint)
        return endpoint
