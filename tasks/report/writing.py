"""Writing a report: files for machines and people, private to their user, and artifacts for the Prefect UI."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from tasks.plain_text import visible
from tasks.prefect_task import task
from tasks.report.as_json import render_json, table_rows
from tasks.report.folder import Unwritten, private_folder
from tasks.report.history import HISTORY_FILE, add_night, read_history
from tasks.report.markdown import render_markdown
from tasks.report.page import plain_page, render_html
from tasks.report.plots import latency_image
from tasks.report.report import Report
from tasks.verdict.junit import render_junit
from tasks.verdict.omissions import Omissions

MARKDOWN_KEY = "validation-report"  # Prefect allows lowercase letters, digits and dashes


TABLE_KEY = "validation-pictures"


PLOT_CAPTION = "Share of requests answered within a time: real-time in blue, asynchronous in orange; dots are medians."


@dataclass(frozen=True)
class ReportFiles:
    """The paths of a report that was written."""

    json: Path
    html: Path
    markdown: Path
    junit: Path

    def __str__(self) -> str:
        return f"Report: {self.html}"


def write_report(
    report: Report, folder: Path, query_pictures: Mapping[str, bytes], item_pictures: Mapping[str, bytes]
) -> ReportFiles:
    """Write the report into folder/<run id>/ and return its files; a reader sees an old file or a whole new one.

    The files are for their user alone. The folder's history gains the run, and a report without a history shows the
    folder's. What can't be rendered is left out, and the report says so; only a folder that can't be written is an
    error.
    """
    omissions = Omissions(list(report.omissions))
    if not report.history:
        before = omissions.unless_odd("the nights before", lambda: read_history(folder / HISTORY_FILE), ())
        report = replace(report, history=before, omissions=tuple(omissions.lines))
    target = private_folder(folder) / report.run_id
    private_folder(target).chmod(0o700)  # mkdir leaves the mode of an existing folder
    for name, text in _rendered(report, omissions, query_pictures, item_pictures).items():
        _write_atomically(target / name, text)
    add_night(folder / HISTORY_FILE, report.night)
    return ReportFiles(*(target / name for name in ("report.json", "report.html", "report.md", "junit.xml")))


def _junit(report: Report) -> str:
    waits_ms = {answer.request: answer.latency_ms for _, answer in report.answers}
    return render_junit(report.title, report.started_at, report.verdict.checks, report.comparisons, waits_ms)


def _rendered(
    report: Report, omissions: Omissions, query_pictures: Mapping[str, bytes], item_pictures: Mapping[str, bytes]
) -> dict[str, str]:
    """The text of each file; the page shows the markdown if its pictures and plots can't be drawn."""
    page = omissions.unless_odd("the page", lambda: render_html(report, query_pictures, item_pictures), "")
    report = replace(report, omissions=tuple(omissions.lines))
    markdown = render_markdown(report)
    return {
        "report.json": render_json(report),
        "report.md": markdown,
        "report.html": page or plain_page(report.title, markdown),
        "junit.xml": _junit(report),
    }


@task(name="publish-report", large=["report"])
def publish_report_task(report: Report, files: ReportFiles | Unwritten) -> tuple[UUID, ...]:
    """Publish markdown and table as artifacts and return their ids; the Prefect UI shows them with their history."""
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
    """Write the file whole or not at all, with NamedTemporaryFile's mode 0600: a report shows pictures and settings."""
    # In the same folder, because os.replace works only within one file system.
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".", delete=False) as file:
        try:
            file.write(text)
            file.flush()
        except OSError:  # a full disk: the part that was written would stay for ever
            os.unlink(file.name)
            raise
    os.replace(file.name, path)
