"""The report as one self-contained HTML page: no script, no request to anywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from tasks.names import S3Location
from tasks.plain_text import visible
from tasks.report import quantities
from tasks.report.cost_words import cost_basis, cost_burst, cost_summary, month_cells, price_source
from tasks.report.gallery import gallery
from tasks.report.history import SHOWN_NIGHTS, WATCHED_PHASES
from tasks.report.plots import latency_plot
from tasks.verdict.cold_start import cold_start_rows
from tasks.verdict.cost import CostEstimate
from tasks.verdict.latency import PhaseLatency
from tasks.verdict.monthly_cost import HOURS_PER_DAY, always_on_usd, months

if TYPE_CHECKING:
    from tasks.report.report import Report

TEMPLATES = Path(__file__).parent / "templates"
SHOWN_INVOCATIONS = 500


@dataclass(frozen=True)
class PhaseBar:
    """A row of the latency table with its bar from p50 to p99 on a logarithmic scale, in percent."""

    latency: PhaseLatency
    left: float
    width: float


def render_html(report: Report, query_pictures: Mapping[str, bytes], item_pictures: Mapping[str, bytes]) -> str:
    """Render the page; an item without a picture gets a placeholder."""
    shown = report.invocations[:SHOWN_INVOCATIONS]
    return _template().render(
        report=report,
        gallery=gallery(report.comparisons, report.answers, query_pictures, item_pictures, _locations(report)),
        # Not escaped: the SVG is our own drawing of numbers, without any text from outside.
        latency_plot=Markup(latency_plot(report.waits_ms)),  # noqa: S704
        phase_bars=phase_bars(report.latencies),
        medians=medians_ms(report.latencies),
        checks=sorted(report.verdict.checks, key=lambda check: (check.passed is not False, check.passed is None)),
        nights=[report.night, *reversed(report.before)][:SHOWN_NIGHTS],
        watched_phases=WATCHED_PHASES,
        **_cost(report.cost),
        cold_start_rows=cold_start_rows(report.cold_starts),
        invocations=shown,
        invocation_columns=_columns(shown),
        hidden_invocations=len(report.invocations) - len(shown),
    )


def _locations(report: Report) -> dict[str, str]:
    """Where the asynchronous endpoint's whole answers lie, by request."""
    return {each["request"]: each["output_location"] for each in report.invocations if "request" in each}


def plain_page(title: str, markdown: str) -> str:
    """A page that shows the markdown as plain text, for a report whose page could not be rendered."""
    head = f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(title)}</title></head>'
    return f"{head}\n<body><pre>{escape(markdown)}</pre></body>\n</html>"


def _cost(cost: CostEstimate | None) -> dict[str, Any]:
    if cost is None:
        return {"months": (), "month_rows": ()}
    found = months(cost)
    return {
        "months": found,
        "month_rows": [month_cells(month) for month in found],
        "always_on_day_usd": always_on_usd(HOURS_PER_DAY, cost.prices),
        "cost_basis": cost_basis(cost),
        "cost_sentences": (cost_summary(cost), cost_burst(cost)),
        "price_source": price_source(cost),
    }


def medians_ms(latencies: Sequence[PhaseLatency]) -> Mapping[str, float]:
    """The median of a client's wait on each side, in milliseconds: the round trip, and submission to result."""
    waited = {("real-time", "round trip"), ("asynchronous", "end to end")}
    return {each.side: each.percentiles.p50_ms for each in latencies if (each.side, each.phase) in waited}


def phase_bars(latencies: Sequence[PhaseLatency]) -> tuple[PhaseBar, ...]:
    """The phases with their bars on one common logarithmic scale."""
    ends = [value for each in latencies for value in (each.percentiles.p50_ms, each.percentiles.p99_ms) if value > 0]
    if not ends:
        return tuple(PhaseBar(latency, 0, 0) for latency in latencies)
    lowest, highest = math.log10(min(ends)), math.log10(max(ends))
    span = max(highest - lowest, 1e-9)

    def position(value: float) -> float:
        return 96 * (math.log10(value) - lowest) / span if value > 0 else 0.0

    bars = []
    for latency in latencies:
        left, right = position(latency.percentiles.p50_ms), position(latency.percentiles.p99_ms)
        bars.append(PhaseBar(latency, round(left, 2), round(max(right - left, 1.5), 2)))
    return tuple(bars)


def _columns(records: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    columns = dict.fromkeys(name for record in records for name in record)
    return [name for name in columns if any(record.get(name) not in (None, "") for record in records)]


def _shown(value: Any) -> Any:
    """The value as text with invisible characters escaped; markup stays as it is."""
    return value if isinstance(value, Markup) else visible(str(value))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("milliseconds", "seconds", "elapsed", "usd", "share", "score_difference", "count"):
        environment.filters[name] = getattr(quantities, name)
    environment.filters["console_url"] = lambda uri: S3Location.parse(uri).console_url
    return environment.get_template("report.html.j2")
