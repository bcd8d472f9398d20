"""Runs every linked test, and writes docs/acceptance.md if all that it would claim has passed.

    python -m tests.acceptance [--report JUNIT.XML] [pytest's arguments, for example -n 2]

--report takes the junitxml of a run that is over, of the whole suite for example, instead of running anything.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import pytest

from tests.acceptance.junit import Outcomes, not_passed, read_outcomes
from tests.acceptance.page import PAGE, page
from tests.acceptance.rows import REPOSITORY, Rows, holds, read_rows, shown_through

PROBES = "tests/acceptance/test_not_yet.py"


def run(rows: Rows, arguments: list[str]) -> Outcomes:
    """The outcomes of the linked tests, and of the search for what is missing."""
    linked = dict.fromkeys(test for row in rows.values() for test in shown_through(row, rows))
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        pytest.main([*arguments, f"--junitxml={report}", f"--rootdir={REPOSITORY}", PROBES, *linked])
        return read_outcomes(report) if report.is_file() else {}


def faults(rows: Rows, outcomes: Outcomes) -> list[str]:
    """The faults that keep the page from being written: tests that did not pass, and missing things that are there."""
    wrong = [
        f"{name} would hold, but {fault}"
        for name, row in rows.items()
        if holds(row, rows)
        for fault in not_passed(shown_through(row, rows), outcomes)
    ]
    found = [test for test, how in outcomes.items() if test.startswith(PROBES) and how - {"xfail", "passed"}]
    return wrong + [f"{test} failed: what a row says is missing may be there" for test in found]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance")
    parser.add_argument("--report", type=Path, help="junitxml of a run that is over")
    known, others = parser.parse_known_args(arguments)
    rows = read_rows()
    wrong = faults(rows, read_outcomes(known.report) if known.report else run(rows, others))
    if wrong:
        print(*wrong, f"{PAGE.name} stays as it was.", sep="\n", file=sys.stderr)  # noqa: T201 - it is a program
        return 1
    PAGE.write_text(page(rows), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
