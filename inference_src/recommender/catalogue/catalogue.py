"""The catalogue of an artifact: items, their unit embeddings (mapped, not read), and the text embeddings.

Row-aligned files: embeddings.npy, items.jsonl, items.npy (COLUMNS), and those that the search needs. index.json has the
number of items of each kind and how they are searched; attributes.json and attributes.npy have the text embeddings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.attributes import CATEGORIES, GENDERS
from recommender.catalogue.items import COLUMNS, Blocks, Item, Items, describe_item
from recommender.catalogue.mapped import must_exist, open_array
from recommender.catalogue.search import Search, SearchSpec, open_search
from recommender.colours.harmony import Palettes
from recommender.errors import ArtifactError, SchemaError, shown
from recommender.fields import Fields

__all__ = ["Attributes", "Catalogue", "Item", "describe_item", "open_catalogue"]

CHECKED_ROWS = 100  # a sample: reading every row would pull the mapped file into memory at start
UNIT_TOLERANCE = 1e-3

_Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Attributes:
    """Text embeddings of the values of one kind, such as the categories: rows of `embeddings` are unit vectors."""

    values: tuple[str, ...]
    embeddings: _Rows


@dataclass(frozen=True)
class Catalogue:
    """The items of an artifact and what is needed to search them, row-aligned."""

    items: Items
    embeddings: _Rows
    columns: NDArray[np.void]
    blocks: Blocks
    search: Search
    attributes: Mapping[str, Attributes]

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return int(self.embeddings.shape[1])

    @property
    def rows(self) -> slice:
        """All rows."""
        return slice(0, len(self.items))

    def palettes(self, rows: NDArray[np.intp]) -> Palettes:
        """The colours of the items in these rows."""
        return Palettes.of_table(self.columns["palette"][rows])

    def order(self, rows: NDArray[np.intp]) -> NDArray[np.uint32]:
        """The place of each item's id among all ids, to sort these rows by."""
        return np.asarray(self.columns["order"][rows])


def open_catalogue(folder: Path, dimension: int) -> Catalogue:
    """Open and check the catalogue in `folder`; ArtifactError says which files contradict each other."""
    blocks, spec = _read_index(folder / "index.json")
    embeddings = _open_embeddings(folder / "embeddings.npy", dimension)
    columns = open_array(folder / "items.npy", COLUMNS, (None,))
    counts = {"embeddings.npy": len(embeddings), "items.npy": len(columns), "index.json": len(blocks)}
    if len({*counts.values(), spec.items}) > 1:
        raise ArtifactError(f"{folder}: the rows of {counts} must match: package the catalogue again.")
    items = Items(folder / "items.jsonl", columns["line"])
    _check_ends(folder, items, blocks)
    search = open_search(folder, spec, embeddings)
    return Catalogue(items, embeddings, columns, blocks, search, _read_attributes(folder, dimension))


def _read_index(path: Path) -> tuple[Blocks, SearchSpec]:
    must_exist(path)
    try:
        fields = Fields.of(json.loads(path.read_text("utf-8")), path.name)
        fields.only("blocks", "search")
        return Blocks.from_fields(fields.nested("blocks")), SearchSpec.from_fields(fields.nested("search"))
    except (ValueError, SchemaError, RecursionError, OverflowError) as error:
        raise ArtifactError(f"{path}: {error}") from error


def _check_ends(folder: Path, items: Items, blocks: Blocks) -> None:
    """Raise ArtifactError unless index.json is right about the first and the last item; packaging has checked all."""
    for row in (0, len(items) - 1):
        kind = items.checked(row).kind
        if not blocks.holds(kind, row):
            raise ArtifactError(
                f"{folder}: items.jsonl has {kind} in line {row + 1}, index.json hasn't: package again."
            )


def _open_embeddings(path: Path, dimension: int) -> _Rows:
    rows = open_array(path, np.float32, (None, dimension))
    sample = rows[:: max(1, len(rows) // CHECKED_ROWS)]
    norms = np.linalg.norm(np.asarray(sample, dtype=np.float64), axis=1)
    if not bool((np.abs(norms - 1) <= UNIT_TOLERANCE).all()):
        raise ArtifactError(f"{path} has rows which aren't unit vectors; package the catalogue again.")
    return rows


def _read_attributes(folder: Path, dimension: int) -> dict[str, Attributes]:
    path = folder / "attributes.json"
    must_exist(path)
    rows = _open_embeddings(folder / "attributes.npy", dimension)
    try:
        prompts = _prompts(json.loads(path.read_text("utf-8")))
    except (ValueError, SchemaError, RecursionError) as error:
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
