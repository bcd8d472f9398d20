"""Application Auto Scaling for SageMaker's variants: the operations, answered and refused as AWS does.

Targets and policies lie where moto keeps them. Scheduled actions, and the targets of other services, are moto's.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from moto.applicationautoscaling.models import FakeApplicationAutoscalingPolicy, applicationautoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends

from localaws.calls import Call
from localaws.errors import AwsError, ValidationException
from localaws.sagemaker.constraints import violation_message, violations
from localaws.services.application_autoscaling_rules import check_policy
from localaws.services.moto_services import ACCOUNT
from localaws.services.target_tracking import tracking_alarms

if TYPE_CHECKING:
    from localaws.scaling import Scaling

Request = dict[str, Any]
NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
LARGEST_PAGE = 50
SERVICE_ROLE = (
    f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
_SUSPENDED = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
# AWS's wording, as far as it is known.
_UNSUPPORTED = "Unsupported service namespace, resource type or scalable dimension"
_NO_RESOURCE = "SageMaker variant does not exist: {resource}"
_NO_BOUNDS = "Both minimum capacity and maximum capacity must be provided when registering a new scalable target"
_NEGATIVE_MINIMUM = "Minimum capacity cannot be less than 0"
_MINIMUM_ABOVE_MAXIMUM = "Maximum capacity cannot be less than minimum capacity"
_REAL_TIME_ZERO = "Minimum capacity cannot be less than 1 for the real-time variant: {resource}"
_WHERE = "service namespace: {namespace}, resource ID: {resource}, scalable dimension: {dimension}"
_NOT_REGISTERED = f"No scalable target registered for {_WHERE}"
_NO_TARGET = f"No scalable target found for {_WHERE}"
_NO_POLICY = f"No scaling policy found for {_WHERE}, policy name: {{policy}}"


class ApplicationAutoScaling:
    """Answers the calls of the service which concern SageMaker."""

    def __init__(self, scaling: Scaling) -> None:
        self._scaling = scaling
        self._operations: dict[str, Callable[[str, Request], Request]] = {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self._deregister,
            "DescribeScalableTargets": self._describe_targets,
            "PutScalingPolicy": self._put_policy,
            "DeleteScalingPolicy": self._delete_policy,
            "DescribeScalingPolicies": self._describe_policies,
            "DescribeScalingActivities": self._describe_activities,
        }

    def answer(self, call: Call) -> Request | None:
        """The operation's answer; None leaves the call to moto."""
        work = self._operations.get(call.operation)
        if work is None:
            return None
        request = call.parameters
        if found := violations("application-autoscaling", call.operation, request):
            raise ValidationException(violation_message(found))
        if request["ServiceNamespace"] != NAMESPACE:
            return {"ScalingActivities": []} if call.operation == "DescribeScalingActivities" else None
        if request.get("ScalableDimension", DIMENSION) != DIMENSION:
            raise ValidationException(_UNSUPPORTED)
        return work(call.region, request)

    def _register(self, region: str, request: Request) -> Request:
        backend, resource = _backend(region), request["ResourceId"]
        known = backend.targets.get(DIMENSION, {}).get(resource)
        minimum = request.get("MinCapacity", known.min_capacity if known else None)
        maximum = request.get("MaxCapacity", known.max_capacity if known else None)
        scaled = self._scaling.find(region, resource)
        if scaled is None:
            raise ValidationException(_NO_RESOURCE.format(resource=resource))
        if minimum is None or maximum is None:
            raise ValidationException(_NO_BOUNDS)
        if minimum < 0:
            raise ValidationException(_NEGATIVE_MINIMUM)
        if minimum > maximum:
            raise ValidationException(_MINIMUM_ABOVE_MAXIMUM)
        if minimum == 0 and scaled.endpoint.config.async_config is None:
            raise ValidationException(_REAL_TIME_ZERO.format(resource=resource))
        before = (known.suspended_state if known else None) or {}
        suspended = {**before, **request.get("SuspendedState", {})}
        role = request.get("RoleARN", SERVICE_ROLE)
        target = backend.register_scalable_target(NAMESPACE, resource, DIMENSION, minimum, maximum, role, suspended)
        self._scaling.bounds_changed(region, target)
        return {"ScalableTargetARN": target.arn}

    def _deregister(self, region: str, request: Request) -> Request:
        if _target(region, request) is None:
            raise _not_found(_NO_TARGET, request)
        _backend(region).deregister_scalable_target(NAMESPACE, request["ResourceId"], DIMENSION)
        return {}

    def _describe_targets(self, region: str, request: Request) -> Request:
        targets = _backend(region).describe_scalable_targets(NAMESPACE, request.get("ResourceIds"), None)
        listed, token = _page(targets, request)
        return {"ScalableTargets": [_describe_target(target) for target in listed], **token}

    def _put_policy(self, region: str, request: Request) -> Request:
        backend = _backend(region)
        if _target(region, request) is None:
            raise _not_found(_NOT_REGISTERED, request)
        before = _policy(region, request)
        kind = request.get("PolicyType") or (before.policy_type if before else "StepScaling")
        body = request.get(f"{kind}PolicyConfiguration") or (before._policy_body if before else {})
        check_policy(kind, body, before)
        policy = backend.put_scaling_policy(
            policy_name=request["PolicyName"],
            service_namespace=NAMESPACE,
            resource_id=request["ResourceId"],
            scalable_dimension=DIMENSION,
            policy_body=body,
            policy_type=kind,
        )
        if before is not None:
            policy.policy_arn, policy.creation_time = before.policy_arn, before.creation_time
            before.delete_alarms(ACCOUNT, region)
        if kind == "TargetTrackingScaling":
            cloudwatch = cloudwatch_backends[ACCOUNT][region]
            created_by = f"{policy.policy_arn}:createdBy/{uuid.uuid4()}"
            for alarm in tracking_alarms(request["ResourceId"], body, created_by):
                policy.alarms.append(cloudwatch.put_metric_alarm(**alarm))
        return {"PolicyARN": policy.policy_arn, "Alarms": _alarms(region, policy)}

    def _delete_policy(self, region: str, request: Request) -> Request:
        if _policy(region, request) is None:
            raise _not_found(_NO_POLICY, request)
        _backend(region).delete_scaling_policy(request["PolicyName"], NAMESPACE, request["ResourceId"], DIMENSION)
        return {}

    def _describe_policies(self, region: str, request: Request) -> Request:
        names, resource = request.get("PolicyNames"), request.get("ResourceId")
        policies = [
            policy
            for policy in list(_backend(region).policies.values())
            if policy.service_namespace == NAMESPACE
            and (not names or policy.policy_name in names or policy.policy_arn in names)
            and resource in (None, policy.resource_id)
        ]
        listed, token = _page(policies, request)
        return {"ScalingPolicies": [_describe_policy(region, policy) for policy in listed], **token}

    def _describe_activities(self, region: str, request: Request) -> Request:
        resource = request.get("ResourceId")
        activities = [each for each in self._scaling.activities(region) if resource in (None, each.resource_id)]
        listed, token = _page(activities, request)
        return {"ScalingActivities": [activity.describe() for activity in listed], **token}


def _backend(region: str) -> Any:
    return applicationautoscaling_backends[ACCOUNT][region]


def _target(region: str, request: Request) -> Any | None:
    return _backend(region).targets.get(DIMENSION, {}).get(request["ResourceId"])


def _policy(region: str, request: Request) -> Any | None:
    key = FakeApplicationAutoscalingPolicy.formulate_key(
        NAMESPACE, request["ResourceId"], DIMENSION, request["PolicyName"]
    )
    return _backend(region).policies.get(key)


def _describe_target(target: Any) -> Request:
    suspended = target.suspended_state or {}
    return {
        **_where(target),
        "MinCapacity": target.min_capacity,
        "MaxCapacity": target.max_capacity,
        "RoleARN": target.role_arn or SERVICE_ROLE,
        "CreationTime": target.creation_time,
        "SuspendedState": {name: bool(suspended.get(name)) for name in _SUSPENDED},
        "ScalableTargetARN": target.arn,
    }


def _describe_policy(region: str, policy: Any) -> Request:
    return {
        "PolicyARN": policy.policy_arn,
        "PolicyName": policy.policy_name,
        **_where(policy),
        "PolicyType": policy.policy_type,
        f"{policy.policy_type}PolicyConfiguration": policy._policy_body,
        "Alarms": _alarms(region, policy),
        "CreationTime": policy.creation_time,
    }


def _alarms(region: str, policy: Any) -> list[dict[str, str]]:
    """The alarms which run the policy: target tracking's own, or those that somebody made for its steps."""
    alarms = list(cloudwatch_backends[ACCOUNT][region].alarms.values())
    naming = [each for each in alarms if any(action.startswith(policy.policy_arn) for action in _actions(each))]
    return [{"AlarmName": alarm.name, "AlarmARN": alarm.alarm_arn} for alarm in naming]


def _actions(alarm: Any) -> list[str]:
    return [*alarm.alarm_actions, *alarm.ok_actions, *alarm.insufficient_data_actions]


def _where(resource: Any) -> Request:
    return {"ServiceNamespace": NAMESPACE, "ResourceId": resource.resource_id, "ScalableDimension": DIMENSION}


def _page(items: Iterable[Any], request: Request) -> tuple[Sequence[Any], dict[str, str]]:
    listed, token, size = list(items), request.get("NextToken"), request.get("MaxResults", LARGEST_PAGE)
    if not 1 <= size <= LARGEST_PAGE:
        raise ValidationException(f"The maximum number of results must be between 1 and {LARGEST_PAGE}.")
    try:
        start = int(base64.b64decode(token, validate=True)) if token else 0
    except (binascii.Error, ValueError) as exc:
        raise AwsError("InvalidNextTokenException", "The next token supplied was invalid.") from exc
    end = start + size
    more = {"NextToken": base64.b64encode(str(end).encode()).decode()} if end < len(listed) else {}
    return listed[start:end], more


def _not_found(text: str, request: Request) -> AwsError:
    where = {"namespace": NAMESPACE, "resource": request["ResourceId"], "dimension": DIMENSION}
    return AwsError("ObjectNotFoundException", text.format(**where, policy=request.get("PolicyName", "")))
