from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from recommender.attributes import CATEGORIES
from recommender.catalogue import Item, describe_item, open_catalogue
from recommender.errors import ArtifactError, SchemaError
from recommender.recommend import Recommender

DIMENSION = 24


@pytest.fixture
def folder(artifact: Path, tmp_path: Path) -> Path:
    """A copy of the catalogue, to be damaged."""
    return Path(shutil.copytree(artifact / "catalogue", tmp_path / "catalogue"))


def items_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "items.jsonl").read_text("utf-8").splitlines()]


def write_items(folder: Path, items: list[dict[str, Any]]) -> None:
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")


def test_opens_what_was_packaged(folder: Path) -> None:
    catalogue = open_catalogue(folder, DIMENSION)
    assert (len(catalogue.items), catalogue.dimension) == (78, DIMENSION)
    assert {name: len(rows) for name, rows in catalogue.rows.items()} == dict.fromkeys(CATEGORIES, 6)
    assert all(catalogue.items[row].category == name for name, rows in catalogue.rows.items() for row in rows)
    assert set(catalogue.attributes) == {"category", "gender"}


def test_embeddings_stay_on_disk(folder: Path) -> None:
    embeddings = open_catalogue(folder, DIMENSION).embeddings
    assert isinstance(embeddings.base, np.memmap)
    assert not embeddings.flags.writeable


def test_an_item_survives_its_json() -> None:
    item = describe_item(Image.new("RGB", (9, 9), "red"), "footwear/heels/été 1.png", "footwear_heels", "female")
    assert Item.from_json(item.to_json()) == item
    assert "\n" not in item.to_json()


def test_an_item_is_described_by_its_category_and_its_picture_wherever_it_lies() -> None:
    item = describe_item(Image.new("RGB", (9, 9), (220, 25, 30)), "gowns/summer/1.png", "one-piece_dress", "female")
    assert (item.group, item.category, item.gender) == ("one-piece", "one-piece_dress", "female")
    assert (item.item_id, item.path) == ("gowns/summer/1.png",) * 2
    assert [colour.name for colour in item.colours] == ["red"]


@pytest.mark.parametrize("line", ["", "[]", "{", '{"item_id": "x"}'])
def test_a_line_that_is_no_item_is_refused(line: str) -> None:
    with pytest.raises(SchemaError, match="item"):
        Item.from_json(line)


@pytest.mark.parametrize("name", ["items.jsonl", "embeddings.npy", "attributes.json", "attributes.npy"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=f"No {name}"):
        open_catalogue(folder, DIMENSION)


def test_rows_must_match(folder: Path) -> None:
    write_items(folder, items_of(folder)[:-1])
    with pytest.raises(ArtifactError, match=r"77 items, embeddings\.npy 78 rows"):
        open_catalogue(folder, DIMENSION)


def test_ids_must_be_unique(folder: Path) -> None:
    items = items_of(folder)
    write_items(folder, [*items[:-1], items[0]])
    with pytest.raises(ArtifactError, match="twice"):
        open_catalogue(folder, DIMENSION)


@pytest.mark.parametrize(
    ("field", "value"),
    [("category", "upperwear_blouse"), ("gender", "men"), ("group", "footwear"), ("colours", []), ("color", "red")],
)
def test_a_wrong_line_is_named(folder: Path, field: str, value: Any) -> None:
    items = items_of(folder)
    items[2][field] = value
    write_items(folder, items)
    with pytest.raises(ArtifactError, match="line 3"):
        open_catalogue(folder, DIMENSION)


def test_an_empty_catalogue_is_refused(folder: Path) -> None:
    write_items(folder, [])
    with pytest.raises(ArtifactError, match="no items"):
        open_catalogue(folder, DIMENSION)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (np.eye(78, DIMENSION), "float64"),
        (np.eye(78, DIMENSION + 1, dtype=np.float32), r"\(78, 25\)"),
        (np.ones((78, DIMENSION), np.float32), "unit"),
        (np.full((78, DIMENSION), np.nan, np.float32), "unit"),
        (np.ones(78, np.float32), r"\(78,\)"),
    ],
)
def test_embeddings_must_be_unit_rows(folder: Path, rows: Any, complaint: str) -> None:
    np.save(folder / "embeddings.npy", rows)
    with pytest.raises(ArtifactError, match=complaint):
        open_catalogue(folder, DIMENSION)


@pytest.mark.parametrize("kept", [0, 40, 1000])
def test_a_truncated_file_is_refused(folder: Path, kept: int) -> None:
    path = folder / "embeddings.npy"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ArtifactError, match="complete"):
        open_catalogue(folder, DIMENSION)


def test_pickles_are_refused(folder: Path) -> None:
    np.save(folder / "embeddings.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ArtifactError, match="complete"):
        open_catalogue(folder, DIMENSION)


@pytest.mark.parametrize("payload", [{}, [], [{"kind": "mood", "value": "x", "prompt": "y"}], "x"])
def test_attributes_must_match_their_rows(folder: Path, payload: Any) -> None:
    (folder / "attributes.json").write_text(json.dumps(payload))
    with pytest.raises(ArtifactError, match=r"attributes\.json"):
        open_catalogue(folder, DIMENSION)


@pytest.mark.parametrize(
    ("manifest", "complaint"),
    [
        ({"schema_version": 2, "model_version": "x", "catalogue": {"items": 78}}, "schema_version 2"),
        ({"schema_version": 1, "model_version": "x", "catalogue": {"items": 79}}, "declares 79 items"),
        ({"schema_version": 1, "catalogue": {"items": 78}}, "model_version"),
        ([], "JSON object"),
        (None, "No manifest.json"),
    ],
)
def test_the_manifest_must_fit_the_artifact(artifact: Path, tmp_path: Path, manifest: Any, complaint: str) -> None:
    for part in ("encoder", "catalogue"):
        (tmp_path / part).symlink_to(artifact / part)
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=complaint):
        Recommender.load(tmp_path)
