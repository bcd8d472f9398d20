"""The table says no more than what ran: each way in which a row could claim too much is refused."""

from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from tests.acceptance.__main__ import PROBES, faults
from tests.acceptance.junit import not_passed, read_outcomes
from tests.acceptance.linked_tests import fault_of_link
from tests.acceptance.page import PAGE, page
from tests.acceptance.rows import REPOSITORY, Row, holds, lacks, read_rows, shown_through
from tests.acceptance.test_not_yet import SOUGHT

ROWS = read_rows()
LINKED = """
import pytest
from somewhere import ON_WINDOWS
def test_plain(): ...
@pytest.mark.parametrize("x", [1, 2])
@pytest.mark.skipif(ON_WINDOWS, reason="no")
def test_where_it_can(x):
    if x: pytest.skip("sometimes")
@pytest.mark.skip(reason="later")
def test_skipped(): ...
@pytest.mark.xfail
def test_fails(): ...
@pytest.mark.skipif(True, reason="always")
def test_never(): ...
def test_gives_up():
    pytest.skip("later")
def helper(): ...
class TestGroup:
    def test_inside(self): ...
"""
RULES = "- {row: S1, claim: a, tests: [t]}\n"


def test_every_claim_is_a_row_from_s1_to_s80() -> None:
    assert list(ROWS) == [f"S{number}" for number in range(1, 81)]
    assert all(row.claim for row in ROWS.values())


@pytest.mark.parametrize("name", ROWS)
def test_each_test_that_a_row_names_is_there_and_runs(name: str) -> None:
    assert [fault for test in ROWS[name].tests if (fault := fault_of_link(test, REPOSITORY))] == []


def test_the_page_is_the_one_that_the_rows_make() -> None:
    assert PAGE.read_text("utf-8") == page(ROWS), "make acceptance"


def test_what_is_missing_is_looked_for_row_by_row() -> None:
    assert {name for name, row in ROWS.items() if row.missing} == set(SOUGHT)


@pytest.mark.parametrize("test", ["test_plain", "test_where_it_can"])
def test_a_test_that_runs_where_it_can_may_be_linked(tmp_path: Path, test: str) -> None:
    (tmp_path / "test_it.py").write_text(LINKED)
    assert fault_of_link(f"test_it.py::{test}", tmp_path) == ""


@pytest.mark.parametrize(
    ("test", "fault"),
    [
        ("test_it.py::test_absent", "has no test 'test_absent'"),
        ("test_it.py::test_inside", "has no test 'test_inside'"),
        ("test_it.py::test_where_it_can[1]", "whole test functions"),
        ("test_it.py::helper", "has no test 'helper'"),
        ("test_it.py", "has no test ''"),
        ("test_other.py::test_plain", "there is no file test_other.py"),
        ("test_it.py::test_skipped", "is left out by pytest.mark.skip(reason='later')"),
        ("test_it.py::test_fails", "is left out by pytest.mark.xfail"),
        ("test_it.py::test_never", "is left out by pytest.mark.skipif(True, reason='always')"),
        ("test_it.py::test_gives_up", "is left out by pytest.skip('later')"),
    ],
)
def test_a_link_that_shows_nothing_is_found(tmp_path: Path, test: str, fault: str) -> None:
    (tmp_path / "test_it.py").write_text(LINKED)
    assert fault in fault_of_link(test, tmp_path)


@pytest.mark.parametrize("marks", ["pytest.mark.skip", "[pytest.mark.slow, pytest.mark.xfail(strict=True)]"])
def test_a_file_that_is_left_out_whole_shows_nothing(tmp_path: Path, marks: str) -> None:
    (tmp_path / "test_it.py").write_text(f"pytestmark = {marks}\ndef test_plain(): ...\n")
    assert "is left out by" in fault_of_link("test_it.py::test_plain", tmp_path)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- {row: S2, claim: a, tests: [t]}", "without a gap"),
        (RULES + RULES, "without a gap"),
        ("- {row: S1, claim: a}", "S1 names neither tests nor what is missing"),
        (RULES + "- {row: S2, claim: b, shown_by: [S9]}", "S2 is shown by S9"),
        ("- {row: S1, claim: a, shown_by: [S1]}", "S1 is shown by S1"),
        ("- {row: S1, claim: a, tests: [t], holds: true}", "holds"),
    ],
)
def test_rows_that_could_not_be_shown_are_refused(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "rows.yaml").write_text(text)
    with pytest.raises(ValueError, match=fault):
        read_rows(tmp_path / "rows.yaml")


def test_a_row_does_not_hold_while_one_that_shows_it_lacks_something() -> None:
    rows = {
        "S1": Row(row="S1", claim="a", tests=("t.py::test_a",), missing="the half of it"),
        "S2": Row(row="S2", claim="b", tests=("t.py::test_b",), shown_by=("S1",)),
    }
    assert not holds(rows["S2"], rows)
    assert lacks(rows["S2"], rows) == "S1: the half of it"
    assert shown_through(rows["S2"], rows) == ("t.py::test_b", "t.py::test_a")
    assert "| S2 | b | not yet: S1: the half of it | S1<br>[t.py](../t.py): `test_b` |" in page(rows)
    assert "0 of 2 rows hold." in page(rows)


def report(folder: Path, *cases: tuple[str, str]) -> Path:
    """A junitxml with these cases of tests/t.py: name and what happened."""
    told = "".join(
        f"<testcase classname='tests.t' name={quoteattr(name)}>{happened}</testcase>" for name, happened in cases
    )
    file = folder / "report.xml"
    file.write_text(f"<testsuites><testsuite>{told}</testsuite></testsuites>")
    return file


@pytest.mark.parametrize(
    ("happened", "said"),
    [
        ("<failure/>", "failed"),
        ("<error/>", "error"),
        ("<skipped type='pytest.skip'/>", "skipped"),
        ("<skipped type='pytest.xfail'/>", "xfail"),
    ],
)
def test_a_row_is_not_claimed_if_one_case_of_its_tests_did_not_pass(tmp_path: Path, happened: str, said: str) -> None:
    rows = {"S1": Row(row="S1", claim="a", tests=("tests/t.py::test_a",))}
    good = read_outcomes(report(tmp_path, ("test_a[1]", ""), ("test_a[2]", "")))
    assert faults(rows, good) == []
    bad = read_outcomes(report(tmp_path, ("test_a[1]", ""), ("test_a[2-a.b]", happened)))
    assert faults(rows, bad) == [f"S1 would hold, but tests/t.py::test_a: {said}"]


def test_a_test_that_did_not_run_shows_nothing(tmp_path: Path) -> None:
    outcomes = read_outcomes(report(tmp_path, ("test_a", "")))
    assert not_passed(["tests/t.py::test_b"], outcomes) == ["tests/t.py::test_b: not run"]


def test_a_missing_thing_that_is_found_stops_the_page(tmp_path: Path) -> None:
    rows = {"S1": Row(row="S1", claim="a", missing="all of it")}
    probe = f"{PROBES}::test_it_is_there"
    assert faults(rows, {probe: frozenset({"xfail"})}) == []
    assert faults(rows, {probe: frozenset({"failed"})}) == [f"{probe} failed: what a row says is missing may be there"]
