"""A diagnosis in words: its advice filled in, its lines for a terminal, and its JSON."""

import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from tasks.hosting.condition import Backlog, Condition
from tasks.hosting.container_log import log_command
from tasks.invoking.advice import ADVICE, Advice
from tasks.invoking.diagnosis import Diagnosis, Limits
from tasks.invoking.findings import RequestSeen
from tasks.names import EXPIRY_TAG

MARGIN_SECONDS = 60
LONGEST_FAILURE = 300
TRACEBACK = "Traceback (most recent call last)"
_ALLOW = re.compile(r"Allow (\S+) to the caller")


def advice_of(diagnosis: Diagnosis) -> Advice:
    """The finding's cause and what to do, with the names and figures of this request or endpoint."""
    names: dict[str, object] = {
        "endpoint": diagnosis.endpoint_name,
        "log_command": log_command(diagnosis.endpoint_name),
        "ttl": diagnosis.limits.ttl_seconds,
        "timeout": diagnosis.limits.timeout_seconds,
        "wait": "",
        "unread": " ".join(diagnosis.unread) or "AWS did not say why.",
        "allow": _allow(diagnosis.unread),
    }
    if diagnosis.request:
        names |= _of_request(diagnosis.request)
    if diagnosis.endpoint:
        names |= _of_endpoint(diagnosis.endpoint)
    return ADVICE[diagnosis.finding].filled(names)


def _allow(unread: tuple[str, ...]) -> str:
    actions = sorted({action for each in unread for action in _ALLOW.findall(each)})
    return f"Allow {', '.join(actions)} to the caller, then ask again." if actions else "Ask again."


def _of_request(request: RequestSeen) -> dict[str, object]:
    return {
        "id": request.record.inference_id,
        "state": request.record.state,
        "input": request.record.input_location,
        "status": request.status,
        "failure": _one_line(request.failure_text or request.record.failure_reason),
        "wait": f" with `stygig wait {request.record.inference_id}`",
    }


def _one_line(text: str) -> str:
    """The text without its traceback, which the log has, on one line."""
    said = " ".join((text.partition(TRACEBACK)[0].strip() or text).split())
    return said if len(said) <= LONGEST_FAILURE else f"{said[:LONGEST_FAILURE]}…"


def _of_endpoint(endpoint: Condition) -> dict[str, object]:
    return {
        "variant": endpoint.variant,
        "reason": endpoint.reason,
        "resource_id": endpoint.resource_id,
        "instances": _counted(endpoint.current, "instance"),
        "minimum": _counted(endpoint.scaling.minimum if endpoint.scaling else 0, "instance"),
        "expires": _minute(endpoint.expires_at),
    }


def lines(diagnosis: Diagnosis) -> Iterator[str]:
    """The diagnosis for a terminal; what to do is the last line."""
    if diagnosis.request:
        yield from _request_lines(diagnosis.request, diagnosis.limits)
    yield from _endpoint_lines(diagnosis)
    yield from (f"could not be read: {each}" for each in diagnosis.unread)
    if diagnosis.log_lines:
        about = "log lines of this request:" if diagnosis.request and diagnosis.request.log_lines else "last log lines:"
        yield about
        yield from (f"  {line}" for event in diagnosis.log_lines for line in event.splitlines())
    advice = advice_of(diagnosis)
    yield f"finding: {diagnosis.finding}: {advice.cause}"
    yield f"what to do: {advice.todo}"


def _request_lines(request: RequestSeen, limits: Limits) -> Iterator[str]:
    record = request.record
    notified = "; its notification was seen" if record.notified else ""
    yield f"request {record.request}, inference {record.inference_id}: recorded as {record.state}{notified}"
    longest = _longest(record.give_up_at - record.submitted_at, limits)
    yield f"  submitted: {_minute(record.submitted_at)}, {_span(request.age)} ago, {longest}"
    yield f"  output: {_there(request.output_there)}: {record.output_location}"
    if record.failure_location:
        yield f"  failure object: {_there(request.failure_there)}: {record.failure_location}"
    if request.failure_text:
        yield f"  failure: {_one_line(request.failure_text)}"
    if request.ahead is not None:
        yield f"  place in the queue: about {request.ahead + 1}, by our own records; others may have sent more"


def _longest(life: timedelta, limits: Limits) -> str:
    said = f"of at most {_span(life)}"
    if life.total_seconds() == limits.ttl_seconds + limits.timeout_seconds + MARGIN_SECONDS:
        said += f" ({limits.ttl_seconds} s to live in the queue, {limits.timeout_seconds} s in the container, a margin)"
    return said


def _there(there: bool | None) -> str:
    return {True: "there", False: "not there", None: "could not be looked up"}[there]


def _endpoint_lines(diagnosis: Diagnosis) -> Iterator[str]:
    endpoint = diagnosis.endpoint
    if endpoint is None:
        known = "not known" if diagnosis.finding == "unknown" else "gone"
        yield f"endpoint {diagnosis.endpoint_name or '(not named)'}: {known}"
        return
    kind = "asynchronous" if endpoint.asynchronous else "real-time"
    counts = f"{_counted(endpoint.current, 'instance')}, {endpoint.desired} desired"
    yield f"endpoint {endpoint.name}: {endpoint.status}, {kind}, {counts}"
    if endpoint.reason:
        yield f"  reason: {_one_line(endpoint.reason)}"
    if endpoint.scaling_known:
        yield f"  scaling: {_scaling(endpoint)}"
    if endpoint.asynchronous:
        yield f"  backlog: {_backlog(endpoint.backlog)}"
    yield from (f"  in ALARM: {alarm}" for alarm in endpoint.alarms)
    owner = f", made by run {endpoint.run_id}" if endpoint.run_id else ""
    yield f"  expires: {_minute(endpoint.expires_at) or f'never, it has no tag {EXPIRY_TAG}'}{owner}"


def _scaling(endpoint: Condition) -> str:
    scaling = endpoint.scaling
    if scaling is None:
        return (
            "none, so its instances bill around the clock"
            if endpoint.current
            else "none, so nothing starts an instance"
        )
    policies = ", ".join(scaling.policies) or "no policy"
    return f"{scaling.minimum} to {scaling.maximum} instances; {policies}"


def _backlog(backlog: Backlog) -> str:
    if backlog.size is None:
        return "no datapoint in the last 15 minutes"
    said = [_counted(int(backlog.size), "request")]
    if backlog.per_instance is not None:
        said.append(f"{backlog.per_instance:g} per instance")
    if backlog.size and backlog.oldest_seconds is not None:
        said.append(f"the oldest {_span(timedelta(seconds=backlog.oldest_seconds))} old")
    if backlog.without_capacity:
        said.append("without an instance")
    return f"{', '.join(said)} (at {_minute(backlog.at)})"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _minute(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else ""


def _span(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h {seconds % 3600 // 60} min"


def to_dict(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis as one JSON object; times are in ISO 8601."""
    advice, request, endpoint = advice_of(diagnosis), diagnosis.request, diagnosis.endpoint
    return {
        "asked": diagnosis.asked,
        "finding": diagnosis.finding,
        "well": advice.well,
        "cause": advice.cause,
        "what_to_do": advice.todo,
        "request": _request_dict(request) if request else None,
        "endpoint": _plain(asdict(endpoint)) if endpoint else None,
        "log_lines": list(diagnosis.log_lines),
        "unread": list(diagnosis.unread),
    }


def _request_dict(request: RequestSeen) -> dict[str, Any]:
    return {
        "record": request.record.to_dict(),
        "age_seconds": round(request.age.total_seconds(), 1),
        "output_there": request.output_there,
        "failure_there": request.failure_there,
        "failure": request.failure_text,
        "status": request.status,
        "ahead_of_it": request.ahead,
    }


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain_value(value) for name, value in found.items() if name not in {"unread", "scaling_known"}}


def _plain_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain_value(each) for name, each in value.items()}
    return value.isoformat() if isinstance(value, datetime) else value
