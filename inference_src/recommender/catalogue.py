"""The catalogue of an artifact: items, their unit embeddings (mapped, not read), and the text embeddings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recommender.attributes import CATEGORIES, GENDERS, group_of
from recommender.colour import dominant_colours
from recommender.errors import ArtifactError, SchemaError, shown
from recommender.fields import Fields
from recommender.harmony import Palettes
from recommender.schema import Colour

CHECKED_ROWS = 1000  # a sample: reading every row would pull the mapped file into memory at start
UNIT_TOLERANCE = 1e-3

_Rows = NDArray[np.float32]


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
    def from_json(cls, line: str) -> Item:
        """The item in a line of items.jsonl, or SchemaError."""
        try:
            fields = Fields.of(json.loads(line), "item")
        except ValueError as error:
            raise SchemaError(f"item isn't JSON ({error}): {shown(line)}") from error
        fields.only(*cls.__slots__)
        category = fields.one_of("category", CATEGORIES)
        colours = tuple(Colour.from_fields(each) for each in fields.each_nested("colours"))
        if not colours or sum(each.share for each in colours) <= 0:
            raise SchemaError(f"item {shown(line)} has no colours.")
        return cls(
            item_id=fields.text("item_id"),
            path=fields.text("path"),
            group=fields.one_of("group", (group_of(category),)),
            category=category,
            gender=fields.one_of("gender", GENDERS),
            colours=colours,
        )

    def to_json(self) -> str:
        """The item's line of items.jsonl, without the line break; the same bytes for the same item."""
        values = {name: getattr(self, name) for name in self.__slots__}
        values["colours"] = [each.to_dict() for each in self.colours]
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def describe_item(image: Image.Image, item_id: str, category: str, gender: str) -> Item:
    """The item for a picture, its colours found exactly as those of a query are."""
    return Item(item_id, item_id, group_of(category), category, gender, dominant_colours(image))


@dataclass(frozen=True, slots=True)
class Attributes:
    """Text embeddings of the values of one kind, such as the categories: rows of `embeddings` are unit vectors."""

    values: tuple[str, ...]
    embeddings: _Rows


@dataclass(frozen=True)
class Catalogue:
    """The items of an artifact and what is needed to search them, row-aligned."""

    items: tuple[Item, ...]
    embeddings: _Rows
    palettes: Palettes
    rows: Mapping[str, NDArray[np.intp]]
    genders: NDArray[np.str_]
    attributes: Mapping[str, Attributes]

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return int(self.embeddings.shape[1])


def open_catalogue(folder: Path, dimension: int) -> Catalogue:
    """The catalogue in `folder`, checked; ArtifactError says which file contradicts which."""
    items = _read_items(folder / "items.jsonl")
    embeddings = _open_embeddings(folder / "embeddings.npy", dimension)
    if len(items) != len(embeddings):
        found = f"items.jsonl has {len(items)} items, embeddings.npy {len(embeddings)} rows"
        raise ArtifactError(f"{folder}: {found}; they must match row by row: package the catalogue again.")
    categories = np.array([item.category for item in items])
    return Catalogue(
        items=items,
        embeddings=embeddings,
        palettes=Palettes.of([item.colours for item in items]),
        rows={name: np.flatnonzero(categories == name) for name in CATEGORIES},
        genders=np.array([item.gender for item in items]),
        attributes=_read_attributes(folder, dimension),
    )


def _read_items(path: Path) -> tuple[Item, ...]:
    _must_exist(path)
    items = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                items.append(Item.from_json(line))
            except SchemaError as error:
                raise ArtifactError(f"{path}, line {number}: {error}") from error
    if not items:
        raise ArtifactError(f"{path} has no items; package a catalogue of at least one.")
    ids = [item.item_id for item in items]
    if len(set(ids)) != len(ids):
        twice = next(name for at, name in enumerate(ids) if name in ids[:at])
        raise ArtifactError(f"{path} names item {twice!r} twice; ids must be unique.")
    return tuple(items)


def _open_embeddings(path: Path, dimension: int) -> _Rows:
    _must_exist(path)
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ArtifactError(f"{path} isn't a complete .npy file: {error}") from error
    if rows.dtype != np.float32 or rows.ndim != 2 or rows.shape[1] != dimension:
        raise ArtifactError(f"{path} holds {rows.dtype} {rows.shape}; wanted float32 [n, {dimension}].")
    sample = rows[:: max(1, len(rows) // CHECKED_ROWS)]
    norms = np.linalg.norm(np.asarray(sample, dtype=np.float64), axis=1)
    if not bool((np.abs(norms - 1) <= UNIT_TOLERANCE).all()):
        raise ArtifactError(f"{path} has rows which aren't unit vectors; package the catalogue again.")
    return np.asarray(rows)  # still mapped; without memmap's slow subclass


def _read_attributes(folder: Path, dimension: int) -> dict[str, Attributes]:
    path = folder / "attributes.json"
    _must_exist(path)
    rows = _open_embeddings(folder / "attributes.npy", dimension)
    try:
        prompts = _prompts(json.loads(path.read_text("utf-8")))
    except (ValueError, SchemaError) as error:
        raise ArtifactError(f"{path}: {error}") from error
    if len(prompts) != len(rows):
        raise ArtifactError(f"{path} has {len(prompts)} rows, attributes.npy {len(rows)}; they must match.")
    kinds = dict.fromkeys(kind for kind, _ in prompts)
    return {kind: _of_kind(kind, prompts, rows) for kind in kinds}


def _prompts(payload: Any) -> list[tuple[str, str]]:
    """The (kind, value) of each row of attributes.json."""
    if not isinstance(payload, list):
        raise SchemaError(f"attributes.json must be a list; found {shown(payload)}.")
    known = {"category": CATEGORIES, "gender": GENDERS}
    prompts = []
    for at, row in enumerate(payload):
        fields = Fields.of(row, f"attributes.json[{at}]")
        fields.only("kind", "value", "prompt")
        kind = fields.one_of("kind", tuple(known))
        prompts.append((kind, fields.one_of("value", known[kind])))
    return prompts


def _of_kind(kind: str, prompts: list[tuple[str, str]], rows: _Rows) -> Attributes:
    at = [row for row, prompt in enumerate(prompts) if prompt[0] == kind]
    return Attributes(tuple(prompts[row][1] for row in at), np.array(rows[at]))


def _must_exist(path: Path) -> None:
    if not path.is_file():
        raise ArtifactError(f"No {path.name} in {path.parent}; package the catalogue again.")
