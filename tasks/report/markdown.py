"""The report as markdown, for a Prefect artifact: the verdict first, then the evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from tasks.exchange.content import MOST_DIFFERENCES
from tasks.plain_text import markdown_text, visible
from tasks.report.cost_words import cost_basis, cost_burst, cost_summary, month_cells, price_source
from tasks.report.quantities import count, elapsed, milliseconds, score_difference, usd
from tasks.verdict.cold_start import cold_start_rows
from tasks.verdict.comparison import RequestComparison
from tasks.verdict.cost import CostEstimate
from tasks.verdict.monthly_cost import months
from tasks.verdict.omissions import Omissions

if TYPE_CHECKING:
    from tasks.report.report import Report

SHOWN_REQUESTS = 20
SHOWN_DIFFERENCES = 3
SHOWN_LINES = 100
Section = Callable[["Report"], Iterator[str]]


def render_markdown(report: Report) -> str:
    """The report as markdown with tables; a section that can't be written is left out, and the report says so."""
    omissions = Omissions(list(report.omissions))
    lines = [line for section in SECTIONS for line in _written(section, report, omissions)]
    return "\n".join([*lines, *_omissions(omissions.lines)]) + "\n"


def _written(section: Section, report: Report, omissions: Omissions) -> list[str]:
    what = f"section {section.__name__.strip('_').replace('_', ' ')}"
    return omissions.unless_odd(what, lambda: list(section(report)), [])


def _heading(report: Report) -> Iterator[str]:
    yield f"# {report.verdict.word}: {report.title}"
    yield ""
    yield from (f"- {markdown_text(reason)}" for reason in report.verdict.reasons)
    yield ""
    yield f"Run `{report.run_id}` in {report.region}, {report.started_at:%Y-%m-%d %H:%M} UTC, {elapsed(report.took)}."


def _slower(report: Report) -> Iterator[str]:
    yield from (f"\n**Slower:** {markdown_text(regression)}" for regression in report.regressions)


def _checks(report: Report) -> Iterator[str]:
    yield from ("", "## Checks", "")
    rows = [(_passed(check.passed), check.name, check.expected, check.found) for check in report.verdict.checks]
    yield from _table(("", "check", "expected", "found"), rows)


def _differing(report: Report) -> Iterator[str]:
    noun = report.words.noun.capitalize()
    yield from _compared(report, report.differing, f"{noun}s that differ")
    yield from _compared(report, report.incomparable, f"{noun}s that can't be compared")


def _compared(report: Report, comparisons: Sequence[RequestComparison], heading: str) -> Iterator[str]:
    if not comparisons:
        return
    yield from ("", f"## {heading}: {len(comparisons)} of {len(report.comparisons)}", "")
    rows = []
    for comparison in comparisons[:SHOWN_REQUESTS]:
        shown = "; ".join(str(difference) for difference in comparison.differences[:SHOWN_DIFFERENCES])
        more = len(comparison.differences) - SHOWN_DIFFERENCES
        least = "at least " if len(comparison.differences) >= MOST_DIFFERENCES else ""
        told = [shown, f"{least}{more} more" if more > 0 else "", comparison.overlap]
        words = "; ".join(filter(None, told))
        largest = comparison.largest_difference
        shown_largest = score_difference(largest) if largest is not None else "–"
        rows.append((comparison.request, shown_largest, words))
    yield from _table((report.words.noun, report.words.largest, "differs in"), rows)
    if len(comparisons) > SHOWN_REQUESTS:
        yield from ("", f"{len(comparisons) - SHOWN_REQUESTS} more are in the report's page and JSON.")


def _empty(report: Report) -> Iterator[str]:
    if not report.empty:
        return
    words = report.words
    yield from (
        "",
        f"## {words.noun.capitalize()}s {words.without}: {len(report.empty)} of {len(report.comparisons)}",
        "",
    )
    yield f"{words.empty.capitalize()}, which proves nothing."
    yield from ("", *(f"- {markdown_text(comparison.request)}" for comparison in report.empty[:SHOWN_REQUESTS]))
    if len(report.empty) > SHOWN_REQUESTS:
        yield from ("", f"{len(report.empty) - SHOWN_REQUESTS} more are in the report's JSON.")


def _latency(report: Report) -> Iterator[str]:
    if not report.latencies:
        return
    yield from ("", "## Latency by phase", "")
    rows = []
    for latency in report.latencies:
        found = latency.percentiles
        durations = (found.p50_ms, found.p90_ms, found.p95_ms, found.p99_ms, found.maximum_ms)
        rows.append((latency.side, latency.phase, str(found.count), *(milliseconds(value) for value in durations)))
    yield from _table(("side", "phase", "count", "p50", "p90", "p95", "p99", "max"), rows)


def _cold_starts(report: Report) -> Iterator[str]:
    if not report.cold_starts:
        return
    yield from ("", "## Cold start (request to in service)", "")
    rows = [(name, *map(_took, values)) for name, values in cold_start_rows(report.cold_starts)]
    yield from _table(("", *(start.side for start in report.cold_starts)), rows)
    yield from (f"\n{start.side}: {markdown_text(start.note)}." for start in report.cold_starts if start.note)


def _took(duration_seconds: float | None) -> str:
    return "–" if duration_seconds is None else milliseconds(1000 * duration_seconds)


def _cost(report: Report) -> Iterator[str]:
    yield from ("", "## Cost", "")
    if report.cost is None:
        why = f"the price table has no line for {report.instance_type} in {report.region}"
        yield f"No estimate: the endpoints were there before, or {why}."
        return
    yield from _table(("this run", "instance-seconds", "USD"), _cost_rows(report.cost))
    yield from ("", markdown_text(cost_basis(report.cost)), "")
    headings = ("30 days of bursts a day", "asynchronous", "real-time", "one always on", "asynchronous saves")
    yield from _table(headings, [month_cells(month) for month in months(report.cost)])
    for sentence in (cost_summary(report.cost), cost_burst(report.cost), price_source(report.cost)):
        yield from ("", sentence)


def _cost_rows(cost: CostEstimate) -> Sequence[Sequence[str]]:
    return (
        ("asynchronous endpoint", f"{cost.async_instance_seconds:,.0f}", usd(cost.async_usd)),
        ("real-time baseline", f"{cost.baseline_instance_seconds:,.0f}", usd(cost.baseline_usd)),
        ("requests (S3, SNS, SQS)", "", usd(cost.requests_usd)),
        ("together", "", usd(cost.run_usd)),
    )


def _teardown(report: Report) -> Iterator[str]:
    yield from ("", "## What is left", "")
    yield from (f"- **left: {markdown_text(line)}**" for line in report.left[:SHOWN_LINES])
    if not report.teardown:
        yield "Not looked at: this run tore nothing down."
        return
    if not report.left:
        yield "Nothing."
    yield from ("", f"<details><summary>{count(len(report.teardown), 'line')} of teardown</summary>", "")
    yield from (f"- {markdown_text(line)}" for line in report.teardown[:SHOWN_LINES])
    yield from ("", "</details>")


def _subject(report: Report) -> Iterator[str]:
    yield from ("", "## What was validated", "")
    rows = (
        ("artifact", report.artifact_uri),
        ("model version", report.model_version),
        ("encoder", report.encoder),
        ("real-time endpoint", report.baseline_endpoint),
        ("asynchronous endpoint", report.async_endpoint),
    )
    yield from _table(("", ""), rows)
    if report.reproduce:
        # An indented block: no text in it can end it, as a line could end a fenced one.
        yield from ("", "To reproduce:", "", *(f"    {visible(line)}" for line in report.reproduce))


def _measured_on(report: Report) -> Iterator[str]:
    yield from ("", "## What it was measured on", "")
    rows = [
        ("real-time instances", f"{report.baseline_instance_type} in {report.region}"),
        ("asynchronous instances", f"{report.instance_type} in {report.region}"),
    ]
    if machine := report.machine:
        rows += [("SageMaker at", machine.service), ("client machine", str(machine))]
        rows += [("software", f"stygig {machine.stygig}, Python {machine.python}")]
    yield from _table(("", ""), rows)


def _omissions(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", "## Left out", "", *(f"- {markdown_text(line)}" for line in lines))


def _passed(passed: bool | None) -> str:
    return "not asked" if passed is None else "pass" if passed else "**FAIL**"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield _line(headings)
    yield _line(["---"] * len(headings))
    yield from (_line([cell if cell == "**FAIL**" else markdown_text(cell) for cell in row]) for row in rows)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


SECTIONS: tuple[Section, ...] = (
    _heading,
    _slower,
    _checks,
    _differing,
    _empty,
    _latency,
    _cold_starts,
    _cost,
    _teardown,
    _subject,
    _measured_on,
)
