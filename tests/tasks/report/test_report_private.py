"""Only its user can read a report, and names from outside are shown as text everywhere."""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client

from tasks.report.folder import check_reports
from tasks.report.history import HISTORY_FILE
from tasks.report.report import Report
from tasks.report.writing import MARKDOWN_KEY, TABLE_KEY, ReportFiles, publish_report_task, write_report
from tasks.verdict.judgement import Check
from tests.tasks.answers import answer, no_answer
from tests.tasks.pages import Page
from tests.tasks.reports import picture, report
from tests.tasks.test_plain_text import shown

LINK = "![x](http://evil.example)"
TERMINAL = "red\x1b[31m\nline.jpg"
BACKWARDS = "gpj.\u202efdp"
NOT_UTF8 = b"\xff`code`.jpg".decode("utf-8", "surrogateescape")
ITEM = "footwear/shoes/<b>|\x07![x](evil).png"
NAMES = (LINK, TERMINAL, BACKWARDS, NOT_UTF8)
SEEN = (LINK, "red\\x1b[31m\\nline.jpg", "gpj.\\u202efdp", "\\udcff`code`.jpg")
ERROR = "500: \x1b]0;owned\x07 <img src=x> ![e](http://evil.example/e)"


def hostile() -> Report:
    """Two pictures that agree, one that was not answered, one without recommendations; a check that failed."""
    agreeing = [answer(LINK, items=(ITEM,)), answer(TERMINAL)]
    baseline = [*agreeing, answer(BACKWARDS), answer(NOT_UTF8, items=())]
    asynchronous = [*agreeing, no_answer(BACKWARDS, ERROR), answer(NOT_UTF8, items=())]
    check = Check("odd\u2028name", False, "x\x00", ERROR)
    return report(
        baseline,
        asynchronous,
        [check],
        left=(ERROR,),
        teardown=(f"removed {LINK}", "removed \x1b[2J"),
        reproduce=(f"stygig nightly --pictures '```\n{LINK}'",),
        omissions=(f"the cost: left out, {ERROR}",),
        invocations=[{"picture": name, "state": "failed", "failure_reason": ERROR} for name in NAMES],
        settings={"STYGIG_OWNER": TERMINAL},
    )


@pytest.fixture
def loose_umask() -> Iterator[None]:
    before = os.umask(0o002)
    yield
    os.umask(before)


@pytest.mark.usefixtures("loose_umask")
def test_files_folders_and_history_are_for_their_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "reports"
    check_reports(folder)
    files = write_report(report(), folder, {}, {})
    for made in (files.json, files.html, files.markdown, folder / HISTORY_FILE):
        assert made.stat().st_mode & 0o777 == 0o600, made
    for made in (folder, files.json.parent):
        assert made.stat().st_mode & 0o777 == 0o700, made


@pytest.mark.usefixtures("loose_umask")
def test_a_report_written_again_is_private_even_where_the_first_was_not(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    (folder / "nightly-1").mkdir(parents=True)
    (folder / "nightly-1" / "report.html").write_text("old")
    files = write_report(report(), folder, {}, {})
    assert files.html.stat().st_mode & 0o777 == 0o600
    assert files.html.parent.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_mode & 0o777 == 0o775, "a folder that was there is left as its user made it"


def printable(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def test_the_page_shows_hostile_names_as_text_and_what_can_not_be_seen_escaped(tmp_path: Path) -> None:
    html = write_report(hostile(), tmp_path, {LINK: picture()}, {}).html.read_text(encoding="utf-8")
    assert printable(html)
    page = Page(html)
    assert page.open == []
    assert not {"script", "img", "a"} & {tag for tag, _ in page.tags}
    for seen in (*SEEN, "footwear/shoes/<b>|\\x07![x](evil).png", "500: \\x1b]0;owned\\x07 <img src=x>"):
        assert seen in html_text(page)
    assert "Left out. the cost: left out, 500: \\x1b]0;owned" in page.text


def html_text(page: Page) -> str:
    return " ".join([page.text, *(str(attributes.get("title")) for _, attributes in page.tags)])


def test_the_markdown_shows_hostile_names_as_text(tmp_path: Path) -> None:
    markdown = write_report(hostile(), tmp_path, {}, {}).markdown.read_text(encoding="utf-8")
    assert printable(markdown)
    assert_harmless(markdown)


def assert_harmless(markdown: str) -> None:
    read = shown(markdown)
    assert not {"img", "a", "em", "script"} & read.tags
    for seen in (
        "gpj.\\u202efdp",
        "\\udcff`code`.jpg",
        "500: \\x1b]0;owned\\x07 <img src=x> ![e](http://evil.example/e)",
    ):
        assert seen in read.words
    assert f"removed {LINK}" in read.words
    assert f"stygig nightly --pictures '```\\n{LINK}'" in read.words


def test_the_json_keeps_every_name_as_it_was(tmp_path: Path) -> None:
    content = json.loads(write_report(hostile(), tmp_path, {}, {}).json.read_text(encoding="ascii"))
    assert [each["request"] for each in content["answers"]] == list(NAMES)
    assert content["answers"][2]["asynchronous"]["error"] == ERROR


def published(of: Report, files: ReportFiles) -> tuple[Any, Any]:
    """The markdown and the table that Prefect keeps."""

    @flow
    def publish() -> None:
        publish_report_task(of, files)

    publish()
    with get_client(sync_client=True) as client:
        kept = {artifact.key: artifact.data for artifact in client.read_latest_artifacts()}
    return kept[MARKDOWN_KEY], kept[TABLE_KEY]


@pytest.mark.usefixtures("prefect_backend")
def test_the_artifacts_show_hostile_names_as_text(tmp_path: Path) -> None:
    files = ReportFiles(
        *(tmp_path / f"{LINK}\x1b" / name for name in ("report.json", "report.html", "report.md", "junit.xml"))
    )
    markdown, table = published(hostile(), files)
    body, _, plot = markdown.partition("\n![latency](data:image/svg+xml;base64,")
    assert_harmless(body)
    drawn, _, rest = plot.partition(")")
    assert base64.b64decode(drawn).startswith(b"<svg")
    assert shown(rest).tags <= {"p", "hr", "code"}
    assert printable(markdown)
    rows = json.loads(table) if isinstance(table, str) else table
    assert sorted(row["picture"] for row in rows) == sorted(SEEN)
    assert all(str(value).isprintable() for row in rows for value in row.values())


@pytest.mark.usefixtures("prefect_backend")
def test_the_artifact_has_queue_model_and_total_time_of_both_sides_and_the_machine(tmp_path: Path) -> None:
    files = write_report(report(), tmp_path, {}, {})
    markdown, _ = published(report(), files)
    for phase in ("real-time | round trip", "asynchronous | end to end"):
        assert f"| {phase} | 2 |" in markdown
    assert "| client machine | Linux-6.1; EPYC 7, 8 logical cores, 16.0 GiB memory |" in markdown
