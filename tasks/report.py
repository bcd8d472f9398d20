"""The morning's report: JSON for machines, markdown and a table for Prefect, one self-contained page for people."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from tasks.cold_start import ColdStart
from tasks.comparison import Answer, PictureComparison, Verdict
from tasks.cost import CostEstimate
from tasks.history import HISTORY_FILE, Night, add_night, read_history, slower_phases
from tasks.latency import PhaseLatency
from tasks.machine import Machine
from tasks.omissions import Omissions
from tasks.plain_text import visible
from tasks.plots import latency_image
from tasks.prefect_task import task
from tasks.report_folder import Unwritten, private_folder
from tasks.report_json import render_json, table_rows
from tasks.report_markdown import render_markdown
from tasks.report_page import plain_page, render_html

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
    baseline_instance_type: str
    machine: Machine | None
    verdict: Verdict
    comparisons: tuple[PictureComparison, ...]
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
    """What could not be worked out, a line each; the verdict does not depend on it."""

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
            cold_starts_seconds={
                each.endpoint: each.seconds for each in self.cold_starts if math.isfinite(each.seconds)
            },
            run_usd=self.run_usd,
            left=len(self.left),
        )

    @property
    def run_usd(self) -> float | None:
        """What the run cost, None where that isn't known or no number."""
        found = Omissions().unless_odd("cost", lambda: self.cost.run_usd if self.cost else None, None)
        return found if found is not None and math.isfinite(found) else None

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


def write_report(
    report: Report, folder: Path, query_pictures: Mapping[str, bytes], item_pictures: Mapping[str, bytes]
) -> ReportFiles:
    """Writes the report into folder/<run id>/ and returns its files; a reader sees an old file or a whole new one.

    They are for their user alone. The folder's history gains the run, and where the report brings no history, it shows
    the folder's. What can't be rendered is left out and said; only a folder that can't be written is an error.
    """
    omissions = Omissions(list(report.omissions))
    if not report.history:
        before = omissions.unless_odd("the nights before", lambda: read_history(folder / HISTORY_FILE), ())
        report = replace(report, history=before, omissions=tuple(omissions.lines))
    target = private_folder(folder) / report.run_id
    private_folder(target).chmod(0o700)
    for name, text in _rendered(report, omissions, query_pictures, item_pictures).items():
        _write_atomically(target / name, text)
    add_night(folder / HISTORY_FILE, report.night)
    return ReportFiles(target / "report.json", target / "report.html", target / "report.md")


def _rendered(
    report: Report, omissions: Omissions, query_pictures: Mapping[str, bytes], item_pictures: Mapping[str, bytes]
) -> dict[str, str]:
    """Each file's text; the page without its pictures and plots, where one of them can't be drawn."""
    page = omissions.unless_odd("the page", lambda: render_html(report, query_pictures, item_pictures), "")
    report = replace(report, omissions=tuple(omissions.lines))
    markdown = render_markdown(report)
    return {
        "report.json": render_json(report),
        "report.md": markdown,
        "report.html": page or plain_page(report.title, markdown),
    }


@task(name="publish the report")
def publish_artifacts(report: Report, files: ReportFiles | Unwritten) -> tuple[UUID, ...]:
    """Returns the ids of the markdown and table artifacts, which the Prefect UI shows with their history."""
    image = Omissions().unless_odd("the plot", lambda: latency_image(report.waits_ms), "")
    plot = f"\n![latency]({image})\n\n{PLOT_CAPTION}\n" if image else ""
    where = visible(str(files))
    if isinstance(files, ReportFiles):
        where = f"The page with pictures and plots: `{visible(str(files.html))}`; for machines: report.json beside it"
    created = (
        create_markdown_artifact(
            f"{render_markdown(report)}{plot}\n---\n{where}\n", key=MARKDOWN_KEY, description=report.title
        ),
        create_table_artifact(table_rows(report), key=TABLE_KEY, description=f"Pictures of {report.run_id}"),
    )
    return tuple(artifact for artifact in created if isinstance(artifact, UUID))


def _write_atomically(path: Path, text: str) -> None:
    """NamedTemporaryFile makes files of mode 0600: a report shows its user's pictures and settings."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".", delete=False) as file:
        file.write(text)
    os.replace(file.name, path)
