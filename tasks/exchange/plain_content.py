"""Tables, texts and bytes: CSV cell by cell, text line by line, anything else by its hash."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import Self

from tasks.exchange.content import Content, Shown, UnreadableAnswerError, excerpt, shortened
from tasks.exchange.difference import Difference
from tasks.exchange.tolerance import Tolerance, apart

NUMBER = re.compile(r"-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]{1,9})?|nan|-?inf(inity)?", re.IGNORECASE)
LARGEST_EXPONENT = 400
"""Numbers beyond it, which no float holds, are compared as texts."""
ENCODINGS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
NOTHING = "nothing"
MOST_DIGITS = 4_300
"""A longer cell is a text; Python itself reads no longer integers."""
LONGEST_CELL = 1 << 30


def text_of(body: bytes, charset: str = "") -> str:
    """The text of a body: by its byte order mark, by the charset of its content type, or else as UTF-8."""
    marked = next((encoding for mark, encoding in ENCODINGS.items() if body.startswith(mark)), "")
    encoding = marked or charset or "utf-8"
    try:
        return body.decode(encoding)
    except (ValueError, LookupError) as exc:  # the charset itself may be no name at all
        raise UnreadableAnswerError(
            f"no text in {encoding}: {exc}. A content type may name another, as in text/csv; charset=latin-1"
        ) from exc


@dataclass(frozen=True)
class TextContent(Content):
    """A text."""

    text: str

    @classmethod
    def read(cls, body: bytes, charset: str = "") -> TextContent:
        return cls(text_of(body, charset))

    def each_difference(self, other: Self, tolerance: Tolerance) -> Iterator[Difference]:
        pairs = zip_longest(_lines(self.text), _lines(other.text), fillvalue=None)
        for number, (one, another) in enumerate(pairs, start=1):
            if one != another:
                yield Difference(None, f"line {number}", _told(one), _told(another), place=(number,))

    @property
    def proves_nothing(self) -> bool:
        return not self.text.strip()

    @property
    def shown(self) -> Shown:
        return excerpt(self.text)

    def to_json(self) -> object:
        return self.text


@dataclass(frozen=True)
class TableContent(TextContent):
    """The rows of a CSV."""

    rows: Sequence[Sequence[str]]

    @classmethod
    def read(cls, body: bytes, charset: str = "") -> TableContent:
        text = text_of(body, charset)
        try:
            csv.field_size_limit(LONGEST_CELL)  # of the whole process; by default 131,072, less than an embedding's
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
        except csv.Error as exc:
            raise UnreadableAnswerError(f"no CSV: {exc}") from exc
        return cls(text, rows)

    def each_difference(self, other: Self, tolerance: Tolerance) -> Iterator[Difference]:
        if len(self.rows) != len(other.rows):
            yield Difference(None, "number of rows", str(len(self.rows)), str(len(other.rows)), length=True)
        for number, (one, another) in enumerate(zip(self.rows, other.rows, strict=False), start=1):
            for column, (first, second) in enumerate(zip_longest(one, another, fillvalue=None), start=1):
                if difference := _cell(number, column, first, second, tolerance):
                    yield difference

    def largest_difference(self, other: Self, tolerance: Tolerance) -> float | None:
        rows = zip(self.rows, other.rows, strict=False)
        cells = ((_number(a), _number(b)) for one, another in rows for a, b in zip(one, another, strict=False))
        sizes = (apart(first, second) for first, second in cells if first is not None and second is not None)
        return max((size for size in sizes if math.isfinite(size)), default=None)

    @property
    def proves_nothing(self) -> bool:
        return not self.rows


@dataclass(frozen=True)
class BytesContent(Content):
    """Bytes of no known kind."""

    body: bytes

    @classmethod
    def read(cls, body: bytes) -> BytesContent:
        return cls(body)

    def each_difference(self, other: BytesContent, tolerance: Tolerance) -> Iterator[Difference]:
        if self.body != other.body:
            yield Difference(None, "bytes", self._told, other._told)

    @property
    def proves_nothing(self) -> bool:
        return not self.body

    @property
    def _told(self) -> str:
        return f"{len(self.body):,} bytes, sha256 {hashlib.sha256(self.body).hexdigest()[:16]}…"

    @property
    def shown(self) -> Shown:
        return Shown(self._told)

    def to_json(self) -> object:
        return {"bytes": len(self.body), "sha256": hashlib.sha256(self.body).hexdigest()}


def _lines(text: str) -> list[str]:
    """The lines; where they end by line feeds or by Windows' pairs doesn't matter, other breaks are text."""
    return text.replace("\r\n", "\n").split("\n")


def _cell(row: int, column: int, first: str | None, second: str | None, tolerance: Tolerance) -> Difference | None:
    if first == second:
        return None
    one, another = _number(first), _number(second)
    where = f"row {row}, column {column}"
    place = (row, str(column))  # a column is a name: cells of one column are alike, those of one row are not
    if one is None or another is None:
        return Difference(None, where, _told(first), _told(second), place=place)
    if tolerance.covers(one, another):
        return None
    return Difference(None, where, _told(first), _told(second), apart(one, another), place)


def _number(cell: str | None) -> Decimal | None:
    """The cell's number, exactly; None for a text, as for one with leading zeros or a plus, which names something."""
    if cell is None or len(cell) > MOST_DIGITS or not NUMBER.fullmatch(cell.strip()):
        return None
    number = Decimal(cell.strip())
    return None if number.is_finite() and abs(number.adjusted()) > LARGEST_EXPONENT else number


def _told(text: str | None) -> str:
    return NOTHING if text is None else shortened(repr(text))
