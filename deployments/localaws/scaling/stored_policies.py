"""The scaling policies as moto stores them, found by an alarm and asked about a target."""

from __future__ import annotations

from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends

from localaws.services.cloudwatch.alarm_rounds import Trigger
from localaws.services.moto_services import ACCOUNT


def policy_of(trigger: Trigger) -> Any | None:
    """The policy that an alarm's action names; target tracking's managed alarms append their creator to its ARN."""
    policies = applicationautoscaling_backends[ACCOUNT][trigger.region].policies
    arn = trigger.policy_arn.partition(":createdBy/")[0]
    return next((policy for policy in list(policies.values()) if policy.policy_arn == arn), None)


def guards_scale_in(policy: Any, target: Any) -> bool:
    """True if instances of the target are removed only when this policy agrees."""
    configuration = policy.target_tracking_scaling_policy_configuration
    same = (policy.resource_id, policy.scalable_dimension) == (target.resource_id, target.scalable_dimension)
    return same and configuration is not None and not configuration.get("DisableScaleIn")
