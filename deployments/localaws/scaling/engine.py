"""The scaling engine: every AWS minute it evaluates alarms, and scaling policies set the variants' instance counts."""

from __future__ import annotations

import math
import re
import threading
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends

from localaws.sagemaker.hosting import Hosting
from localaws.sagemaker.state import State, key
from localaws.scaling.activities import FAILED, SUCCESSFUL, Activities, Activity
from localaws.scaling.policies import Proposal, chosen, stepped_capacity, tracked_capacity
from localaws.scaling.scaled_variant import ScaledVariant
from localaws.scaling.schedules import act_on_schedules
from localaws.scaling.stored_policies import guards_scale_in, policy_of
from localaws.services.cloudwatch import alarms
from localaws.services.cloudwatch.alarm_rounds import Trigger, datapoints, evaluate_all, triggers_of
from localaws.services.cloudwatch.datapoints import recorders
from localaws.services.cloudwatch.metric_history import MINUTE, MetricHistory
from localaws.services.moto_services import ACCOUNT
from localaws.services.scheduler.operations import Scheduler
from localaws.services.serving import Serving

SHORTEST_PAUSE_REAL_SECONDS, LONGEST_PAUSE_REAL_SECONDS = 0.005, 0.25
# Attribute set on moto's scalable targets: False until their current bounds have been applied.
BOUNDED = "localaws_bounded"
_RESOURCE = re.compile(r"endpoint/(?P<endpoint>[^/]+)/variant/(?P<variant>[^/]+)")


class Scaling:
    """The auto scaling of one embedded AWS; its targets, policies and alarms stay in moto's backends."""

    def __init__(self, hosting: Hosting, state: State, serving: Serving, scheduler: Scheduler) -> None:
        self.clock = hosting.clock
        self.history = MetricHistory(hosting.clock)
        self._hosting = hosting
        self._state = state
        self._serving = serving
        self._scheduler = scheduler
        self._activities = Activities(hosting.clock)
        # Held while a minute is processed and during a reset, so that no minute writes into the fresh state.
        self.between_minutes = threading.RLock()
        self._last = 0

    def start(self) -> None:
        """Start to record what is put into CloudWatch, and to act once every AWS minute."""
        self._last = self.history.minute()
        self.history.hold_within(self._last + MINUTE)
        recorders.append(self.history)
        alarms.observers.append(self._alarm_changed)
        self._hosting.threads.spawn("minutes", self._minutes)

    def stop(self) -> None:
        """Stop recording, and let the clock run freely again."""
        self.clock.hold_at(math.inf)
        recorders.remove(self.history)
        alarms.observers.remove(self._alarm_changed)

    def reset(self) -> None:
        """Forget all metrics and activities."""
        self.history.clear()
        with self._hosting.lock:
            self._activities.clear()

    def advance(self, seconds: float) -> None:
        """Move the clock on by that many AWS seconds, and process each minute that passes."""
        while (step := min(seconds, self.history.until_next_minute())) > 0:
            self.clock.advance(step)
            seconds -= step
            self._work_off()

    def _minutes(self) -> None:
        while not self._hosting.closing.wait(self._pause()):
            self._work_off()

    def _work_off(self) -> None:
        """Process the current minute, unless that is already done.

        Compressed time stops at the end of a minute until then: on a busy machine, alarms would miss datapoints.
        """
        with self.between_minutes:
            minute = self.history.minute()
            if minute <= self._last:
                return
            self._last = minute
            self.history.hold_within(minute)
            try:
                self._minute()
            except Exception as exc:  # one bad minute must not end all scaling
                self._failed(exc)
            self.history.hold_within(minute + MINUTE)

    def _failed(self, exc: Exception) -> None:
        self._hosting.journal.record("scaling.error", error=repr(exc))

    def _pause(self) -> float:
        left = self._hosting.clock.real_seconds(self.history.until_next_minute())
        # Waits stay short because the clock's rate can change meanwhile.
        return min(max(left, SHORTEST_PAUSE_REAL_SECONDS), LONGEST_PAUSE_REAL_SECONDS)

    def _minute(self) -> None:
        with self._hosting.lock:
            endpoints = list(self._state.endpoints.values())
        for endpoint in endpoints:
            endpoint.publish_metrics()
        self._settle()
        act_on_schedules(self)
        self._scheduler.act()
        triggers = evaluate_all(
            self.history, lambda alarm: alarm.localaws_serving in (None, self._serving), self._failed
        )
        self._act(triggers)
        for region, backend in list(applicationautoscaling_backends[ACCOUNT].items()):
            for target in backend.describe_scalable_targets("sagemaker", None, None):
                self._keep_in_bounds(region, target)

    def activities(self, region: str) -> list[Activity]:
        """The activities of a region, newest first."""
        self._settle()
        with self._hosting.lock:
            return [activity for activity in self._activities if activity.region == region]

    def find(self, region: str, resource_id: str) -> ScaledVariant | None:
        """The variant that a resource ID names; None if it does not exist."""
        match = _RESOURCE.fullmatch(resource_id)
        with self._hosting.lock:
            endpoint = self._state.endpoints.get(key(region, match["endpoint"])) if match else None
            if endpoint is None or match is None or match["variant"] not in endpoint.variants:
                return None
            return ScaledVariant(endpoint, endpoint.variants[match["variant"]], match["variant"])

    def _keep_in_bounds(self, region: str, target: Any) -> None:
        """Bring the capacity within the target's bounds; a later call does so if the endpoint cannot be changed now."""
        scaled = self.find(region, target.resource_id)
        if scaled is None or getattr(target, BOUNDED, True) or not scaled.steady:
            return
        setattr(target, BOUNDED, True)
        if scaled.capacity < target.min_capacity:
            cause = f"minimum capacity was set to {target.min_capacity}"
            self._set_capacity(region, target, scaled, target.min_capacity, cause)
        elif scaled.capacity > target.max_capacity:
            cause = f"maximum capacity was set to {target.max_capacity}"
            self._set_capacity(region, target, scaled, target.max_capacity, cause)

    def bounds_changed(self, region: str, target: Any) -> None:
        """Apply a target's bounds, now or as soon as the endpoint can be changed."""
        setattr(target, BOUNDED, False)
        self._keep_in_bounds(region, target)

    def _alarm_changed(self, region: str, alarm: Any, previous: str, evaluated: bool) -> None:
        if alarm.localaws_serving not in (None, self._serving):
            return
        self._hosting.journal.record(
            "alarm.state", alarm=alarm.name, state=alarm.state_value, previous=previous, reason=alarm.state_reason
        )
        # `_minute` acts on evaluated alarms all at once, because the largest proposal for a target wins.
        if not evaluated:
            self._act(triggers_of(region, alarm, datapoints(alarm, self.history, region)))

    def _act(self, triggers: Iterable[Trigger]) -> None:
        by_target: dict[tuple[str, str, str], list[tuple[Trigger, Any]]] = defaultdict(list)
        for trigger in triggers:
            policy = policy_of(trigger)
            if policy is not None and policy.service_namespace == "sagemaker":
                by_target[trigger.region, policy.resource_id, policy.scalable_dimension].append((trigger, policy))
        for (region, resource_id, dimension), asked in by_target.items():
            backend = applicationautoscaling_backends[ACCOUNT][region]
            target = backend.targets.get(dimension, {}).get(resource_id)
            scaled = self.find(region, resource_id)
            # SageMaker refuses updates of an endpoint that is Updating; the alarm asks again every minute.
            if target is not None and scaled is not None and scaled.steady:
                self._scale(region, backend, target, scaled, asked)

    def _scale(
        self, region: str, backend: Any, target: Any, scaled: ScaledVariant, asked: list[tuple[Trigger, Any]]
    ) -> None:
        capacity = scaled.capacity
        found = [self._proposal(trigger, policy, capacity) for trigger, policy in asked]
        suspended = target.suspended_state or {}
        out, back = (suspended.get(f"DynamicScaling{way}Suspended") for way in ("Out", "In"))
        proposals = [each for each in found if each is not None and not (out if each.capacity > capacity else back)]
        trackers = [policy.policy_arn for policy in list(backend.policies.values()) if guards_scale_in(policy, target)]
        best = chosen(proposals, capacity, trackers, target.min_capacity, target.max_capacity)
        if best is not None:
            wanted = min(max(best.capacity, target.min_capacity), target.max_capacity)
            cause = f"monitor alarm {best.alarm_name} in state {best.alarm_state} triggered policy {best.policy_name}"
            self._set_capacity(region, target, scaled, wanted, cause, best.policy_arn)

    def _proposal(self, trigger: Trigger, policy: Any, capacity: int) -> Proposal | None:
        with self._hosting.lock:
            where = trigger.region, policy.resource_id, policy.policy_arn
            past = {"out": self._activities.past(*where, out=True), "back": self._activities.past(*where, out=False)}
        if (tracking := policy.target_tracking_scaling_policy_configuration) is not None:
            if trigger.value is None:
                return None
            # Both managed alarms name the same policy as their action; only their own names tell them apart.
            high = "-AlarmHigh-" in trigger.alarm_name
            wanted = tracked_capacity(tracking, high=high, capacity=capacity, measured=trigger.value, **past)
        else:
            breach = trigger.value - trigger.threshold if trigger.value is not None else 0.0
            configuration = policy.step_scaling_policy_configuration
            wanted = stepped_capacity(configuration, capacity=capacity, breach=breach, **past)
        if wanted is None:
            return None
        return Proposal(policy.policy_arn, policy.policy_name, trigger.alarm_name, trigger.alarm_state, wanted)

    def _set_capacity(
        self, region: str, target: Any, scaled: ScaledVariant, wanted: int, cause: str, policy_arn: str = ""
    ) -> None:
        with self._hosting.lock:
            if not scaled.steady:
                return  # another request is changing it; the alarm asks again in a minute
            activity = Activity(
                region, target.resource_id, target.scalable_dimension, cause, scaled.capacity, wanted, policy_arn
            )
            self._activities.add(activity)
            scaled.endpoint.rescale({scaled.name: (wanted, None)})
        self._record(activity)

    def note(self, activity: Activity) -> None:
        """List and journal an activity that has already ended."""
        with self._hosting.lock:
            self._activities.add(activity)
        self._record(activity)

    def _settle(self) -> None:
        with self._hosting.lock:
            ended = self._activities.settle(self._outcome)
        for activity in ended:
            self._record(activity)

    def _outcome(self, activity: Activity) -> tuple[str, str] | None:
        scaled = self.find(activity.region, activity.resource_id)
        if scaled is None or scaled.endpoint.status in ("Failed", "Deleting"):
            return FAILED, "The endpoint was deleted."
        if not scaled.steady:
            return None
        if len(scaled.variant.instances) == activity.capacity:
            return SUCCESSFUL, ""
        return FAILED, scaled.endpoint.failure_reason or "The instance count was changed by another request."

    def _record(self, activity: Activity) -> None:
        match = _RESOURCE.fullmatch(activity.resource_id)
        endpoint = match["endpoint"] if match else activity.resource_id
        self._hosting.journal.record("scaling.activity", endpoint=endpoint, **activity.journalled())
