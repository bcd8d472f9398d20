"""The content of the morning's report, from which JSON, markdown, Prefect's table and the page are rendered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tasks.exchange.content import Words
from tasks.invoking.answer import Answer
from tasks.report.history import Night, slower_phases
from tasks.report.machine import Machine
from tasks.verdict.cold_start import ColdStart
from tasks.verdict.comparison import RequestComparison, words_of
from tasks.verdict.cost import CostEstimate
from tasks.verdict.judgement import Verdict
from tasks.verdict.latency import PhaseLatency
from tasks.verdict.omissions import Omissions


@dataclass(frozen=True)
class Report:
    """Everything that one validation run found; `settings` are already masked, `left` names what is left behind."""

    run_id: str
    title: str
    started_at: datetime
    finished_at: datetime
    region: str
    settings: Mapping[str, str]
    artifact_uri: str
    model_version: str
    encoder: str
    baseline_endpoint: str
    async_endpoint: str
    instance_type: str
    baseline_instance_type: str
    machine: Machine | None
    verdict: Verdict
    comparisons: tuple[RequestComparison, ...]
    answers: tuple[tuple[Answer, Answer], ...]
    latencies: tuple[PhaseLatency, ...]
    cold_starts: tuple[ColdStart, ...]
    cost: CostEstimate | None
    invocations: Sequence[Mapping[str, Any]]
    teardown: tuple[str, ...]
    left: tuple[str, ...]
    reproduce: tuple[str, ...] = ()
    history: tuple[Night, ...] = ()
    omissions: tuple[str, ...] = ()
    """The figures that could not be worked out, a line each; the verdict does not depend on them."""

    def __post_init__(self) -> None:
        for name in ("started_at", "finished_at"):
            if getattr(self, name).utcoffset() != timedelta(0):
                raise ValueError(f"report's {name} is {getattr(self, name)}; give an aware time in UTC")
        if self.run_id in {"", ".", ".."} or Path(self.run_id).name != self.run_id:
            raise ValueError(f"report's run_id is {self.run_id!r}; it names a folder, so give one plain name")

    @property
    def differing(self) -> tuple[RequestComparison, ...]:
        """The requests that the endpoints answered differently."""
        return tuple(comparison for comparison in self.comparisons if comparison.differs)

    @property
    def empty(self) -> tuple[RequestComparison, ...]:
        """The requests to which both answers are empty."""
        return tuple(comparison for comparison in self.comparisons if comparison.empty)

    @property
    def incomparable(self) -> tuple[RequestComparison, ...]:
        """The requests to which the baseline's answers disagree among each other, and the asynchronous one with all."""
        return tuple(comparison for comparison in self.comparisons if comparison.incomparable)

    @property
    def agreeing(self) -> int:
        """The number of requests that both endpoints answered alike."""
        return sum(comparison.agrees for comparison in self.comparisons)

    @property
    def words(self) -> Words:
        """The words for these requests and answers."""
        return words_of(self.comparisons)

    @property
    def largest_difference(self) -> float | None:
        """The largest difference of numbers over all requests; None if none was compared."""
        found = (comparison.largest_difference for comparison in self.comparisons)
        return max((difference for difference in found if difference is not None), default=None)

    @property
    def night(self) -> Night:
        """The run's main figures, as the history keeps them."""
        medians = {f"{each.side} {each.phase}": round(each.percentiles.p50_ms, 3) for each in self.latencies}
        return Night(
            run_id=self.run_id,
            finished_at=self.finished_at,
            passed=self.verdict.passed,
            model_version=self.model_version,
            instance_type=self.instance_type,
            region=self.region,
            pictures=len(self.comparisons),
            differing=len(self.differing),
            empty=len(self.empty),
            max_score_difference=self.largest_difference,
            p50_ms=medians,
            cold_starts_seconds={
                each.endpoint: each.seconds for each in self.cold_starts if math.isfinite(each.seconds)
            },
            run_usd=self.run_usd,
            left=len(self.left),
        )

    @property
    def run_usd(self) -> float | None:
        """The cost of the run; None if it isn't known or isn't finite."""
        found = Omissions().unless_odd("cost", lambda: self.cost.run_usd if self.cost else None, None)
        return found if found is not None and math.isfinite(found) else None

    @property
    def before(self) -> tuple[Night, ...]:
        """The history's nights without this run."""
        return tuple(night for night in self.history if night.run_id != self.run_id)

    @property
    def regressions(self) -> tuple[str, ...]:
        """The phases that got much slower than in the nights before, a line each; the verdict does not depend on it."""
        return slower_phases(self.night, self.before)

    @property
    def waits_ms(self) -> Mapping[str, Sequence[float]]:
        """A client's waits in milliseconds on each side, for the requests that both endpoints answered."""
        answered = [pair for pair in self.answers if pair[0].error is None and pair[1].error is None]
        return {
            "real-time": [baseline.latency_ms for baseline, _ in answered],
            "asynchronous": [asynchronous.latency_ms for _, asynchronous in answered],
        }

    @property
    def took(self) -> timedelta:
        """The time from start to end."""
        return self.finished_at - self.started_at
