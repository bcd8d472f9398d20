"""The report as markdown."""

import re

from tasks.report.markdown import render_markdown
from tests.tasks.answers import answer, no_answer
from tests.tasks.reports import failed, report, with_an_empty_pair


def test_markdown_begins_with_the_verdict_and_its_reasons() -> None:
    lines = render_markdown(failed()).splitlines()
    assert lines[0] == "# FAIL: Nightly validation"
    assert lines[2] == "- answers differ for 2 of 3 pictures: queries/2.jpg, queries/3.jpg"
    assert render_markdown(report()).startswith("# PASS: ")


def test_markdown_tables_have_as_many_cells_in_each_row() -> None:
    broken = report([answer("a|b\nc.jpg")], [no_answer("a|b\nc.jpg", "x | y <b>")])
    tables = re.findall(r"(?:^\|.*\n)+", render_markdown(broken), flags=re.MULTILINE)
    assert len(tables) >= 5
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert "<b>" not in render_markdown(broken)


def test_markdown_shows_latency_cost_and_what_is_left() -> None:
    text = render_markdown(failed())
    assert "| asynchronous | end to end | 3 | 60 ms |" in text
    assert "| asynchronous endpoint | 1,800 | $0.058 |" in text
    assert "| 1 | $1.73 | $0.863 | $82.80 | 97.9 % |" in text
    assert "97.9 % less than $82.80" in text
    assert "Measured: from 120 readings of the instance counts" in text
    assert "- **left: endpoint stygig-async-1**" in text


def test_markdown_does_not_claim_that_nothing_is_left_where_nothing_was_torn_down() -> None:
    assert "Not looked at" in render_markdown(report(teardown=()))
    assert "\nNothing.\n" in render_markdown(report())


def test_markdown_names_pictures_without_recommendations() -> None:
    text = render_markdown(with_an_empty_pair())
    assert "## Pictures that differ: 1 of 3" in text
    assert "## Pictures without any recommendation: 1 of 3" in text
    assert "\n- queries/2.jpg\n" in text
