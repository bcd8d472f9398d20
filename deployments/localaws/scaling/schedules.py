"""Scheduled actions at work: at their time they change a target's bounds, and the instance count if it is outside."""

from __future__ import annotations

from typing import Any, Protocol

from moto.applicationautoscaling.models import applicationautoscaling_backends

from localaws.clock import Clock
from localaws.errors import ValidationException
from localaws.scaling.activities import FAILED, SUCCESSFUL, Activity, BoundsActivity
from localaws.scaling.scaled_variant import ScaledVariant
from localaws.services.application_autoscaling.rules import check_bounds
from localaws.services.moto_services import ACCOUNT
from localaws.services.timetables.timetable import TIMETABLE, Timetable


class Scaler(Protocol):
    """The part of the scaling engine that schedules need."""

    clock: Clock

    def find(self, region: str, resource_id: str) -> ScaledVariant | None: ...

    def note(self, activity: Activity) -> None: ...

    def bounds_changed(self, region: str, target: Any) -> None: ...


def act_on_schedules(scaling: Scaler) -> None:
    """Carry out the actions that are due; one that was due several times since the last call acts once."""
    for region, backend in list(applicationautoscaling_backends[ACCOUNT].items()):
        for action in list(backend.scheduled_actions):
            timetable: Timetable | None = getattr(action, TIMETABLE, None)
            # All embedded AWS of the process share moto's actions; each carries out its own.
            if timetable is not None and timetable.clock is scaling.clock and timetable.is_due:
                setattr(action, TIMETABLE, timetable.next())
                target = backend.targets.get(action.scalable_dimension, {}).get(action.resource_id)
                scaled = scaling.find(region, action.resource_id)
                if target is not None and scaled is not None:
                    _act(scaling, region, action, target, scaled)


def _act(scaling: Scaler, region: str, action: Any, target: Any, scaled: ScaledVariant) -> None:
    if (target.suspended_state or {}).get("ScheduledScalingSuspended"):
        return
    wanted = action.scalable_target_action
    minimum, maximum = wanted.get("MinCapacity", target.min_capacity), wanted.get("MaxCapacity", target.max_capacity)
    status, reason = SUCCESSFUL, ""
    try:
        check_bounds(minimum, maximum, action.resource_id, scaled.is_async)
    except ValidationException as exc:
        status, reason = FAILED, exc.message
    scaling.note(
        BoundsActivity(
            region,
            action.resource_id,
            action.scalable_dimension,
            f"scheduled action name {action.scheduled_action_name} was triggered",
            scaled.capacity,
            scaled.capacity,
            status=status,
            reason=reason,
            bounds=_in_words(wanted),
        )
    )
    if status == SUCCESSFUL:
        target.min_capacity, target.max_capacity = minimum, maximum
        scaling.bounds_changed(region, target)


def _in_words(wanted: dict[str, int]) -> str:
    names = {"MinCapacity": "min capacity", "MaxCapacity": "max capacity"}
    return " and ".join(f"{name} to {wanted[member]}" for member, name in names.items() if member in wanted)
