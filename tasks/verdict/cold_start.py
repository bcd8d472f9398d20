"""Cold starts, from the request for an endpoint until it was InService: how long, and what the time was spent on.

SageMaker tells only the end. The stages that the container logs are subtracted, and the rest is the platform's: an
instance, the image, the archive.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from tasks.errors import StygigError
from tasks.hosting.container_log import LogEntry, logged
from tasks.hosting.endpoint import Endpoint
from tasks.verdict.latency import Side

EVENT = "cold_start"
PLATFORM = "platform"
CLOCKS_APART = timedelta(seconds=1)
"""The largest difference between our clock and CloudWatch's that is not remarked on."""


@dataclass(frozen=True)
class ColdStart:
    """One endpoint's cold start. Its stages, the platform's first, sum to `seconds`; there may be none."""

    endpoint: str
    side: Side
    seconds: float
    stages_seconds: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    """The reason why there are no stages, or a remark on odd ones."""


def cold_start_of(endpoint: Endpoint) -> ColdStart | None:
    """The endpoint's cold start, with the first worker to load the model; None if it was there before the run."""
    if endpoint.cold_start_seconds is None:
        return None
    side: Side = "asynchronous" if endpoint.kind == "async" else "real-time"
    whole = ColdStart(endpoint.name, side, endpoint.cold_start_seconds)
    try:
        entries = logged(endpoint.name, EVENT, endpoint.asked_at - CLOCKS_APART)
    except StygigError as exc:
        return replace(whole, note=f"its log could not be read: {exc}")
    starts = [entry for entry in entries if "error" not in entry.fields]
    if not starts:
        return replace(whole, note=f"its log has no line {EVENT}: the recommender writes one at STYGIG_LOG_LEVEL=info")
    return _split(whole, starts[0], endpoint)


def _split(start: ColdStart, worker: LogEntry, endpoint: Endpoint) -> ColdStart:
    stages = worker_stages(worker.fields)
    platform = round(start.seconds - sum(stages.values()), 6)
    if not stages:
        return replace(start, note=f"its log's line {EVENT} has no stages_ms")
    if platform < 0:
        return replace(start, note="its worker took longer to load the model than the endpoint to be InService")
    late = worker.at - (endpoint.asked_at + timedelta(seconds=start.seconds))
    odd = f"the model was loaded {late.total_seconds():.1f} s after it was InService" if late > CLOCKS_APART else ""
    return replace(start, note=odd, stages_seconds={PLATFORM: platform} | stages)


def worker_stages(fields: Mapping[str, Any]) -> dict[str, float]:
    """The seconds of each stage in a worker's line; empty if one of them isn't a duration."""
    stages = fields.get("stages_ms")
    if not isinstance(stages, dict) or not all(_is_duration(each) for each in stages.values()):
        return {}
    return {str(name): round(each / 1000, 6) for name, each in stages.items()}


def _is_duration(value: object) -> bool:
    # In Python a bool is an int.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def cold_start_rows(starts: Sequence[ColdStart]) -> list[tuple[str, list[float | None]]]:
    """A row per stage with its seconds on each endpoint, None where its log lacks it; the sum comes last."""
    names = dict.fromkeys(name for start in starts for name in start.stages_seconds)
    rows: list[tuple[str, list[float | None]]] = [(n, [each.stages_seconds.get(n) for each in starts]) for n in names]
    return [*rows, ("request to InService", [each.seconds for each in starts])]
