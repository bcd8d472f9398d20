"""There is always a report: what can't be computed or drawn is left out and named, and the verdict stands."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.report import markdown as report_markdown
from tasks.report import page as report_page
from tasks.report.history import HISTORY_FILE, read_history
from tasks.report.markdown import render_markdown
from tasks.report.report import Report
from tasks.report.writing import ReportFiles, write_report
from tasks.verdict.cold_start import ColdStart
from tests.tasks.pages import Page
from tests.tasks.reports import failed, picture, report


def written(of: Report, folder: Path) -> tuple[ReportFiles, dict[str, Any]]:
    files = write_report(of, folder, {"queries/1.jpg": picture()}, {})
    return files, json.loads(files.json.read_text(encoding="utf-8"), parse_constant=pytest.fail)


def broken(*arguments: Any, **named: Any) -> Any:
    raise ValueError("a figure\x1b nobody expected")


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_have_are_left_out_and_said(tmp_path: Path, odd: float) -> None:
    whole = report()
    assert whole.cost
    cost = replace(whole.cost, async_instance_seconds=odd) if odd != -math.inf else whole.cost
    start = ColdStart("stygig-async-1", "asynchronous", odd, {"platform": odd})
    files, content = written(replace(whole, cost=cost, cold_starts=(start,)), tmp_path)
    assert content["cold_starts"][0]["seconds"] is None
    assert f"cold_starts[0].seconds: left out, it is {odd}" in content["omissions"]
    assert content["verdict"]["passed"] is True
    assert Page(files.html.read_text(encoding="utf-8")).text.startswith("PASS")
    (night,) = read_history(tmp_path / HISTORY_FILE)
    assert night.cold_starts_seconds == {}


def test_a_cost_that_can_not_be_worked_out_costs_its_section_alone(tmp_path: Path) -> None:
    whole = report()
    assert whole.cost
    files, content = written(replace(whole, cost=replace(whole.cost, async_instance_seconds=-1.0)), tmp_path)
    assert content["cost"] is None
    assert any(line.startswith("the cost: left out, ValueError: instance-seconds") for line in content["omissions"])
    markdown = files.markdown.read_text(encoding="utf-8")
    assert "## Latency by phase" in markdown
    assert "## What was validated" in markdown
    assert "- section cost: left out, ValueError: instance-seconds are -1" in markdown


def test_a_section_that_can_not_be_written_is_said_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_markdown, "cold_start_rows", broken)
    lines = render_markdown(failed()).splitlines()
    assert lines[0] == "# FAIL: Nightly validation"
    assert lines[-2:] == ["", "- section cold starts: left out, ValueError: a figure\\\\x1b nobody expected"]
    assert "## Cost" in lines


def test_a_page_that_can_not_be_drawn_shows_the_markdown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_page, "latency_plot", broken)
    files, content = written(failed(), tmp_path)
    page = Page(files.html.read_text(encoding="utf-8"))
    assert page.open == []
    assert "# FAIL: Nightly validation" in page.text
    assert "answers differ for 2 of 3 pictures" in page.text
    assert content["omissions"] == ["the page: left out, ValueError: a figure\x1b nobody expected"]


def test_a_history_that_can_not_be_read_is_said_and_gains_the_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.report.writing.read_history", broken)
    files, content = written(report(), tmp_path)
    assert content["omissions"][0].startswith("the nights before: left out")
    assert "the nights before" in files.html.read_text(encoding="utf-8")
    assert [night.run_id for night in read_history(tmp_path / HISTORY_FILE)] == ["nightly-1"]


def test_what_was_left_out_before_is_in_every_file(tmp_path: Path) -> None:
    files, content = written(report(omissions=("latencies: left out, odd",)), tmp_path)
    assert content["omissions"] == ["latencies: left out, odd"]
    assert "## Left out\n\n- latencies: left out, odd\n" in files.markdown.read_text(encoding="utf-8")
    assert "Left out. latencies: left out, odd" in Page(files.html.read_text(encoding="utf-8")).text


def test_a_whole_report_leaves_nothing_out(tmp_path: Path) -> None:
    files, content = written(report(), tmp_path)
    assert content["omissions"] == []
    assert "Left out" not in files.markdown.read_text(encoding="utf-8") + files.html.read_text(encoding="utf-8")
