"""The report for machines: JSON, and the rows of Prefect's table."""

import json

import pytest

from tasks.exchange.recommendations import RecommendedContent
from tasks.report.as_json import render_json, table_rows
from tests.tasks.answers import ITEMS, answer
from tests.tasks.reports import HOSTILE, failed, report, with_an_empty_pair


def test_json_holds_the_answers_in_the_schema_of_the_endpoint() -> None:
    content = json.loads(render_json(report()))
    first = content["answers"][0]
    assert RecommendedContent.read(json.dumps(first["baseline"]["response"]).encode()) == answer().response
    assert first["asynchronous"]["latency_ms"] == 800.0


def test_json_holds_verdict_times_and_worked_out_costs() -> None:
    content = json.loads(render_json(failed()))
    assert content["verdict"]["passed"] is False
    assert content["started_at"] == "2026-11-22T03:00:00+00:00"
    assert content["cost"]["async_usd"] == pytest.approx(0.0575)
    assert content["cost"]["prices"]["dated"] == "2026-10-31"
    assert content["answers"][2]["asynchronous"]["error"] == HOSTILE
    assert content["left"] == ["endpoint stygig-async-1"]


def test_table_has_a_row_per_picture_with_the_differing_ones_first() -> None:
    rows = table_rows(failed())
    assert [(row["picture"], row["agrees"]) for row in rows] == [
        ("queries/2.jpg", "NO"),
        ("queries/3.jpg", "NO"),
        ("queries/1.jpg", "yes"),
    ]
    assert rows[2]["answer"] == ITEMS[0]
    assert rows[1]["largest score difference"] is None


def test_table_rounds_what_prefect_shows_raw() -> None:
    row = table_rows(report([answer(latency_ms=60.123456)], [answer(scores=(0.9 - 1e-4 / 3, 0.8, 0.7))]))[0]
    assert row["real-time ms"] == 60.1
    assert row["largest score difference"] == 0.000033
    json.dumps(row, allow_nan=False)


def test_what_was_not_recommended_has_no_score_difference() -> None:
    found = with_an_empty_pair()
    assert found.largest_difference == pytest.approx(0.1)
    assert (found.night.differing, found.night.empty) == (1, 1)
    assert {row["picture"]: row["largest score difference"] for row in table_rows(found)}["queries/2.jpg"] is None
    assert json.loads(render_json(found))["comparisons"][1]["largest_difference"] is None
    empty = report([answer(items=())], [answer(items=())])
    assert empty.largest_difference is None
