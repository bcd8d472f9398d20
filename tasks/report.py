"""The morning's report: JSON for machines, markdown and a table for Prefect, one self-contained page for people."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from tasks.comparison import Answer, PictureComparison, Verdict
from tasks.cost import CostEstimate
from tasks.history import HISTORY_FILE, Night, add_night, read_history, slower_phases
from tasks.latency import PhaseLatency
from tasks.plots import latency_image
from tasks.prefect_task import task
from tasks.report_folder import Unwritten
from tasks.report_markdown import render_markdown
from tasks.report_page import render_html

__all__ = [
    "Report",
    "ReportFiles",
    "publish_artifacts",
    "render_html",
    "render_json",
    "render_markdown",
    "table_rows",
    "write_report",
]

SCHEMA_VERSION = 1
MARKDOWN_KEY = "validation-report"
TABLE_KEY = "validation-pictures"
PLOT_CAPTION = "Share of requests answered within a time: real-time in blue, asynchronous in orange; dots are medians."


@dataclass(frozen=True)
class Report:
    """Everything one validation run found; settings are already masked, empty `left` means nothing is left."""

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
    verdict: Verdict
    comparisons: tuple[PictureComparison, ...]
    answers: tuple[tuple[Answer, Answer], ...]
    latencies: tuple[PhaseLatency, ...]
    cold_starts: Mapping[str, float]
    cost: CostEstimate | None
    invocations: Sequence[Mapping[str, Any]]
    teardown: tuple[str, ...]
    left: tuple[str, ...]
    reproduce: tuple[str, ...] = ()
    history: tuple[Night, ...] = ()

    def __post_init__(self) -> None:
        for name in ("started_at", "finished_at"):
            if getattr(self, name).utcoffset() != timedelta(0):
                raise ValueError(f"report's {name} is {getattr(self, name)}; give an aware time in UTC")
        if self.run_id in {"", ".", ".."} or Path(self.run_id).name != self.run_id:
            raise ValueError(f"report's run_id is {self.run_id!r}; it names a folder, so give one plain name")

    @property
    def differing(self) -> tuple[PictureComparison, ...]:
        """The pictures which the endpoints answered differently."""
        return tuple(comparison for comparison in self.comparisons if comparison.differs)

    @property
    def empty(self) -> tuple[PictureComparison, ...]:
        """The pictures for which neither endpoint recommended anything."""
        return tuple(comparison for comparison in self.comparisons if comparison.empty)

    @property
    def max_score_difference(self) -> float | None:
        """The largest difference of scores over all pictures, None where none was compared."""
        found = (comparison.max_score_difference for comparison in self.comparisons)
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
            max_score_difference=self.max_score_difference,
            p50_ms=medians,
            cold_starts_seconds=dict(self.cold_starts),
            run_usd=self.cost.run_usd if self.cost else None,
            left=len(self.left),
        )

    @property
    def before(self) -> tuple[Night, ...]:
        """The nights of the history before this run."""
        return tuple(night for night in self.history if night.run_id != self.run_id)

    @property
    def regressions(self) -> tuple[str, ...]:
        """What got much slower than in the nights before; the verdict does not depend on it."""
        return slower_phases(self.night, self.before)

    @property
    def waits_ms(self) -> Mapping[str, Sequence[float]]:
        """How long a client waited on each side for the pictures which both endpoints answered."""
        answered = [pair for pair in self.answers if pair[0].error is None and pair[1].error is None]
        return {
            "real-time": [baseline.latency_ms for baseline, _ in answered],
            "asynchronous": [asynchronous.latency_ms for _, asynchronous in answered],
        }

    @property
    def took(self) -> timedelta:
        """From start to end."""
        return self.finished_at - self.started_at


@dataclass(frozen=True)
class ReportFiles:
    """Where a report was written."""

    json: Path
    html: Path
    markdown: Path

    def __str__(self) -> str:
        return f"Report: {self.html}"


def render_json(report: Report) -> str:
    """Returns the whole report as JSON; times are ISO 8601, units are in the names."""
    content: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
    content |= {name: value for name, value in vars(report).items() if name not in {"answers", "cost", "history"}}
    content["answers"] = [
        {"picture": baseline.picture, "baseline": _answer(baseline), "asynchronous": _answer(asynchronous)}
        for baseline, asynchronous in report.answers
    ]
    content["cost"] = _cost(report.cost) if report.cost else None
    content["regressions"] = report.regressions
    return json.dumps(content, default=_jsonable, indent=2, allow_nan=False) + "\n"


def table_rows(report: Report) -> list[dict[str, Any]]:
    """Returns a row per picture for Prefect's table, differing pictures first, floats rounded for its raw display."""
    pairs = {baseline.picture: (baseline, asynchronous) for baseline, asynchronous in report.answers}
    ordered = sorted(report.comparisons, key=lambda comparison: comparison.agrees)
    return [_row(comparison, *pairs.get(comparison.picture, (None, None))) for comparison in ordered]


def write_report(
    report: Report, folder: Path, query_pictures: Mapping[str, bytes], item_pictures: Mapping[str, bytes]
) -> ReportFiles:
    """Writes the report into folder/<run id>/ and returns its files; a reader sees an old file or a whole new one.

    The folder's history gains the run, and where the report brings no history, it shows the folder's.
    """
    report = report if report.history else replace(report, history=read_history(folder / HISTORY_FILE))
    rendered = {
        "report.json": render_json(report),
        "report.md": render_markdown(report),
        "report.html": render_html(report, query_pictures, item_pictures),
    }
    target = folder / report.run_id
    target.mkdir(parents=True, exist_ok=True)
    for name, text in rendered.items():
        _write_atomically(target / name, text)
    add_night(folder / HISTORY_FILE, report.night)
    return ReportFiles(target / "report.json", target / "report.html", target / "report.md")


@task(name="publish the report")
def publish_artifacts(report: Report, files: ReportFiles | Unwritten) -> tuple[UUID, ...]:
    """Returns the ids of the markdown and table artifacts, which the Prefect UI shows with their history."""
    plot = f"\n![latency]({image})\n\n{PLOT_CAPTION}\n" if (image := latency_image(report.waits_ms)) else ""
    where = str(files)
    if isinstance(files, ReportFiles):
        where = f"The page with pictures and plots: `{files.html}`; for machines: `{files.json}`"
    created = (
        create_markdown_artifact(
            f"{render_markdown(report)}{plot}\n---\n{where}\n", key=MARKDOWN_KEY, description=report.title
        ),
        create_table_artifact(table_rows(report), key=TABLE_KEY, description=f"Pictures of {report.run_id}"),
    )
    return tuple(artifact for artifact in created if isinstance(artifact, UUID))


def _row(comparison: PictureComparison, baseline: Answer | None, asynchronous: Answer | None) -> dict[str, Any]:
    largest = comparison.max_score_difference
    response = (baseline and baseline.response) or (asynchronous and asynchronous.response)
    top = response.recommendations[0].item_id if response and response.recommendations else ""
    return {
        "picture": comparison.picture,
        "agrees": "yes" if comparison.agrees else "NO",
        "max score difference": round(largest, 6) if comparison.answered and largest is not None else None,
        "real-time ms": round(baseline.latency_ms, 1) if baseline else None,
        "async ms": round(asynchronous.latency_ms, 1) if asynchronous else None,
        "top item": top,
        "differs in": "; ".join(str(difference) for difference in comparison.differences[:3]),
    }


def _answer(answer: Answer) -> dict[str, Any]:
    response = answer.response.to_dict() if answer.response else None
    return {"response": response, "error": answer.error, "latency_ms": answer.latency_ms}


def _cost(cost: CostEstimate) -> dict[str, Any]:
    derived = ("async_usd", "baseline_usd", "requests_usd", "run_usd", "always_on_day_usd", "always_on_month_usd")
    more = ("async_month_usd", "saved_fraction", "break_even_runs_per_day")
    return {**asdict(cost), **{name: getattr(cost, name) for name in (*derived, *more)}}


def _jsonable(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"the report holds a {type(value).__name__}, which has no JSON form")


def _write_atomically(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".", delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)  # NamedTemporaryFile's 0600 would keep a report from the web server that serves it
    os.replace(file.name, path)
