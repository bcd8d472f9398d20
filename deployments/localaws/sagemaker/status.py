"""The current status of the hosting as one JSON value."""

from __future__ import annotations

from typing import Any

from localaws.faults import as_json
from localaws.sagemaker.endpoint import Endpoint
from localaws.sagemaker.hosting import Hosting
from localaws.sagemaker.instances.instance import Instance
from localaws.sagemaker.state import State

SHOWN_FAILURES = 10
_FAILURES = ("async.failed", "async.expired", "async.dropped", "invoke.failed", "instance.failed", "instance.crashed")
_COUNTED = ("accepted", "completed", "failed", "expired", "dropped")


def status(hosting: Hosting, state: State) -> dict[str, Any]:
    """Endpoints with their instances, queues and counts, the last failures, the clock, and the faults that are set."""
    with hosting.lock:
        endpoints = [_endpoint(hosting, endpoint) for endpoint in state.endpoints.values()]
    return {
        "clock": {"rate": hosting.clock.rate, "now_seconds": round(hosting.clock.now(), 1)},
        "endpoints": endpoints,
        "failures": _failures(hosting),
        "faults": [as_json.to_json(active) for active in hosting.faults.active()],
    }


def _endpoint(hosting: Hosting, endpoint: Endpoint) -> dict[str, Any]:
    asynchronous = endpoint.config.async_config is not None
    shown = {
        "name": endpoint.name,
        "region": endpoint.region,
        "kind": "async" if asynchronous else "real-time",
        "status": endpoint.status,
        "failure_reason": endpoint.failure_reason,
        "created": endpoint.created.isoformat(timespec="seconds"),
        "desired_instances": sum(variant.desired for variant in endpoint.variants.values()),
        "instances": [
            _instance(name, instance) for name, variant in endpoint.variants.items() for instance in variant.instances
        ],
        "billed_seconds": {name: round(seconds, 1) for name, seconds in endpoint.billed_seconds().items()},
    }
    if not asynchronous:
        counts = {name: hosting.journal.count(f"invoke.{name}", endpoint.name) for name in ("answered", "failed")}
        return {**shown, "invocations": counts}
    counts = {name: hosting.journal.count(f"async.{name}", endpoint.name) for name in _COUNTED}
    backlog = endpoint.queue.backlog().to_dict()
    backlog["oldest_age_seconds"] = round(backlog["oldest_age_seconds"], 1)
    return {**shown, "invocations": counts, "queue": backlog}


def _instance(variant: str, instance: Instance) -> dict[str, Any]:
    return {
        "id": instance.id,
        "variant": variant,
        "state": _state(instance),
        "pid": instance.worker_pid,
        "in_flight": instance.in_flight,
        "billed_seconds": round(instance.billed_seconds, 1),
    }


def _state(instance: Instance) -> str:
    if instance.healthy:
        return "healthy"
    if instance.lost:
        return "lost"
    if instance.failure is not None:
        return "failed"
    return "restarting" if instance.settled.is_set() else "starting"


def _failures(hosting: Hosting) -> list[dict[str, Any]]:
    found = [entry for entry in hosting.journal if entry.event in _FAILURES]
    return [
        {"number": entry.number, "time": entry.time.isoformat(), "event": entry.event, **entry.fields}
        for entry in found[-SHOWN_FAILURES:]
    ]
