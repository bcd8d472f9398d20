"""The status and journal of a running embedded AWS, read over HTTP and shown as text."""

import json
import signal
import sys
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from textwrap import shorten
from typing import Any
from urllib.parse import urlencode, urlsplit

import typer

from localaws.cli.ending import UnreachableError

POLL_SECONDS = 0.5
LONGEST_WORDS = 160
UNREAD = 128 + signal.SIGPIPE  # as shells report a program whose reader has gone


def fetch_status(url: str) -> dict[str, Any]:
    """The status of the embedded AWS at that URL."""
    found: dict[str, Any] = json.loads(_get(url, "/_localaws/status"))
    return {"endpoint_url": url, **found}


def read_journal(url: str, event: str, endpoint: str, after: int = 0) -> list[dict[str, Any]]:
    """The journal's entries after that number whose event starts with `event`, of that endpoint if one is given."""
    wanted = {"event": event, "after": str(after)} | ({"endpoint": endpoint} if endpoint else {})
    lines = _get(url, f"/_localaws/journal?{urlencode(wanted)}")
    return [json.loads(line) for line in lines.splitlines()]


def follow_journal(url: str, event: str, endpoint: str, as_json: bool) -> None:
    """Print entries as they come, until interrupted or until the embedded AWS has ended."""
    entries = read_journal(url, event, endpoint)
    after = 0
    while True:
        for entry in entries:
            after = entry["number"]
            typer.echo(json.dumps(entry) if as_json else journal_line(entry))
        if getattr(sys.stdout, "broken", False):  # the reader has gone, as `| head` does
            raise typer.Exit(UNREAD)
        time.sleep(POLL_SECONDS)
        try:
            entries = read_journal(url, event, endpoint, after)
        except UnreachableError:
            typer.echo("the embedded AWS has ended", err=True)
            return


def journal_line(entry: dict[str, Any]) -> str:
    """One entry in one line."""
    said = {name: value for name, value in entry.items() if name not in ("number", "time", "event")}
    words = " ".join(f"{name}={_word(value)}" for name, value in said.items() if value is not None)
    return f"{entry['time'][11:23]}  {entry['event']:20}  {words}".rstrip()


def status_text(found: dict[str, Any]) -> str:
    """The status as aligned tables."""
    rate = found["clock"]["rate"]
    pace = "" if rate == 1 else f"; its time passes {rate:g} times as fast"
    parts = [f"Embedded AWS at {found['endpoint_url']}{pace}", _endpoints(found["endpoints"])]
    parts += [_reasons(found["endpoints"]), _instances(found["endpoints"])]
    parts += [_failures(found["failures"]), _faults(found["faults"])]
    return "\n\n".join(part for part in parts if part)


def _endpoints(endpoints: list[dict[str, Any]]) -> str:
    if not endpoints:
        return "no endpoints"
    head = ("ENDPOINT", "STATUS", "KIND", "INSTANCES", "WAITING", "IN WORK", "OLDEST", "DONE", "FAILED", "EXPIRED")
    return _table([head, *map(_endpoint_row, endpoints)], words=3)


def _endpoint_row(endpoint: dict[str, Any]) -> tuple[str, ...]:
    queue, counts = endpoint.get("queue", {}), endpoint["invocations"]
    healthy = sum(instance["state"] == "healthy" for instance in endpoint["instances"])
    in_work = sum(instance["in_flight"] for instance in endpoint["instances"])
    oldest = queue.get("oldest_age_seconds")
    return (
        endpoint["name"],
        endpoint["status"],
        endpoint["kind"],
        f"{healthy} of {endpoint['desired_instances']}",
        str(queue.get("waiting", "-")),
        str(queue.get("processing", in_work)),
        "-" if oldest is None else _duration(oldest),
        str(counts.get("completed", counts.get("answered"))),
        str(counts["failed"]),
        str(counts.get("expired", "-")),
    )


def _instances(endpoints: list[dict[str, Any]]) -> str:
    rows = [
        (
            each["id"],
            endpoint["name"],
            each["variant"],
            each["state"],
            str(each["pid"] or "-"),
            str(each["in_flight"]),
            _duration(each["billed_seconds"]),
        )
        for endpoint in endpoints
        for each in endpoint["instances"]
    ]
    head = ("INSTANCE", "ENDPOINT", "VARIANT", "STATE", "PID", "IN WORK", "BILLED")
    return _table([head, *rows], words=4) if rows else ""


def _reasons(endpoints: list[dict[str, Any]]) -> str:
    return "\n".join(f"{each['name']}: {each['failure_reason']}" for each in endpoints if each["failure_reason"])


def _failures(failures: list[dict[str, Any]]) -> str:
    rows = [(f"  {each['time'][11:19]}", each["event"], each.get("endpoint", ""), _why(each)) for each in failures]
    return f"Last failures, UTC\n{_table(rows, words=4)}" if rows else ""


def _why(failure: dict[str, Any]) -> str:
    status = failure.get("status")
    ended = f"signal {-status}" if isinstance(status, int) and status < 0 else f"exit status {status}"
    return _word(failure.get("reason") or failure.get("message") or (ended if status is not None else ""))


def _faults(faults: list[dict[str, Any]]) -> str:
    return "\n".join(["Faults that are set", *(f"  {_fault(fault)}" for fault in faults)]) if faults else ""


def _fault(fault: dict[str, Any]) -> str:
    usual = {"times": None, "probability": 1.0}
    told = {name: value for name, value in fault.items() if value != usual.get(name, "*")}
    told = {name: value for name, value in told.items() if name not in ("number", "kind", "struck")}
    words = "".join(f" {name}={_word(value)}" for name, value in told.items())
    return f"{fault['number']}  {fault['kind']}{words}  struck: {fault['struck']}"


def _table(rows: Sequence[tuple[str, ...]], words: int) -> str:
    """The rows in aligned columns, the first `words` columns to the left, the rest (numbers) to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            entry.ljust(width) if column < words else entry.rjust(width)
            for column, (entry, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _word(value: Any) -> str:
    """The value on one line, shortened if it is too long."""
    return shorten(value if isinstance(value, str) else json.dumps(value), LONGEST_WORDS, placeholder=" …")


def _get(url: str, path: str) -> str:
    """The answer's body, requested without a proxy, because a proxy could not reach loopback."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode()
    except (OSError, HTTPException) as exc:
        raise UnreachableError(f"The embedded AWS at {url} does not answer: {exc!r}") from exc
    finally:
        connection.close()
    if response.status != 200:
        raise UnreachableError(f"The embedded AWS at {url} answered {response.status} to {path}: {body[:300]}")
    return body
