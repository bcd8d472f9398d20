import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from recommender.schema import Response
from tasks.comparison import Check
from tasks.report import (
    MARKDOWN_KEY,
    TABLE_KEY,
    Report,
    render_html,
    render_json,
    render_markdown,
    table_rows,
    write_report,
)
from tests.tasks.answers import ITEMS, answer, no_answer
from tests.tasks.reports import STARTED, picture, report

HOSTILE = '<script>alert("1")</script>'
QUERY_PICTURES = {"queries/1.jpg": picture(), "queries/2.jpg": picture(400, 300)}
ITEM_PICTURES = dict.fromkeys(ITEMS, picture())


class Page(HTMLParser):
    """The tags, attributes and text of a page, checked for balance."""

    VOID = ("meta", "link", "br", "img", "input", "path", "use", "hr")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def failed() -> Report:
    baseline = [answer("queries/1.jpg"), answer("queries/2.jpg"), answer("queries/3.jpg")]
    swapped = answer("queries/2.jpg", items=(ITEMS[1], ITEMS[0], ITEMS[2]))
    asynchronous = [answer("queries/1.jpg"), swapped, no_answer("queries/3.jpg", HOSTILE)]
    left = Check("nothing is left", False, "nothing", "endpoint stygig-async-1")
    return report(baseline, asynchronous, [left], left=("endpoint stygig-async-1",))


def page(of: Report, item_pictures: dict[str, bytes] = ITEM_PICTURES) -> Page:
    return Page(render_html(of, QUERY_PICTURES, item_pictures))


def test_page_asks_nothing_of_any_network() -> None:
    html = render_html(failed(), QUERY_PICTURES, ITEM_PICTURES)
    parsed = Page(html)
    assert not {"script", "link", "iframe", "img", "object", "base"} & {tag for tag, _ in parsed.tags}
    assert not re.search(r"https?:|//[a-z]", html.replace("s3://stygig-test", ""))
    assert all(target.startswith(("data:", "#")) for target in re.findall(r"url\(\s*([^)]*)\)", html))
    assert not any(
        name.startswith("on") or name in {"src", "action"} for _, attributes in parsed.tags for name in attributes
    )
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in parsed.tags)


def test_page_closes_every_element_it_opens() -> None:
    assert page(failed()).open == []
    assert page(report()).open == []


def test_page_says_pass_and_why_before_anything_else() -> None:
    text = page(report()).text
    beginning = text[text.index("PASS", text.index("PASS") + 1) :][:600]
    assert "2 pictures got the same items in the same order" in beginning
    assert "FAIL" not in text
    assert "Is anything left? Nothing" in text


def test_page_says_fail_and_every_reason_before_anything_else() -> None:
    text = page(failed()).text
    reasons = ("answers differ for 2 of 3 pictures: queries/2.jpg, queries/3.jpg", "found endpoint stygig-async-1")
    assert all(text.index(reason) < text.index("Checks") for reason in reasons)
    assert text.startswith("FAIL")


def test_page_shows_failed_checks_first() -> None:
    checks = [Check("first", True, "a", "a"), Check("second", False, "b", "c")]
    text = page(report(checks=checks)).text
    table = text[text.index("Checks") :]
    assert table.index("second") < table.index("first")


def test_page_shows_differing_pictures_first_and_marks_the_ranks() -> None:
    parsed = page(failed())
    text = parsed.text
    assert text.index("Pictures answered differently") < text.index("Pictures answered the same")
    assert "rank 1 item: real-time footwear/shoes/0001.png, asynchronous bottomwear/pants/0002.png" in text
    marked = [attributes.get("title") for tag, attributes in parsed.tags if attributes.get("class") == "tile differs"]
    assert [str(title).split(":")[0] for title in marked if title] == [ITEMS[0], ITEMS[1], ITEMS[1], ITEMS[0]]


def test_page_shows_the_worst_pictures_first() -> None:
    slight, missing, large = "queries/a.jpg", "queries/b.jpg", "queries/c.jpg"
    baseline = [answer(slight), answer(missing), answer(large)]
    asynchronous = [answer(slight, scores=(0.89, 0.8, 0.7)), no_answer(missing), answer(large, scores=(0.9, 0.8, 0.1))]
    text = page(report(baseline, asynchronous)).text
    text = text[text.index("Pictures answered differently") :]
    assert text.index(missing) < text.index(large) < text.index(slight)


def with_an_empty_pair() -> Report:
    pictures = ("queries/1.jpg", "queries/2.jpg", "queries/3.jpg")
    baseline = [answer(pictures[0]), answer(pictures[1], items=()), answer(pictures[2])]
    return report(baseline, [*baseline[:2], answer(pictures[2], scores=(0.9, 0.8, 0.6))])


def test_page_shows_pictures_without_recommendations_apart_from_those_that_differ() -> None:
    text = page(with_an_empty_pair()).text
    assert "The same answers? 1 of 3 1 picture answered differently, 1 picture without any recommendation" in text
    assert "Pictures answered differently 1 of 3" in text
    assert "Pictures without recommendations 1 of 3" in text
    assert "Pictures answered the same 1 of 3" in text


def test_what_was_not_recommended_has_no_score_difference() -> None:
    found = with_an_empty_pair()
    assert found.max_score_difference == pytest.approx(0.1)
    assert (found.night.differing, found.night.empty) == (1, 1)
    assert {row["picture"]: row["max score difference"] for row in table_rows(found)}["queries/2.jpg"] is None
    assert json.loads(render_json(found))["comparisons"][1]["max_score_difference"] is None
    empty = report([answer(items=())], [answer(items=())])
    assert empty.max_score_difference is None
    assert "0 of 1 1 picture without any recommendation" in page(empty).text


def test_markdown_names_pictures_without_recommendations() -> None:
    text = render_markdown(with_an_empty_pair())
    assert "## Pictures that differ: 1 of 3" in text
    assert "## Pictures without recommendations: 1 of 3" in text
    assert "\n- queries/2.jpg\n" in text


def test_page_shows_what_is_lacking_at_a_rank_of_a_shorter_answer() -> None:
    text = page(report([answer()], [answer(items=ITEMS[:2])])).text
    assert "nothing 3." in text


def test_page_embeds_a_picture_once_however_often_it_is_recommended() -> None:
    html = render_html(report(), QUERY_PICTURES, ITEM_PICTURES)
    assert html.count("data:image/jpeg;base64,") == len(QUERY_PICTURES) + len(ITEMS)


def test_page_holds_a_place_for_a_picture_it_was_not_given() -> None:
    assert page(report(), {ITEMS[0]: picture(), ITEMS[1]: b"not a picture"}).text.count("no picture") == 2 * 2


@pytest.mark.parametrize("field", ["title", "encoder", "async_endpoint", "artifact_uri"])
def test_page_shows_hostile_text_as_text(field: str) -> None:
    parsed = page(report(**{field: HOSTILE}))
    assert HOSTILE in parsed.text
    assert "script" not in {tag for tag, _ in parsed.tags}


def test_page_shows_a_hostile_error_as_text() -> None:
    assert f"No answer: {HOSTILE}" in page(failed()).text


def test_page_shows_invocations_and_marks_the_failed_ones() -> None:
    records = [{"inference_id": "9c1e", "state": "failed", "failure_reason": "ModelError", "never_set": None}]
    parsed = page(report(invocations=records))
    assert "inference id state failure reason 9c1e failed ModelError" in parsed.text
    assert ("tr", {"class": "ill"}) in parsed.tags


def test_page_does_not_claim_that_nothing_is_left_where_nothing_was_torn_down() -> None:
    text = page(report(teardown=(), left=())).text
    assert "Is anything left? Not looked at" in text
    assert "nothing is left" not in text[text.index("Teardown") :]


def test_page_without_measurements_says_so() -> None:
    text = page(report(latencies=(), cost=None, cold_starts={}, invocations=[], answers=(), comparisons=())).text
    assert "the price table has no line for ml.m5.large in us-east-1" in text
    assert "Nothing was measured." in text
    assert "no pictures were compared" in text


def test_page_of_many_pictures_stays_small_and_counts_the_rest() -> None:
    pictures = [f"queries/{n}.jpg" for n in range(400)]
    many = report(
        [answer(each) for each in pictures],
        [no_answer(each) if n < 150 else answer(each) for n, each in enumerate(pictures)],
    )
    html = render_html(many, dict.fromkeys(pictures, picture()), ITEM_PICTURES)
    text = Page(html).text
    assert "50 more differ" in text
    assert "210 more agree" in text
    assert len(html) < 2_000_000


def test_page_draws_its_plot_in_the_colours_of_the_page() -> None:
    html = render_html(report(), {}, {})
    svg = html[html.index("<svg") : html.index("</svg>")]
    assert "var(--real-time)" in svg
    assert "var(--asynchronous)" in svg
    assert not re.search(r"(stroke|fill): ?#[0-9a-f]{6}", svg)
    assert len(svg) < 30_000


def test_page_is_the_same_for_the_same_report() -> None:
    assert render_html(report(), QUERY_PICTURES, ITEM_PICTURES) == render_html(report(), QUERY_PICTURES, ITEM_PICTURES)


def test_json_holds_the_answers_in_the_schema_of_the_endpoint() -> None:
    content = json.loads(render_json(report()))
    first = content["answers"][0]
    assert Response.from_dict(first["baseline"]["response"]) == answer().response
    assert first["asynchronous"]["latency_ms"] == 800.0


def test_json_holds_verdict_times_and_worked_out_costs() -> None:
    content = json.loads(render_json(failed()))
    assert content["verdict"]["passed"] is False
    assert content["started_at"] == "2026-11-22T03:00:00+00:00"
    assert content["cost"]["async_usd"] == pytest.approx(0.0575)
    assert content["cost"]["prices"]["dated"] == "2026-10-31"
    assert content["answers"][2]["asynchronous"]["error"] == HOSTILE
    assert content["left"] == ["endpoint stygig-async-1"]


def test_json_refuses_a_number_that_json_does_not_have() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        render_json(report(cold_starts={"stygig-async-1": float("nan")}))


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
    assert "| always on, 30 days | 2,592,000 | $82.80 |" in text
    assert "97.9 % less than $82.80" in text
    assert "- **left: endpoint stygig-async-1**" in text


def test_markdown_does_not_claim_that_nothing_is_left_where_nothing_was_torn_down() -> None:
    assert "Not looked at" in render_markdown(report(teardown=()))
    assert "\nNothing.\n" in render_markdown(report())


def test_table_has_a_row_per_picture_with_the_differing_ones_first() -> None:
    rows = table_rows(failed())
    assert [(row["picture"], row["agrees"]) for row in rows] == [
        ("queries/2.jpg", "NO"),
        ("queries/3.jpg", "NO"),
        ("queries/1.jpg", "yes"),
    ]
    assert rows[2]["top item"] == ITEMS[0]
    assert rows[1]["max score difference"] is None


def test_table_rounds_what_prefect_shows_raw() -> None:
    row = table_rows(report([answer(latency_ms=60.123456)], [answer(scores=(0.9 - 1e-4 / 3, 0.8, 0.7))]))[0]
    assert row["real-time ms"] == 60.1
    assert row["max score difference"] == 0.000033
    json.dumps(row, allow_nan=False)


def test_artifact_keys_are_ones_that_prefect_takes() -> None:
    assert all(re.fullmatch(r"[a-z0-9-]+", key) for key in (MARKDOWN_KEY, TABLE_KEY))


def test_files_are_written_whole_and_nothing_else_is(tmp_path: Path) -> None:
    files = write_report(report(), tmp_path, QUERY_PICTURES, ITEM_PICTURES)
    assert sorted(path.name for path in (tmp_path / "nightly-1").iterdir()) == [
        "report.html",
        "report.json",
        "report.md",
    ]
    assert files.markdown.read_text(encoding="utf-8") == render_markdown(report())
    assert json.loads(files.json.read_text(encoding="utf-8"))["run_id"] == "nightly-1"
    assert files.html.read_text(encoding="utf-8").endswith("</html>")
    assert files.html.stat().st_mode & 0o777 == 0o644


def test_a_report_written_again_replaces_the_first(tmp_path: Path) -> None:
    write_report(report(), tmp_path, {}, {})
    files = write_report(report(title="Second"), tmp_path, {}, {})
    assert "Second" in files.html.read_text(encoding="utf-8")
    assert json.loads(files.json.read_text(encoding="utf-8"))["title"] == "Second"


def test_a_report_that_can_not_be_rendered_leaves_the_old_files(tmp_path: Path) -> None:
    files = write_report(report(), tmp_path, {}, {})
    before = files.json.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="JSON compliant"):
        write_report(report(cold_starts={"a": float("inf")}), tmp_path, {}, {})
    assert files.json.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("run_id", ["", "..", "../elsewhere", "a/b", "/tmp"])
def test_a_run_id_names_a_folder_and_nothing_above_it(run_id: str) -> None:
    with pytest.raises(ValueError, match="run_id"):
        report(run_id=run_id)


@pytest.mark.parametrize(
    "time", [datetime(2026, 11, 22, 3, 0), datetime(2026, 11, 22, 3, 0, tzinfo=timezone(timedelta(hours=1)))]
)
def test_times_are_aware_and_in_utc(time: datetime) -> None:
    with pytest.raises(ValueError, match="UTC"):
        report(started_at=time)


def test_plots_are_drawn_without_pyplot_and_matplotlib_is_imported_only_for_them() -> None:
    program = (
        "import sys, tasks.report; assert 'matplotlib' not in sys.modules\n"
        "from tasks.plots import latency_plot; assert latency_plot({'real-time': []}) == ''\n"
        "assert 'matplotlib' not in sys.modules; assert latency_plot({'real-time': [1.0]}).startswith('<svg')\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_slower_nights_are_named_but_do_not_fail(tmp_path: Path) -> None:
    for day in range(1, 4):
        earlier = report(run_id=f"nightly-{day}", finished_at=STARTED + timedelta(days=day))
        write_report(earlier, tmp_path, {}, {})
    second = [answer("queries/1.jpg", 4000.0), answer("queries/2.jpg", 4000.0)]
    files = write_report(
        report(asynchronous=second, run_id="nightly-9", finished_at=STARTED + timedelta(days=9)), tmp_path, {}, {}
    )
    content: dict[str, Any] = json.loads(files.json.read_text(encoding="utf-8"))
    assert content["verdict"]["passed"] is True
    assert content["regressions"] == [
        "asynchronous end to end: median 4.00 s, 4.7 times the 850 ms of the last 3 nights"
    ]
    assert "Slower than usual. asynchronous end to end" in Page(files.html.read_text(encoding="utf-8")).text
    assert "**Slower:** asynchronous end to end" in files.markdown.read_text(encoding="utf-8")


def test_page_shows_the_nights_before() -> None:
    night = replace(report().night, run_id="nightly-0", finished_at=STARTED - timedelta(days=1), passed=False)
    text = page(report(history=(night,))).text
    assert "The last nights" in text
    assert "Sat 21 Nov" in text
    assert "The last nights" not in page(report()).text
