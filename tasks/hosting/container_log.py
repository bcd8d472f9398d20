"""An endpoint's container log in CloudWatch: its last lines explain a failure, its events time a start."""

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
    # `aws logs tail` would be shorter, but version 1 of the CLI doesn't have it.
    shown = "--query 'events[].[message]' --output text"
    return f"aws logs filter-log-events --log-group-name {log_group(endpoint_name)} {shown}"


def last_log_lines(endpoint_name: str, count: int = 20) -> list[str]:
    """The last lines of the endpoint's container log, oldest first; empty if there is none yet."""
    logs, lines = client("logs"), []
    # SageMaker makes the log group when a container first writes to it.
    with explained("logs:GetLogEvents", log_group(endpoint_name)), missing_ok():
        streams = logs.describe_log_streams(
            logGroupName=log_group(endpoint_name), orderBy="LastEventTime", descending=True, limit=3
        )["logStreams"]
        for stream in reversed(streams):
            # Without startFromHead CloudWatch returns the latest events.
            events = logs.get_log_events(
                logGroupName=log_group(endpoint_name), logStreamName=stream["logStreamName"], limit=count
            )["events"]
            lines += [event["message"].rstrip() for event in events]
    return lines[-count:]


def log_lines_with(endpoint_name: str, word: str, since: datetime, count: int = 20) -> list[str]:
    """The last lines that hold the word, such as an inference id, oldest first; empty if there is none, or no log."""
    found: list[dict[str, Any]] = []
    with explained("logs:FilterLogEvents", log_group(endpoint_name)), missing_ok():
        found = list(_matching(endpoint_name, word, since))
    return [event["message"].rstrip() for event in sorted(found, key=lambda event: event["timestamp"])][-count:]


def _matching(endpoint_name: str, word: str, since: datetime) -> Iterator[dict[str, Any]]:
    pages = (
        client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=log_group(endpoint_name),
            filterPattern=f'"{word}"',
            startTime=int(since.timestamp() * 1000),  # CloudWatch counts in milliseconds
        )
    )
    for page in pages:
        yield from page["events"]


@dataclass(frozen=True)
class LogEntry:
    """A line of JSON that the handler wrote, with its time in CloudWatch."""

    at: datetime
    fields: dict[str, Any]


def logged(endpoint_name: str, event: str, since: datetime) -> list[LogEntry]:
    """The handler's lines of one event, oldest first; empty if there is none, or no log yet."""
    found: list[LogEntry] = []
    with explained("logs:FilterLogEvents", log_group(endpoint_name)), missing_ok():
        found += [entry for line in _matching(endpoint_name, event, since) for entry in _entries(line, event)]
    return sorted(found, key=lambda entry: entry.at)


def _entries(line: dict[str, Any], event: str) -> Iterator[LogEntry]:
    """Yield the JSON in the line if it is of that event; a model server may write a prefix before it."""
    start = line["message"].find('{"event"')  # -1 if there is none, which raw_decode refuses with a ValueError
    try:
        fields, _ = json.JSONDecoder().raw_decode(line["message"], start)
    except ValueError:
        return
    if fields.get("event") == event:  # the filter pattern also matches the word elsewhere in a line
        yield LogEntry(datetime.fromtimestamp(line["timestamp"] / 1000, UTC), fields)
