"""The report for machines: the whole of it as JSON, and a row per request for Prefect's table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from tasks.exchange.content import Content, shortened
from tasks.invoking.answer import Answer
from tasks.plain_text import visible
from tasks.verdict.comparison import RequestComparison
from tasks.verdict.cost import CostEstimate
from tasks.verdict.monthly_cost import Month, async_bursts, break_even_per_day, months
from tasks.verdict.omissions import Omissions

if TYPE_CHECKING:
    from tasks.report.report import Report

SCHEMA_VERSION = 3
"""New in 3: requests instead of pictures, answers of any kind, noise, checks that were not asked (null).

New in 2: cold_starts is a list with stages; cost has its basis and the cost of months; machine; omissions."""
APART = ("answers", "cost", "history", "omissions")
"""The fields of a report that have another form in JSON, or none."""


def render_json(report: Report) -> str:
    """The whole report as JSON; times are ISO 8601, units are in the names, numbers that aren't finite are null."""
    omissions = Omissions(list(report.omissions))
    content: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
    content |= {name: value for name, value in vars(report).items() if name not in APART}
    content["answers"] = [
        {"request": baseline.request, "baseline": _answer(baseline), "asynchronous": _answer(asynchronous)}
        for baseline, asynchronous in report.answers
    ]
    content["cost"] = omissions.unless_odd("the cost", lambda: _cost(report.cost), None)
    content["regressions"] = omissions.unless_odd("regressions", lambda: report.regressions, ())
    plain = _plain(content, "", omissions)
    # By default Python writes NaN and Infinity, which are no JSON.
    return json.dumps(plain | {"omissions": omissions.lines}, indent=2, allow_nan=False) + "\n"


def table_rows(report: Report) -> list[dict[str, Any]]:
    """A row per request for Prefect's table, differing ones first; floats are rounded: Prefect shows them raw."""
    pairs = {baseline.request: (baseline, asynchronous) for baseline, asynchronous in report.answers}
    ordered = sorted(report.comparisons, key=lambda comparison: comparison.agrees)
    return [_row(comparison, *pairs.get(comparison.request, (None, None))) for comparison in ordered]


def _row(comparison: RequestComparison, baseline: Answer | None, asynchronous: Answer | None) -> dict[str, Any]:
    response = next((each.response for each in (baseline, asynchronous) if each and each.response), None)
    return {
        comparison.words.noun: visible(comparison.request),
        "agrees": "yes" if comparison.agrees else "can't be compared" if comparison.incomparable else "NO",
        comparison.words.largest: _rounded(comparison.largest_difference, 6),
        "real-time ms": _rounded(baseline.latency_ms if baseline else None, 1),
        "async ms": _rounded(asynchronous.latency_ms if asynchronous else None, 1),
        "answer": visible(_first(response)),
        "differs in": visible("; ".join(str(difference) for difference in comparison.differences[:3])),
    }


def _first(response: Content | None) -> str:
    """The beginning of an answer: its first item, or so much of its text as fits a cell."""
    if response is None:
        return ""
    shown = response.shown
    return shown.tiles[0].item_id if shown.tiles else shortened(" ".join(shown.text.split()))


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, decimals)


def _answer(answer: Answer) -> dict[str, Any]:
    response = answer.response.to_json() if answer.response else None
    return {"response": response, "error": answer.error, "latency_ms": answer.latency_ms}


def _cost(cost: CostEstimate | None) -> dict[str, Any] | None:
    if cost is None:
        return None
    derived = ("measured", "async_usd", "baseline_usd", "requests_usd", "run_usd")
    return {
        **asdict(cost),
        **{name: getattr(cost, name) for name in derived},
        "async_overhead_seconds_per_burst": async_bursts(cost, 1).overhead_seconds_per_burst,
        "break_even_bursts_per_day": break_even_per_day(cost.async_instance_seconds),
        "months": [_month(month) for month in months(cost)],
    }


def _month(month: Month) -> dict[str, float]:
    return {
        "bursts_per_day": month.bursts_per_day,
        "async_usd": month.asynchronous.total_usd,
        "real_time_usd": month.real_time.total_usd,
        "always_on_usd": month.always_on_usd,
        "saved_fraction": month.saved_fraction,
    }


def _plain(value: Any, where: str, omissions: Omissions) -> Any:
    """The value in JSON's types; a number that isn't finite becomes null and an omission."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each, f"{where}.{name}".lstrip("."), omissions) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, f"{where}[{number}]", omissions) for number, each in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        omissions.lines.append(f"{where}: left out, it is {value}")
        return None
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | float) else str(value)
