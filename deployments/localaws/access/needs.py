"""The permissions that a call needs, as actions on resources.

After https://docs.aws.amazon.com/service-authorization/latest/reference/; an operation that is not known here needs
the action of its own name on every resource.
"""

from __future__ import annotations

from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends

from localaws.access.need import Need, given, listed, request_tags, tag_context
from localaws.access.principals import find_role_named
from localaws.access.s3.needs import s3_needs
from localaws.access.sagemaker_needs import sagemaker_needs
from localaws.calls import Call
from localaws.errors import ValidationException
from localaws.sagemaker.hosting import arn
from localaws.sagemaker.state import State, key
from localaws.services.moto_services import ACCOUNT

SCALING_SERVICE = "sagemaker.application-autoscaling.amazonaws.com"
SCALING_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
# The prefix of IAM's actions for the signing names that differ from it.
_PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag"}


def needs_of(call: Call, state: State) -> list[Need]:
    """The permissions that the call needs, in the order in which AWS checks them."""
    if call.service == "s3":
        return s3_needs(call)
    if call.service == "sagemaker":
        return sagemaker_needs(call, state)
    if call.service == "application-autoscaling":
        return _scaling_needs(call, state)
    parameters = call.parameters
    resources = _RESOURCES[call.service](call, parameters) if call.service in _RESOURCES else ["*"]
    context = {**tag_context(request_tags(parameters)), **_context(call, parameters)}
    needs = [Need(_action(call), resource, context) for resource in resources]
    if call.operation in _TAGGING and request_tags(parameters):
        needs.extend(Need(_TAGGING[call.operation], resource, context) for resource in resources)
    return [*needs, *_passed_role(call, parameters)]


# The further action that is needed to create a resource with tags.
_TAGGING = {
    "CreateTopic": "sns:TagResource",
    "CreateQueue": "sqs:TagQueue",
    "PutMetricAlarm": "cloudwatch:TagResource",
    "CreateRole": "iam:TagRole",
    "CreateUser": "iam:TagUser",
    "CreateLogGroup": "logs:TagResource",
    "CreateScheduleGroup": "scheduler:TagResource",
}


def _action(call: Call) -> str:
    # The batch operations of SNS and SQS need the actions of the single ones.
    operation = call.operation.removesuffix("Batch") if call.service in ("sns", "sqs") else call.operation
    return f"{_PREFIXES.get(call.service, call.service)}:{operation}"


def _sns_resources(call: Call, parameters: dict[str, Any]) -> list[str]:
    if name := parameters.get("Name"):
        return [f"arn:aws:sns:{call.region}:{ACCOUNT}:{name}"]
    named = (parameters.get(member) for member in ("TopicArn", "TargetArn", "ResourceArn"))
    return [next((str(resource) for resource in named if resource), "*")]


def _sqs_resources(call: Call, parameters: dict[str, Any]) -> list[str]:
    name = parameters.get("QueueName") or parameters.get("QueueUrl", "").rpartition("/")[2]
    return [f"arn:aws:sqs:{call.region}:{ACCOUNT}:{name}" if name else "*"]


def _cloudwatch_resources(call: Call, parameters: dict[str, Any]) -> list[str]:
    if "ResourceARN" in parameters:
        return [parameters["ResourceARN"]]
    if call.operation.endswith(("Dashboard", "Dashboards")) and call.operation != "ListDashboards":
        names = listed(parameters, "DashboardNames") or [parameters.get("DashboardName", "*")]
        return [f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{name}" for name in names]
    if "Alarm" not in call.operation:
        return ["*"]
    names = listed(parameters, "AlarmNames") or [parameters.get("AlarmName", "*")]
    return [_alarm_arn(call.region, name) for name in names]


def _alarm_arn(region: str, name: str) -> str:
    return f"arn:aws:cloudwatch:{region}:{ACCOUNT}:alarm:{name}"


def _logs_resources(call: Call, parameters: dict[str, Any]) -> list[str]:
    named = parameters.get("logGroupName") or parameters.get("logGroupIdentifier", "").rpartition("log-group:")[2]
    group = f"arn:aws:logs:{call.region}:{ACCOUNT}:log-group:{named}"
    return [f"{group}:log-stream:{parameters.get('logStreamName', '')}"]


def _iam_resources(call: Call, parameters: dict[str, Any]) -> list[str]:
    if role := parameters.get("RoleName"):
        found = find_role_named(role)
        return [str(found.arn) if found else f"arn:aws:iam::{ACCOUNT}:role{parameters.get('Path', '/')}{role}"]
    if service := parameters.get("AWSServiceName"):
        return [f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{service}/*"]
    for member, kind in (("UserName", "user"), ("GroupName", "group"), ("PolicyName", "policy")):
        if name := parameters.get(member):
            return [f"arn:aws:iam::{ACCOUNT}:{kind}{parameters.get('Path', '/')}{name}"]
    return [parameters.get("PolicyArn") or parameters.get("PolicySourceArn", "*")]


def _scheduler_resources(call: Call, parameters: dict[str, Any]) -> list[str]:
    base = f"arn:aws:scheduler:{call.region}:{ACCOUNT}"
    if "ResourceArn" in parameters:
        return [parameters["ResourceArn"]]
    if call.operation.startswith("List"):
        return [f"{base}:schedule/*/*" if call.operation == "ListSchedules" else f"{base}:schedule-group/*"]
    if call.operation.endswith("Group"):
        return [f"{base}:schedule-group/{parameters.get('Name', '')}"]
    return [f"{base}:schedule/{parameters.get('GroupName', 'default')}/{parameters.get('Name', '')}"]


def _passed_role(call: Call, parameters: dict[str, Any]) -> list[Need]:
    """The permission to hand a role to the scheduler, which creating and updating a schedule need."""
    role = (parameters.get("Target") or {}).get("RoleArn") if call.service == "scheduler" else None
    return [Need("iam:PassRole", role, given(iam__PassedToService="scheduler.amazonaws.com"))] if role else []


def _sts_resources(call: Call, parameters: dict[str, Any]) -> list[str]:
    return [parameters.get("RoleArn", "*")]


_RESOURCES = {
    "sns": _sns_resources,
    "sqs": _sqs_resources,
    "monitoring": _cloudwatch_resources,
    "logs": _logs_resources,
    "iam": _iam_resources,
    "sts": _sts_resources,
    "scheduler": _scheduler_resources,
}


def _context(call: Call, parameters: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    return given(
        cloudwatch__namespace=parameters.get("Namespace") if call.operation == "PutMetricData" else None,
        sns__Endpoint=parameters.get("Endpoint") if call.operation == "Subscribe" else None,
        sns__Protocol=parameters.get("Protocol") if call.operation == "Subscribe" else None,
        sts__RoleSessionName=parameters.get("RoleSessionName"),
        sts__ExternalId=parameters.get("ExternalId"),
        iam__AWSServiceName=parameters.get("AWSServiceName"),
        iam__PolicyARN=parameters.get("PolicyArn") if call.service == "iam" else None,
    )


def _scaling_needs(call: Call, state: State) -> list[Need]:
    """The action itself, and the permissions for the target's service that Application Auto Scaling requires.

    https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html
    """
    parameters, resource = call.parameters, "*"
    named = parameters.get("ResourceId", "")
    if not call.operation.startswith("Describe"):
        resource = _target_arn(call.region, named)
    context = given(
        application_autoscaling__service_namespace=parameters.get("ServiceNamespace"),
        application_autoscaling__scalable_dimension=parameters.get("ScalableDimension"),
    )
    needs = [Need(f"application-autoscaling:{call.operation}", resource, context)]
    if parameters.get("ServiceNamespace") != "sagemaker":
        return needs
    if call.operation == "RegisterScalableTarget":
        needs.extend(_target_needs(call.region, named, state))
        if find_role_named(SCALING_ROLE) is None:  # AWS creates it with an account's first scalable target
            role = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{SCALING_SERVICE}/{SCALING_ROLE}"
            needs.append(Need("iam:CreateServiceLinkedRole", role, given(iam__AWSServiceName=SCALING_SERVICE)))
    if call.operation == "PutScalingPolicy" and parameters.get("PolicyType") == "TargetTrackingScaling":
        alarm = _alarm_arn(call.region, f"TargetTracking-{named}-*")
        actions = ("PutMetricAlarm", "DescribeAlarms", "DeleteAlarms")
        needs.extend(Need(f"cloudwatch:{action}", alarm, error=ValidationException) for action in actions)
    return needs


def _target_needs(region: str, resource_id: str, state: State) -> list[Need]:
    name = resource_id.split("/")[1] if resource_id.count("/") == 3 else ""
    endpoint_arn = arn(region, "endpoint", name)
    endpoint = state.endpoints.get(key(region, name))
    needs = [
        Need("sagemaker:DescribeEndpoint", endpoint_arn, error=ValidationException),
        Need("sagemaker:UpdateEndpointWeightsAndCapacities", endpoint_arn, error=ValidationException),
    ]
    if endpoint is not None:
        needs.append(Need("sagemaker:DescribeEndpointConfig", endpoint.config.arn, error=ValidationException))
    return needs


def _target_arn(region: str, resource_id: str) -> str:
    targets = applicationautoscaling_backends[ACCOUNT][region].targets.values()
    found = (str(by_resource[resource_id].arn) for by_resource in list(targets) if resource_id in by_resource)
    return next(found, f"arn:aws:application-autoscaling:{region}:{ACCOUNT}:scalable-target/*")
