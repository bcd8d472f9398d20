"""docs/acceptance.md: the rows as a table."""

from itertools import groupby

from tests.acceptance.rows import REPOSITORY, Row, Rows, holds, lacks

PAGE = REPOSITORY / "docs" / "acceptance.md"
HEAD = """\
# What is claimed, and what shows it
Every claim is a row; a row holds only through the tests it names. `make acceptance` runs exactly those and writes this
page from `tests/acceptance/rows.yaml`, unless one of them did not pass: skipped counts as not passed. What there is
not yet is looked for by `tests/acceptance/test_not_yet.py`, which fails once it is there.

"""


def page(rows: Rows) -> str:
    """The whole page."""
    count = sum(holds(row, rows) for row in rows.values())
    lines = [f"{count} of {len(rows)} rows hold.", "", "| row | claim | | shown by |", "|---|---|---|---|"]
    return HEAD + "\n".join([*lines, *(_line(row, rows) for row in rows.values())]) + "\n"


def _line(row: Row, rows: Rows) -> str:
    missing = lacks(row, rows)
    state = f"not yet: {missing}" if missing else "holds"
    return f"| {row.row} | {_cell(row.claim)} | {_cell(state)} | {_tests(row)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", r"\|").split())


def _tests(row: Row) -> str:
    """The tests by file, each file a link."""
    parts = [", ".join(row.shown_by)] if row.shown_by else []
    split = sorted(test.split("::") for test in row.tests)
    for path, tests in groupby(split, key=lambda each: each[0]):
        names = ", ".join(f"`{name}`" for _, name in tests)
        parts.append(f"[{path.removeprefix('tests/')}](../{path}): {names}")
    return "<br>".join(parts)
