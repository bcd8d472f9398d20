"""Latency percentiles of each phase, for the real-time endpoint and the asynchronous one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tasks.verdict.omissions import Omissions

Side = Literal["real-time", "asynchronous"]
Stages = Mapping[str, float]
"""The milliseconds of the model's stages, as one answer reports them; empty if it doesn't."""


@dataclass(frozen=True)
class Percentiles:
    """Order statistics of one phase, in milliseconds, interpolated linearly between measurements."""

    count: int
    minimum_ms: float
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    maximum_ms: float


@dataclass(frozen=True)
class PhaseLatency:
    """One phase of a request, on one of the two sides."""

    phase: str
    side: Side
    percentiles: Percentiles


def percentiles(durations_ms: Sequence[float]) -> Percentiles:
    """The order statistics of at least one duration; ValueError for a negative or non-finite one."""
    values = np.asarray(durations_ms, dtype=np.float64)
    if values.size == 0:
        raise ValueError("percentiles of no durations were asked for; skip a phase that was not measured")
    if not np.all(np.isfinite(values)) or values.min() < 0:
        raise ValueError(f"durations run from {values.min()} to {values.max()} ms; they can't be negative or infinite")
    found = np.percentile(values, [0, 50, 90, 95, 99, 100])
    return Percentiles(values.size, *(float(value) for value in found))


def latency_by_phase(
    *,
    real_time_round_trip_ms: Sequence[float],
    submit_ms: Sequence[float],
    queue_and_processing_ms: Sequence[float],
    end_to_end_ms: Sequence[float],
    omissions: Omissions,
    real_time_queue_ms: Sequence[float] = (),
    asynchronous_queue_ms: Sequence[float] = (),
    real_time_stages_ms: Sequence[Stages] = (),
    asynchronous_stages_ms: Sequence[Stages] = (),
) -> tuple[PhaseLatency, ...]:
    """The phases that were measured at least once; one that never was is left out, not shown as zero.

    submit is the client's call; queue and processing is completed minus received in the notification, so it includes
    scaling out from zero; end to end runs from the submission until the client sees the result. model is the sum of
    the stages that the response reports, each of which follows as `container: STAGE`; queue and transfer is the rest
    of queue and processing, or of the round trip.
    """
    measured: list[tuple[str, Side, Sequence[float]]] = [
        ("round trip", "real-time", real_time_round_trip_ms),
        ("queue and transfer", "real-time", real_time_queue_ms),
        *_container_phases("real-time", real_time_stages_ms),
        ("submit", "asynchronous", submit_ms),
        ("queue and processing", "asynchronous", queue_and_processing_ms),
        ("end to end", "asynchronous", end_to_end_ms),
        ("queue and transfer", "asynchronous", asynchronous_queue_ms),
        *_container_phases("asynchronous", asynchronous_stages_ms),
    ]
    found = (_phase(phase, side, values, omissions) for phase, side, values in measured if len(values))
    return tuple(phase for phase in found if phase)


def _phase(phase: str, side: Side, durations_ms: Sequence[float], omissions: Omissions) -> PhaseLatency | None:
    what = f"latency of {side} {phase}"
    return omissions.unless_odd(what, lambda: PhaseLatency(phase, side, percentiles(durations_ms)), None)


def model_ms(stages_ms: Stages) -> float:
    """The model's milliseconds for an answer: the sum of the stages that it reports."""
    return sum(stages_ms.values())


def _container_phases(side: Side, answers: Sequence[Stages]) -> Iterator[tuple[str, Side, Sequence[float]]]:
    reported = [stages for stages in answers if stages]
    if reported:
        yield "model", side, [model_ms(stages) for stages in reported]
    for stage, durations in stage_times_ms(reported).items():
        yield f"container: {stage}", side, durations


def stage_times_ms(answers: Sequence[Stages]) -> Mapping[str, list[float]]:
    """The durations of each stage that the container reports (the recommender: decode, encode, search, score)."""
    stages: dict[str, list[float]] = {}
    for answer in answers:
        for name, duration in answer.items():
            stages.setdefault(name, []).append(duration)
    return stages
