"""CSV tables that people write, with the quirks that spreadsheets add."""

import csv
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import InputError


@dataclass(frozen=True)
class Table:
    """The header's columns in lower case, and each row that isn't blank with its line number."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]


def read_table(file: Path, *needed: str) -> Table:
    """The table in a CSV file, which must have the `needed` columns and may have others.

    Blank rows, spaces around values, capitals in the header and a BOM don't matter.
    """
    wanted = " and ".join(needed)
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:  # spreadsheets write a BOM first
            reader = csv.reader(opened)
            lines = [(reader.line_num, values) for row in reader if any(values := [value.strip() for value in row])]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise InputError(f"{file} is no CSV in UTF-8: {exc}. Save it as one, with the columns {wanted}.") from exc
    header = [name.lower() for name in lines[0][1]] if lines else []
    named = [name for name in header if name]
    if not set(needed) <= set(named) or len(set(named)) < len(named):
        raise InputError(
            f"{file} needs a header with the columns {wanted}, each once; it has {', '.join(named) or 'none'}."
        )
    rows = tuple((line, _row(file, line, header, values)) for line, values in lines[1:])
    if not rows:
        raise InputError(f"{file} names no pictures: it has no row below its header.")
    return Table(tuple(named), rows)


def _row(file: Path, line: int, header: list[str], values: list[str]) -> dict[str, str]:
    if any(values[len(header) :]):
        raise InputError(f"{file}, line {line}: more values than columns.")
    values += [""] * (len(header) - len(values))
    return dict(zip(header, values, strict=False))
