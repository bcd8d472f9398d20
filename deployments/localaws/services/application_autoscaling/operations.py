"""Application Auto Scaling for SageMaker's variants: its operations, answered and refused as AWS does.

Targets and policies stay in moto's backends. moto itself answers for the targets of other services.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from moto.applicationautoscaling.models import FakeApplicationAutoscalingPolicy
from moto.cloudwatch.models import cloudwatch_backends

from localaws.calls import Call
from localaws.constraints import violation_message, violations
from localaws.errors import ValidationException
from localaws.services.application_autoscaling.rules import check_bounds, check_policy
from localaws.services.application_autoscaling.scheduled_actions import ScheduledActions
from localaws.services.application_autoscaling.target_tracking import tracking_alarms
from localaws.services.application_autoscaling.targets import (
    DIMENSION,
    NAMESPACE,
    NO_TARGET,
    NOT_REGISTERED,
    WHERE,
    Request,
    backend_of,
    not_found,
    page,
    target_of,
    where,
)
from localaws.services.moto_services import ACCOUNT

if TYPE_CHECKING:
    from localaws.scaling.engine import Scaling

SERVICE_ROLE = (
    f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
_SUSPENDED = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
# AWS's wording, as far as it is known.
_UNSUPPORTED = "Unsupported service namespace, resource type or scalable dimension"
_NO_RESOURCE = "SageMaker variant does not exist: {resource}"
_NO_POLICY = f"No scaling policy found for {WHERE}, policy name: {{name}}"


class ApplicationAutoScaling:
    """The operations of the service, as far as they concern SageMaker."""

    def __init__(self, scaling: Scaling) -> None:
        self._scaling = scaling
        scheduled = ScheduledActions(scaling)
        self._operations: dict[str, Callable[[str, Request], Request]] = {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self._deregister,
            "DescribeScalableTargets": self._describe_targets,
            "PutScalingPolicy": self._put_policy,
            "DeleteScalingPolicy": self._delete_policy,
            "DescribeScalingPolicies": self._describe_policies,
            "DescribeScalingActivities": self._describe_activities,
            "PutScheduledAction": scheduled.put,
            "DeleteScheduledAction": scheduled.delete,
            "DescribeScheduledActions": scheduled.describe,
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
        backend, resource = backend_of(region), request["ResourceId"]
        known = backend.targets.get(DIMENSION, {}).get(resource)
        minimum = request.get("MinCapacity", known.min_capacity if known else None)
        maximum = request.get("MaxCapacity", known.max_capacity if known else None)
        scaled = self._scaling.find(region, resource)
        if scaled is None:
            raise ValidationException(_NO_RESOURCE.format(resource=resource))
        minimum, maximum = check_bounds(minimum, maximum, resource, scaled.is_async)
        before = (known.suspended_state if known else None) or {}
        suspended = {**before, **request.get("SuspendedState", {})}
        role = request.get("RoleARN", SERVICE_ROLE)
        target = backend.register_scalable_target(NAMESPACE, resource, DIMENSION, minimum, maximum, role, suspended)
        self._scaling.bounds_changed(region, target)
        return {"ScalableTargetARN": target.arn}

    def _deregister(self, region: str, request: Request) -> Request:
        if target_of(region, request) is None:
            raise not_found(NO_TARGET, request)
        backend_of(region).deregister_scalable_target(NAMESPACE, request["ResourceId"], DIMENSION)
        return {}

    def _describe_targets(self, region: str, request: Request) -> Request:
        targets = backend_of(region).describe_scalable_targets(NAMESPACE, request.get("ResourceIds"), None)
        listed, token = page(targets, request)
        return {"ScalableTargets": [_describe_target(target) for target in listed], **token}

    def _put_policy(self, region: str, request: Request) -> Request:
        backend = backend_of(region)
        if target_of(region, request) is None:
            raise not_found(NOT_REGISTERED, request)
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
        # moto makes a new policy; on AWS an update keeps the ARN.
        if before is not None:
            policy.policy_arn, policy.creation_time = before.policy_arn, before.creation_time
            before.delete_alarms(ACCOUNT, region)
        # moto makes no alarms for policies of SageMaker.
        if kind == "TargetTrackingScaling":
            cloudwatch = cloudwatch_backends[ACCOUNT][region]
            created_by = f"{policy.policy_arn}:createdBy/{uuid.uuid4()}"
            for alarm in tracking_alarms(request["ResourceId"], body, created_by):
                policy.alarms.append(cloudwatch.put_metric_alarm(**alarm))
        return {"PolicyARN": policy.policy_arn, "Alarms": _alarms(region, policy)}

    def _delete_policy(self, region: str, request: Request) -> Request:
        if _policy(region, request) is None:
            raise not_found(_NO_POLICY, request, request["PolicyName"])
        backend_of(region).delete_scaling_policy(request["PolicyName"], NAMESPACE, request["ResourceId"], DIMENSION)
        return {}

    def _describe_policies(self, region: str, request: Request) -> Request:
        names, resource = request.get("PolicyNames"), request.get("ResourceId")
        policies = [
            policy
            for policy in list(backend_of(region).policies.values())
            if policy.service_namespace == NAMESPACE
            and (not names or policy.policy_name in names or policy.policy_arn in names)
            and resource in (None, policy.resource_id)
        ]
        listed, token = page(policies, request)
        return {"ScalingPolicies": [_describe_policy(region, policy) for policy in listed], **token}

    def _describe_activities(self, region: str, request: Request) -> Request:
        resource = request.get("ResourceId")
        activities = [each for each in self._scaling.activities(region) if resource in (None, each.resource_id)]
        listed, token = page(activities, request)
        return {"ScalingActivities": [activity.describe() for activity in listed], **token}


def _policy(region: str, request: Request) -> Any | None:
    key = FakeApplicationAutoscalingPolicy.formulate_key(
        NAMESPACE, request["ResourceId"], DIMENSION, request["PolicyName"]
    )
    return backend_of(region).policies.get(key)


def _describe_target(target: Any) -> Request:
    suspended = target.suspended_state or {}
    return {
        **where(target),
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
        **where(policy),
        "PolicyType": policy.policy_type,
        f"{policy.policy_type}PolicyConfiguration": policy._policy_body,
        "Alarms": _alarms(region, policy),
        "CreationTime": policy.creation_time,
    }


def _alarms(region: str, policy: Any) -> list[dict[str, str]]:
    """The alarms that run the policy: target tracking's managed ones, or those that a user made for its steps."""
    alarms = list(cloudwatch_backends[ACCOUNT][region].alarms.values())
    naming = [each for each in alarms if any(action.startswith(policy.policy_arn) for action in _actions(each))]
    return [{"AlarmName": alarm.name, "AlarmARN": alarm.alarm_arn} for alarm in naming]


def _actions(alarm: Any) -> list[str]:
    return [*alarm.alarm_actions, *alarm.ok_actions, *alarm.insufficient_data_actions]
