from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from recommender.attributes import CATEGORIES, GENDERS, gender_match
from recommender.catalogue.catalogue import Item, describe_item, open_catalogue
from recommender.catalogue.items import ITEM_KINDS, Blocks
from recommender.colours.harmony import Palettes
from recommender.errors import ArtifactError, SchemaError
from recommender.recommend import Recommender

DIMENSION = 24
FILES = ("items.jsonl", "items.npy", "index.json", "embeddings.npy", "attributes.json", "attributes.npy")


@pytest.fixture
def folder(artifact: Path, tmp_path: Path) -> Path:
    """A copy of the catalogue, to be damaged."""
    return Path(shutil.copytree(artifact / "catalogue", tmp_path / "catalogue"))


def index_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "index.json").read_text()))


def test_opens_what_was_packaged(folder: Path) -> None:
    catalogue = open_catalogue(folder, DIMENSION)
    assert (len(catalogue.items), catalogue.dimension, catalogue.rows) == (78, DIMENSION, slice(0, 78))
    assert set(catalogue.attributes) == {"category", "gender"}
    assert [item.item_id for item in catalogue.items] == [catalogue.items[row].item_id for row in range(78)]


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("gender", GENDERS)
def test_what_one_may_wear_of_a_category_lies_together(folder: Path, category: str, gender: str) -> None:
    catalogue = open_catalogue(folder, DIMENSION)
    welcome = tuple(other for other in GENDERS if gender_match(gender, other) > 0)
    rows = list(range(78))[catalogue.blocks.rows(category, welcome)]
    wanted = [row for row in range(78) if catalogue.items[row].kind in [(category, other) for other in welcome]]
    assert rows == wanted
    assert len(rows) == 2 * len(welcome)


def test_rows_tell_their_kind(folder: Path) -> None:
    catalogue = open_catalogue(folder, DIMENSION)
    kinds = catalogue.blocks.kinds_at(np.arange(78))
    assert [ITEM_KINDS[kind] for kind in kinds] == [item.kind for item in catalogue.items]


def test_kinds_that_no_item_is_of_have_no_rows() -> None:
    blocks = Blocks({ITEM_KINDS[4]: 3, ITEM_KINDS[9]: 2})
    assert len(blocks) == 5
    assert [ITEM_KINDS[kind] for kind in blocks.kinds_at(np.arange(5))] == [ITEM_KINDS[4]] * 3 + [ITEM_KINDS[9]] * 2
    assert blocks.rows("upperwear_shirt") == slice(0, 0)
    assert blocks.rows("one-piece_dress") == slice(5, 5)


def test_palettes_are_those_of_the_items(folder: Path) -> None:
    catalogue = open_catalogue(folder, DIMENSION)
    rows = np.array([70, 3, 3])
    found = catalogue.palettes(rows)
    wanted = Palettes.of([catalogue.items[row].colours for row in rows.tolist()])
    width = wanted.share.shape[1]
    assert np.allclose(found.lab[:, :, :width], wanted.lab, atol=1e-5)
    assert np.allclose(found.hue[:, :width], wanted.hue, atol=1e-4)
    assert np.allclose(found.vividness[:, :width], wanted.vividness)
    assert np.allclose(found.share[:, :width], wanted.share)
    assert not found.share[:, width:].any()


def test_opening_reads_only_the_ends_of_the_items(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    loads = json.loads
    monkeypatch.setattr(json, "loads", lambda text: read.append(text) or loads(text))
    open_catalogue(folder, DIMENSION)
    assert [text.count(b'"item_id"') for text in read if isinstance(text, bytes)] == [1, 1]


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


@pytest.mark.parametrize("name", [*FILES])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=f"No {name}"):
        open_catalogue(folder, DIMENSION)


@pytest.mark.parametrize("name", ["embeddings.npy", "items.npy"])
def test_rows_must_match(folder: Path, name: str) -> None:
    np.save(folder / name, np.load(folder / name)[:-1])
    with pytest.raises(ArtifactError, match=rf"'{name}': 77.*must match"):
        open_catalogue(folder, DIMENSION)


def test_the_counts_by_kind_must_match_the_rows(folder: Path) -> None:
    index = index_of(folder)
    index["blocks"]["footwear_heels"]["female"] += 1
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(ArtifactError, match=r"'index.json': 79.*must match"):
        open_catalogue(folder, DIMENSION)


def test_the_first_item_must_be_of_the_first_kind(folder: Path) -> None:
    index = index_of(folder)
    shirts = index["blocks"]["upperwear_shirt"]
    shirts["male"], shirts["female"] = 0, shirts["male"] + shirts["female"]
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(ArtifactError, match=r"line 1, index\.json hasn't"):
        open_catalogue(folder, DIMENSION)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"blocks": {}}, "blocks.upperwear_shirt"),
        ({"search": {"kind": "magic"}}, "search lacks"),
        ({"more": 1}, "unknown .'more'"),
    ],
)
def test_an_index_that_says_something_else_is_refused(folder: Path, changed: Any, complaint: str) -> None:
    (folder / "index.json").write_text(json.dumps(index_of(folder) | changed))
    with pytest.raises(ArtifactError, match=rf"index\.json: .*{complaint}"):
        open_catalogue(folder, DIMENSION)


def test_a_wrong_line_is_named_when_it_is_read(folder: Path) -> None:
    path = folder / "items.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"gender":', b'"Gender":')
    path.write_bytes(b"".join(lines))
    items = open_catalogue(folder, DIMENSION).items
    assert items[1].item_id
    with pytest.raises(ArtifactError, match=r"items\.jsonl, line 3: .*'Gender'"):
        items[2]


@pytest.mark.parametrize("kept", [0, 1, 100])
def test_items_that_end_too_early_are_refused(folder: Path, kept: int) -> None:
    path = folder / "items.jsonl"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ArtifactError, match=r"items\.jsonl ends before its last item"):
        open_catalogue(folder, DIMENSION)


def test_a_last_item_cut_short_is_refused(folder: Path) -> None:
    path = folder / "items.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ArtifactError, match="line 78: item isn't JSON"):
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


@pytest.mark.parametrize("line", ["5", "null", '"abc"', "[" * 100_000, "{}", "{"])
def test_a_line_that_is_no_item_any_more_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    items = open_catalogue(folder, DIMENSION).items
    monkeypatch.setattr(items, "_line", lambda row: line.encode())
    with pytest.raises(ArtifactError, match=r"items\.jsonl, line 2: .*package the catalogue again"):
        items[1]
