"""The report as markdown, for a Prefect artifact: the verdict first, then what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tasks.cost import CostEstimate
from tasks.quantities import count, elapsed, milliseconds, score_difference, seconds, share, usd

if TYPE_CHECKING:
    from tasks.report import Report

SHOWN_PICTURES = 20
SHOWN_DIFFERENCES = 3
SHOWN_LINES = 100


def render_markdown(report: Report) -> str:
    """Returns the report as markdown with tables."""
    sections = (_heading, _checks, _differing, _empty, _latency, _cold_starts, _cost, _teardown, _subject)
    return "\n".join(line for section in sections for line in section(report)) + "\n"


def _heading(report: Report) -> Iterator[str]:
    yield f"# {'PASS' if report.verdict.passed else 'FAIL'}: {report.title}"
    yield ""
    yield from (f"- {_inline(reason)}" for reason in report.verdict.reasons)
    yield ""
    yield f"Run `{report.run_id}` in {report.region}, {report.started_at:%Y-%m-%d %H:%M} UTC, {elapsed(report.took)}."
    yield from (f"\n**Slower:** {_inline(regression)}" for regression in report.regressions)


def _checks(report: Report) -> Iterator[str]:
    yield from ("", "## Checks", "")
    rows = [(_passed(check.passed), check.name, check.expected, check.found) for check in report.verdict.checks]
    yield from _table(("", "check", "expected", "found"), rows)


def _differing(report: Report) -> Iterator[str]:
    if not report.differing:
        return
    yield from ("", f"## Pictures that differ: {len(report.differing)} of {len(report.comparisons)}", "")
    rows = []
    for comparison in report.differing[:SHOWN_PICTURES]:
        shown = "; ".join(str(difference) for difference in comparison.differences[:SHOWN_DIFFERENCES])
        more = len(comparison.differences) - SHOWN_DIFFERENCES
        words = f"{shown}; {more} more" if more > 0 else shown
        largest = comparison.max_score_difference
        shown_largest = score_difference(largest) if comparison.answered and largest is not None else "–"
        rows.append((comparison.picture, shown_largest, words))
    yield from _table(("picture", "largest score difference", "differs in"), rows)
    if len(report.differing) > SHOWN_PICTURES:
        yield from ("", f"{len(report.differing) - SHOWN_PICTURES} more are in the report's page and JSON.")


def _empty(report: Report) -> Iterator[str]:
    if not report.empty:
        return
    yield from ("", f"## Pictures without recommendations: {len(report.empty)} of {len(report.comparisons)}", "")
    yield "Neither endpoint recommended anything, which proves nothing."
    yield from ("", *(f"- {_inline(comparison.picture)}" for comparison in report.empty[:SHOWN_PICTURES]))
    if len(report.empty) > SHOWN_PICTURES:
        yield from ("", f"{len(report.empty) - SHOWN_PICTURES} more are in the report's JSON.")


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
    if report.cold_starts:
        yield from ("", "## Cold start (creating to in service)", "")
        yield from _table(("endpoint", "took"), [(name, seconds(took)) for name, took in report.cold_starts.items()])


def _cost(report: Report) -> Iterator[str]:
    yield from ("", "## Cost", "")
    if report.cost is None:
        why = f"the price table has no line for {report.instance_type} in {report.region}"
        yield f"No estimate: the endpoints were there before, or {why}."
        return
    yield from _table(("", "instance-seconds", "USD"), _cost_rows(report.cost))
    yield from ("", cost_summary(report.cost), "", price_source(report.cost))


def _cost_rows(cost: CostEstimate) -> Sequence[Sequence[str]]:
    return (
        ("asynchronous endpoint, this run", f"{cost.async_instance_seconds:,.0f}", usd(cost.async_usd)),
        ("real-time baseline, this run", f"{cost.baseline_instance_seconds:,.0f}", usd(cost.baseline_usd)),
        ("requests (S3, SNS, SQS), this run", "", usd(cost.requests_usd)),
        ("this run", "", usd(cost.run_usd)),
        ("always on, 24 hours", "86,400", usd(cost.always_on_day_usd)),
        ("always on, 30 days", "2,592,000", usd(cost.always_on_month_usd)),
    )


def cost_summary(cost: CostEstimate) -> str:
    """Returns one sentence: the asynchronous endpoint once a day against always on."""
    month, always_on = usd(cost.async_month_usd), usd(cost.always_on_month_usd)
    saved = cost.saved_fraction
    against = f"{share(saved)} less than" if saved >= 0 else f"{share(-saved)} more than"
    sentence = (
        f"Used once a day as in this run, the asynchronous endpoint costs {month} in 30 days, {against} {always_on}"
    )
    if cost.break_even_runs_per_day is None:
        return f"{sentence} for one that is always on."
    bursts = f"{cost.break_even_runs_per_day:,.1f}"
    return f"{sentence} for one that is always on; {bursts} such bursts a day would cost the same."


def price_source(cost: CostEstimate) -> str:
    """Returns where the price comes from, and whether it was read or worked out."""
    prices = cost.prices
    how = "derived, not read from a price list" if prices.derived else "as listed"
    price = f"{prices.instance_type} in {prices.region}: ${prices.hosting_usd_per_hour:g} an hour"
    return f"{price} ({how}; {prices.source}; price table of {prices.dated.isoformat()})."


def _teardown(report: Report) -> Iterator[str]:
    yield from ("", "## What is left", "")
    yield from (f"- **left: {_inline(line)}**" for line in report.left[:SHOWN_LINES])
    if not report.teardown:
        yield "Not looked at: this run tore nothing down."
        return
    if not report.left:
        yield "Nothing."
    yield from ("", f"<details><summary>{count(len(report.teardown), 'line')} of teardown</summary>", "")
    yield from (f"- {_inline(line)}" for line in report.teardown[:SHOWN_LINES])
    yield from ("", "</details>")


def _subject(report: Report) -> Iterator[str]:
    yield from ("", "## What was validated", "")
    rows = (
        ("artifact", report.artifact_uri),
        ("model version", report.model_version),
        ("encoder", report.encoder),
        ("real-time endpoint", report.baseline_endpoint),
        ("asynchronous endpoint", report.async_endpoint),
        ("instance type", report.instance_type),
    )
    yield from _table(("", ""), rows)
    if report.reproduce:
        yield from ("", "To reproduce:", "", "```", *report.reproduce, "```")


def _passed(passed: bool) -> str:
    return "pass" if passed else "**FAIL**"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield _line(headings)
    yield _line(["---"] * len(headings))
    yield from (_line([cell if cell == "**FAIL**" else _inline(cell) for cell in row]) for row in rows)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _inline(text: str) -> str:
    """Returns text which can't end a table cell, start a line of its own or be taken for HTML."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
