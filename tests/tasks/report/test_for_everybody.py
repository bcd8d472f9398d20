"""The report in a real browser: for screen readers and keyboards (axe-core), on a phone, enlarged, and on paper."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.exchange.json_content import JsonContent
from tasks.invoking.answer import Answer
from tasks.report.page import render_html
from tasks.verdict.judgement import Check
from tests.tasks.answers import answer, no_answer
from tests.tasks.reports import picture, report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="needs a Chromium on PATH: `apt-get install chromium`"),
]
QUERIES = {f"queries/{number}.jpg": picture() for number in range(1, 8)}
NAMES = list(QUERIES)
PASSED = report(
    [answer(name, 60.0) for name in NAMES], [answer(name, 900.0) for name in NAMES], reproduce=("stygig x",)
)
FAILED = report(
    [answer(name, 60.0) for name in NAMES],
    [answer(name, 900.0, scores=(0.9, 0.1)) if name == NAMES[0] else no_answer(name, "503: no") for name in NAMES],
    checks=[Check("nothing is left", False, "nothing", "endpoint stygig-async-1")],
    left=("endpoint stygig-async-1",),
)
BROKEN = report([], [], latencies=(), cold_starts=(), cost=None, invocations=[], teardown=(), omissions=("the plot",))
LONG = {"boxes": [{"label": "a-label-of-some-length", "box": [0.1, 0.25, 0.5, 0.75]} for _ in range(60)]}


def said(name: str, value: object) -> Answer:
    return Answer(name, JsonContent(value), None, 30.0)


OF_ANY_MODEL = report(
    [said(name, LONG) for name in NAMES],
    [said(name, LONG if name != NAMES[1] else LONG | {"boxes": []}) for name in NAMES],
    invocations=[{"request": name, "output_location": f"s3://bucket/{name}.out"} for name in NAMES],
    checks=[Check("a deliberate failure", None, "a request that must fail", "not asked")],
)
PAGES = {"pass": PASSED, "fail": FAILED, "broken": BROKEN, "of any model": OF_ANY_MODEL}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser: Any, folder: Path, of: str, width: int = 1280, **context: Any) -> Any:
    """The page in a window of that width, every detail open."""
    file = folder / "report.html"
    file.write_text(render_html(PAGES[of], QUERIES, {}), "utf-8")
    context = {"viewport": {"width": width, "height": 900}, "bypass_csp": True, **context}
    page = browser.new_context(**context).new_page()
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    return page


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("of", PAGES)
def test_axe_finds_nothing(browser: Any, tmp_path: Path, of: str, scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = opened(browser, tmp_path, of, width, color_scheme=scheme)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(("width", "zoom"), [(390, 1), (1280, 2)])
@pytest.mark.parametrize("of", PAGES)
def test_words_stay_whole_and_the_page_never_scrolls_sideways(
    browser: Any, tmp_path: Path, of: str, width: int, zoom: int
) -> None:
    page = opened(browser, tmp_path, of, width // zoom)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    narrow = page.evaluate(
        "[...document.querySelectorAll('td:first-child')].filter(each => each.innerText.trim().length > 3"
        " && each.clientWidth < 40).map(each => each.innerText)"
    )
    assert narrow == []


def test_the_plots_text_can_be_read_on_a_phone(browser: Any, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, "pass", 390)
    assert page.evaluate("document.querySelector('.plot svg').getBoundingClientRect().width") >= 600


def test_on_paper_nothing_is_hidden_and_colours_stay(browser: Any, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, "pass", color_scheme="dark")
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = false)")
    page.emulate_media(media="print", color_scheme="dark")
    hidden = "[...document.querySelectorAll('.picture')].filter(e => !e.checkVisibility({contentVisibilityAuto: 1}))"
    assert page.evaluate(f"{hidden}.length") == 0
    assert page.evaluate("getComputedStyle(document.querySelector('.track i')).printColorAdjust") == "exact"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for name in NAMES:
        assert name in page.inner_text("main")
    assert len(page.pdf(format="A4")) > 10_000


def test_colours_and_reasons_are_text(browser: Any, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, "pass")
    assert page.evaluate("document.querySelectorAll('[title]').length") == 0
    assert "Why these" in page.inner_text("main")


def test_an_answer_that_is_cut_has_a_link_to_its_object(browser: Any, tmp_path: Path) -> None:
    links = opened(browser, tmp_path, "of any model").locator("a[href*=console]")
    assert links.first.get_attribute("href").startswith(
        "https://s3.console.aws.amazon.com/s3/object/bucket?prefix=queries%2F"
    )
    assert links.first.inner_text().startswith("s3://bucket/queries/")
