"""The rows of rows.yaml: what the project claims, and the tests that show it."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

ROWS = Path(__file__).with_name("rows.yaml")
REPOSITORY = ROWS.parents[2]


class Row(BaseModel):
    """One claim. It holds unless it says what is missing, or leans on a row that doesn't hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: str
    claim: str
    tests: tuple[str, ...] = ()
    """Whole test functions as `tests/FILE.py::test_name`: every case of each must pass."""
    shown_by: tuple[str, ...] = ()
    """Rows that show this one too."""
    missing: str = ""
    """The thing that there is not yet; test_not_yet.py looks for it."""


Rows = Mapping[str, Row]


def read_rows(path: Path = ROWS) -> Rows:
    """The rows by name, in their order; ValueError if one could not be shown by anything."""
    listed = [Row.model_validate(each) for each in yaml.safe_load(path.read_text("utf-8"))]
    rows = {each.row: each for each in listed}
    if [each.row for each in listed] != [f"S{number}" for number in range(1, len(listed) + 1)]:
        raise ValueError(f"{path.name}: the rows must be S1, S2, … without a gap, each once")
    for row in listed:
        if not (row.tests or row.shown_by or row.missing):
            raise ValueError(f"{row.row} names neither tests nor what is missing")
        for other in row.shown_by:
            if other not in rows or rows[other].shown_by:
                raise ValueError(f"{row.row} is shown by {other}, which is no row with tests of its own")
    return rows


def holds(row: Row, rows: Rows) -> bool:
    return not lacks(row, rows)


def lacks(row: Row, rows: Rows) -> str:
    """The missing things; an empty string if the row holds."""
    others = [f"{name}: {rows[name].missing}" for name in row.shown_by if rows[name].missing]
    return "; ".join([row.missing, *others] if row.missing else others)


def shown_through(row: Row, rows: Rows) -> tuple[str, ...]:
    """The row's own tests and those of the rows that show it too, each once."""
    return tuple(dict.fromkeys([*row.tests, *(test for name in row.shown_by for test in rows[name].tests)]))
