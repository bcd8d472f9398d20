import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tasks.report.markdown import render_markdown
from tasks.report.page import render_html
from tasks.report.report import Report
from tasks.report.writing import MARKDOWN_KEY, TABLE_KEY, write_report
from tasks.verdict.judgement import Check
from tests.tasks.answers import ITEMS, answer, no_answer
from tests.tasks.pages import Page
from tests.tasks.reports import HOSTILE, STARTED, failed, picture, report, with_an_empty_pair

QUERY_PICTURES = {"queries/1.jpg": picture(), "queries/2.jpg": picture(400, 300)}
ITEM_PICTURES = dict.fromkeys(ITEMS, picture())


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
    marked = [attributes.get("data-item") for _, attributes in parsed.tags if attributes.get("class") == "tile differs"]
    assert [item for item in marked if item] == [ITEMS[0], ITEMS[1], ITEMS[1], ITEMS[0]]


def test_page_shows_the_worst_pictures_first() -> None:
    slight, missing, large = "queries/a.jpg", "queries/b.jpg", "queries/c.jpg"
    baseline = [answer(slight), answer(missing), answer(large)]
    asynchronous = [answer(slight, scores=(0.89, 0.8, 0.7)), no_answer(missing), answer(large, scores=(0.9, 0.8, 0.1))]
    text = page(report(baseline, asynchronous)).text
    text = text[text.index("Pictures answered differently") :]
    assert text.index(missing) < text.index(large) < text.index(slight)


def test_page_shows_pictures_without_recommendations_apart_from_those_that_differ() -> None:
    text = page(with_an_empty_pair()).text
    assert "The same answers? 1 of 3 1 picture answered differently, 1 picture without any recommendation" in text
    assert "Pictures answered differently 1 of 3" in text
    assert "Pictures without any recommendation 1 of 3" in text
    assert "Pictures answered the same 1 of 3" in text


def test_a_page_of_empty_answers_says_so() -> None:
    assert "0 of 1 1 picture without any recommendation" in page(report([answer(items=())], [answer(items=())])).text


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
    text = page(report(latencies=(), cost=None, cold_starts=(), invocations=[], answers=(), comparisons=())).text
    assert "the price table has no line for ml.m5.large in us-east-1" in text
    assert "Nothing was measured." in text
    assert "no requests were compared" in text


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


def test_artifact_keys_are_ones_that_prefect_takes() -> None:
    assert all(re.fullmatch(r"[a-z0-9-]+", key) for key in (MARKDOWN_KEY, TABLE_KEY))


def test_files_are_written_whole_and_nothing_else_is(tmp_path: Path) -> None:
    files = write_report(report(), tmp_path, QUERY_PICTURES, ITEM_PICTURES)
    assert sorted(path.name for path in (tmp_path / "nightly-1").iterdir()) == [
        "junit.xml",
        "report.html",
        "report.json",
        "report.md",
    ]
    assert files.markdown.read_text(encoding="utf-8") == render_markdown(report())
    assert json.loads(files.json.read_text(encoding="utf-8"))["run_id"] == "nightly-1"
    assert files.html.read_text(encoding="utf-8").endswith("</html>")


def test_a_report_written_again_replaces_the_first(tmp_path: Path) -> None:
    write_report(report(), tmp_path, {}, {})
    files = write_report(report(title="Second"), tmp_path, {}, {})
    assert "Second" in files.html.read_text(encoding="utf-8")
    assert json.loads(files.json.read_text(encoding="utf-8"))["title"] == "Second"


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
        "import sys, tasks.report.report; assert 'matplotlib' not in sys.modules\n"
        "from tasks.report.plots import latency_plot; assert latency_plot({'real-time': []}) == ''\n"
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
