"""The items of a catalogue: lines of items.jsonl, and columns beside it with the values that search and scores need.

Checking a line takes 15 µs, so opening a catalogue of 100,000 items would take seconds. Lines are therefore checked
when they are written, and only read when an answer needs them.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recommender.attributes import CATEGORIES, GENDERS, group_of
from recommender.catalogue.mapped import must_exist
from recommender.colours.dominant import MAX_COLOURS, dominant_colours
from recommender.errors import ArtifactError, SchemaError, shown
from recommender.fields import Fields
from recommender.schema import Colour

COLUMNS = np.dtype(
    [
        ("line", "<u8"),  # where the item's line begins in items.jsonl
        ("order", "<u4"),  # the place of its id among all ids
        ("palette", "<f4", (MAX_COLOURS, 6)),  # Palettes.table; colours it lacks have a share of 0
    ]
)


class ItemKind(NamedTuple):
    """A category for a gender; each kind can be searched by itself."""

    category: str
    gender: str


# unisex in the middle, so that the rows for women are one run, and those for men another
ITEM_KINDS = tuple(ItemKind(*pair) for pair in itertools.product(CATEGORIES, ("male", "unisex", "female")))


@dataclass(frozen=True, slots=True)
class Item:
    """One garment of the catalogue; `item_id` is its path below the catalogue's root, so it is unique."""

    item_id: str
    path: str
    group: str
    category: str
    gender: str
    colours: tuple[Colour, ...]

    @classmethod
    def from_json(cls, line: str | bytes) -> Item:
        """The item in a line of items.jsonl, or SchemaError."""
        try:
            fields = Fields.of(json.loads(line), "item")
        except ValueError as error:
            raise SchemaError(f"item isn't JSON ({error}): {shown(line)}") from error
        fields.only(*cls.__slots__)
        category = fields.one_of("category", CATEGORIES)
        colours = tuple(Colour.from_fields(each) for each in fields.each_nested("colours"))
        if not 0 < len(colours) <= MAX_COLOURS or sum(each.share for each in colours) <= 0:
            raise SchemaError(f"item {shown(line)} must have one to {MAX_COLOURS} colours, with shares.")
        return cls(
            item_id=fields.text("item_id"),
            path=fields.text("path"),
            group=fields.one_of("group", (group_of(category),)),
            category=category,
            gender=fields.one_of("gender", GENDERS),
            colours=colours,
        )

    @classmethod
    def written(cls, line: bytes) -> Item:
        """The item in a line that to_json wrote, without a check, which would take three times as long."""
        values = json.loads(line)
        colours = (Colour(tuple(c["rgb"]), tuple(c["lab"]), c["share"], c["name"]) for c in values.pop("colours"))
        return cls(**values, colours=tuple(colours))

    def to_json(self) -> str:
        """The item's line of items.jsonl, without the line break; the same bytes for the same item."""
        values = {name: getattr(self, name) for name in self.__slots__}
        values["colours"] = [each.to_dict() for each in self.colours]
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))

    @property
    def kind(self) -> ItemKind:
        """The category and gender under which the item is found."""
        return ItemKind(self.category, self.gender)


def describe_item(image: Image.Image, item_id: str, category: str, gender: str) -> Item:
    """The item for a picture; its colours are found exactly as a query's are."""
    return Item(item_id, item_id, group_of(category), category, gender, dominant_colours(image))


class Items:
    """The items of items.jsonl by row, read from the mapped file when needed."""

    def __init__(self, path: Path, lines: NDArray[np.uint64]) -> None:
        must_exist(path)
        if path.stat().st_size <= int(lines[-1]):
            raise ArtifactError(f"{path} ends before its last item; package the catalogue again.")
        self._path = path
        self._lines = lines
        self._text = np.asarray(np.memmap(path, np.uint8, "r"))

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, row: int) -> Item:
        try:
            return Item.written(self._line(row))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise self._damaged(row, error) from error

    def checked(self, row: int) -> Item:
        """The item, checked; ArtifactError if it is damaged."""
        try:
            return Item.from_json(self._line(row))
        except SchemaError as error:
            raise self._damaged(row, error) from error

    def _line(self, row: int) -> bytes:
        start = int(self._lines[row])
        end = int(self._lines[row + 1]) if row + 1 < len(self._lines) else len(self._text)
        return self._text[start:end].tobytes()

    def _damaged(self, row: int, error: Exception) -> ArtifactError:
        return ArtifactError(f"{self._path}, line {row + 1}: {error}; package the catalogue again.")

    def __iter__(self) -> Iterator[Item]:
        return (self[row] for row in range(len(self)))


class Blocks:
    """The rows of each kind; all rows are sorted by kind, in the order of ITEM_KINDS."""

    def __init__(self, counts: Mapping[ItemKind, int]) -> None:
        self._ends = np.cumsum([counts.get(kind, 0) for kind in ITEM_KINDS])
        self._starts = dict(zip(ITEM_KINDS, [0, *self._ends[:-1].tolist()], strict=True))
        self._stops = dict(zip(ITEM_KINDS, self._ends.tolist(), strict=True))
        self.categories = frozenset(kind.category for kind in ITEM_KINDS if counts.get(kind, 0))

    @classmethod
    def from_fields(cls, fields: Fields) -> Blocks:
        """The blocks in `fields`: counts by category and gender."""
        return cls({kind: fields.nested(kind.category).whole(kind.gender, at_least=0) for kind in ITEM_KINDS})

    def __len__(self) -> int:
        return int(self._ends[-1])

    def rows(self, category: str, welcome: tuple[str, ...] = GENDERS) -> slice:
        """The rows of a category for these genders, which must be neighbours in ITEM_KINDS."""
        first, last = _run_of_kinds(category, welcome)
        return slice(self._starts[first], self._stops[last])

    def holds(self, kind: ItemKind, row: int) -> bool:
        """True if the row is of this kind."""
        return bool(self._starts[kind] <= row < self._stops[kind])

    def kinds_at(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """The kind of each row, as an index into ITEM_KINDS."""
        return np.searchsorted(self._ends, rows, side="right")


@cache
def _run_of_kinds(category: str, welcome: tuple[str, ...]) -> tuple[ItemKind, ItemKind]:
    kinds = [kind for kind in ITEM_KINDS if kind.category == category and kind.gender in welcome]
    return kinds[0], kinds[-1]
