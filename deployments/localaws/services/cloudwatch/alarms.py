"""Alarms that change their state: those that moto stores get AWS's initial state, actions and history.

`observers` are called for each change, so that every embedded AWS of the process can record it and run its policies.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import CloudWatchException
from moto.cloudwatch.models import CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.sns.models import sns_backends

from localaws.services.cloudwatch.alarm_evaluation import ALARM, INSUFFICIENT_DATA, OK
from localaws.services.cloudwatch.alarm_message import message, queries, subject
from localaws.services.cloudwatch.datapoints import epoch
from localaws.services.cloudwatch.rules import check_alarm
from localaws.services.serving import current

KEPT_HISTORY = 10_000
_HISTORY = "localaws_alarm_history"

# Takes the region, the alarm, its previous state, and True if an evaluation changed it (False: SetAlarmState did).
Observer = Callable[[str, Any, str, bool], None]
observers: list[Observer] = []


@dataclass(frozen=True)
class HistoryItem:
    """An event in an alarm's history; the fields are named after those of AlarmHistoryItem."""

    alarm_name: str
    history_item_type: str
    history_summary: str
    history_data: str
    timestamp: datetime
    alarm_type: str = "MetricAlarm"


def apply() -> None:
    """Wrap these functions around moto's."""
    original_put, original_delete = CloudWatchBackend.put_metric_alarm, CloudWatchBackend.delete_alarms
    original_set, original_answer = CloudWatchBackend.set_alarm_state, CloudWatchResponse.put_metric_alarm

    def put_metric_alarm(backend: Any, name: str, *args: Any, **members: Any) -> Any:
        before = backend.alarms.get(name)
        if before is not None:
            members["tags"] = None  # AWS takes tags only when the alarm is new
        alarm = original_put(backend, name, *args, **members)
        _begin(backend, alarm, before)
        return alarm

    def delete_alarms(backend: Any, alarm_names: list[str]) -> None:
        for name in set(alarm_names) & backend.alarms.keys():
            _note(backend, name, "ConfigurationUpdate", f'Alarm "{name}" deleted', {"type": "Delete"})
        original_delete(backend, alarm_names)

    def set_alarm_state(backend: Any, alarm_name: str, reason: str, reason_data: str, state_value: str) -> None:
        alarm = backend.alarms.get(alarm_name)
        before = (alarm.state_value, alarm.state_reason) if alarm is not None else ("", "")
        original_set(backend, alarm_name, reason, reason_data, state_value)
        _changed(backend, alarm, before, evaluated=False)

    def checked(response: Any) -> Any:
        check_alarm(response._get_params(), response.region)
        return original_answer(response)

    CloudWatchBackend.put_metric_alarm = put_metric_alarm
    CloudWatchBackend.delete_alarms = delete_alarms
    CloudWatchBackend.set_alarm_state = set_alarm_state
    CloudWatchResponse.put_metric_alarm = checked
    CloudWatchResponse.describe_alarm_history = describe_alarm_history


def change_state(backend: Any, alarm: Any, state: str, reason: str, reason_data: dict[str, Any]) -> None:
    """Give the alarm the state that an evaluation found, and run its actions for that state."""
    before = (alarm.state_value, alarm.state_reason)
    alarm.update_state(reason, json.dumps(reason_data), state)
    _changed(backend, alarm, before, evaluated=True)


def actions_of(alarm: Any) -> list[str]:
    """The ARNs of the alarm's actions in its current state; empty if its actions are disabled."""
    by_state = {OK: alarm.ok_actions, ALARM: alarm.alarm_actions, INSUFFICIENT_DATA: alarm.insufficient_data_actions}
    return list(by_state[alarm.state_value] or []) if alarm.actions_enabled else []


def is_scaling_policy(action: str) -> bool:
    """True if an action is a scaling policy."""
    return action.split(":")[2:3] == ["autoscaling"] and ":scalingPolicy:" in action


def _begin(backend: Any, alarm: Any, before: Any) -> None:
    """Start a new alarm in INSUFFICIENT_DATA; let one that is put again keep its state until it is evaluated."""
    # Of several embedded AWS in one process, only the one that received the alarm has its metrics on the right clock.
    alarm.localaws_serving = current() if before is None else before.localaws_serving
    if before is None:
        alarm.state_value = INSUFFICIENT_DATA
        alarm.state_transitioned_timestamp = alarm.state_updated_timestamp
    else:
        kept = ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp")
        for name in (*kept, "state_transitioned_timestamp"):
            setattr(alarm, name, getattr(before, name))
    kind = "Create" if before is None else "Update"
    summary = f'Alarm "{alarm.name}" {kind.lower()}d'
    _note(backend, alarm.name, "ConfigurationUpdate", summary, {"type": kind, "metrics": queries(alarm)})


def _changed(backend: Any, alarm: Any, before: tuple[str, str], *, evaluated: bool) -> None:
    alarm.history.clear()  # moto's own, which nothing reads and which only grows
    previous, previous_reason = before
    if alarm.state_value == previous:
        return
    alarm.state_transitioned_timestamp = alarm.state_updated_timestamp
    data = {
        "oldState": {"stateValue": previous, "stateReason": previous_reason},
        "newState": {"stateValue": alarm.state_value, "stateReason": alarm.state_reason},
    }
    summary = f"Alarm updated from {previous} to {alarm.state_value}"
    _note(backend, alarm.name, "StateUpdate", summary, data)
    for action in actions_of(alarm):
        _run(backend, alarm, previous, action)
    for observer in list(observers):
        observer(backend.region_name, alarm, previous, evaluated)


def _run(backend: Any, alarm: Any, previous: str, action: str) -> None:
    """Publish to a topic and note the action; scaling policies are run by the observers."""
    failure = ""
    if action.split(":")[2:3] == ["sns"]:
        account, region = backend.account_id, action.split(":")[3]
        try:
            sns_backends[account][region].publish(message=message(alarm, previous), arn=action, subject=subject(alarm))
        except ServiceException as exc:
            failure = str(exc)
    elif not is_scaling_policy(action):
        failure = "The embedded AWS runs topics and scaling policies only."
    done = {"actionState": "Failed" if failure else "Succeeded", "notificationResource": action, "error": failure}
    summary = f"Failed to execute action {action}" if failure else f"Successfully executed action {action}"
    _note(backend, alarm.name, "Action", summary, done)


def _note(backend: Any, alarm_name: str, kind: str, summary: str, data: dict[str, Any]) -> None:
    text = json.dumps({"version": "1.0", **data})
    now = datetime.now(UTC).replace(tzinfo=None)
    _history(backend).append(HistoryItem(alarm_name, kind, summary, text, now))


def _history(backend: Any) -> deque[HistoryItem]:
    history: deque[HistoryItem] = backend.__dict__.setdefault(_HISTORY, deque(maxlen=KEPT_HISTORY))
    return history


def describe_alarm_history(response: Any) -> Any:
    """Answer DescribeAlarmHistory, newest first unless asked otherwise."""
    wanted = response._get_params()
    items = [item for item in list(_history(response.cloudwatch_backend)) if _matches(item, wanted)]
    if wanted.get("ScanBy", "TimestampDescending") == "TimestampDescending":
        items.reverse()
    token = wanted.get("NextToken") or "0"
    if not token.isdigit():
        raise CloudWatchException("InvalidNextToken", "The specified next token is invalid.")
    end = int(token) + int(wanted.get("MaxRecords", 100))
    more = {"NextToken": str(end)} if end < len(items) else {}
    return ActionResult({"AlarmHistoryItems": items[int(token) : end], **more})


def _matches(item: HistoryItem, wanted: dict[str, Any]) -> bool:
    start, end, moment = wanted.get("StartDate"), wanted.get("EndDate"), epoch(item.timestamp)
    return (
        wanted.get("AlarmName") in (None, item.alarm_name)
        and wanted.get("HistoryItemType") in (None, item.history_item_type)
        and item.alarm_type in (wanted.get("AlarmTypes") or ["MetricAlarm"])
        and (start is None or epoch(start) <= moment)
        and (end is None or moment <= epoch(end))
    )
