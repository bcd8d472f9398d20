"""What an endpoint's containers said: the part of CloudWatch that explains a failure, and times a start."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.clients import client, explained, missing_ok


def log_group(endpoint_name: str) -> str:
    return f"/aws/sagemaker/Endpoints/{endpoint_name}"


def log_command(endpoint_name: str) -> str:
    """The command that shows the endpoint's log, in every version of the AWS CLI."""
    shown = "--query 'events[].[message]' --output text"
    return f"aws logs filter-log-events --log-group-name {log_group(endpoint_name)} {shown}"


def last_log_lines(endpoint_name: str, count: int = 20) -> list[str]:
    """The last lines of the endpoint's container log, oldest first; empty if there is none yet."""
    logs, lines = client("logs"), []
    with explained("logs:GetLogEvents", log_group(endpoint_name)), missing_ok():
        streams = logs.describe_log_streams(
            logGroupName=log_group(endpoint_name), orderBy="LastEventTime", descending=True, limit=3
        )["logStreams"]
        for stream in reversed(streams):
            events = logs.get_log_events(
                logGroupName=log_group(endpoint_name), logStreamName=stream["logStreamName"], limit=count
            )["events"]
            lines += [event["message"].rstrip() for event in events]
    return lines[-count:]


@dataclass(frozen=True)
class LogEntry:
    """A line of JSON that the handler wrote, and when CloudWatch got it."""

    at: datetime
    fields: dict[str, Any]


def logged(endpoint_name: str, event: str, since: datetime) -> list[LogEntry]:
    """The handler's lines of one event, oldest first; empty if there is none, or no log."""
    found: list[LogEntry] = []
    with explained("logs:FilterLogEvents", log_group(endpoint_name)), missing_ok():
        pages = (
            client("logs")
            .get_paginator("filter_log_events")
            .paginate(
                logGroupName=log_group(endpoint_name),
                filterPattern=f'"{event}"',
                startTime=int(since.timestamp() * 1000),
            )
        )
        found += [entry for page in pages for line in page["events"] for entry in _entries(line, event)]
    return sorted(found, key=lambda entry: entry.at)


def _entries(line: dict[str, Any], event: str) -> Iterator[LogEntry]:
    """The line's JSON, before which model servers may write who said it."""
    start = line["message"].find('{"event"')
    try:
        fields, _ = json.JSONDecoder().raw_decode(line["message"], start)
    except ValueError:
        return
    if fields.get("event") == event:
        yield LogEntry(datetime.fromtimestamp(line["timestamp"] / 1000, UTC), fields)
