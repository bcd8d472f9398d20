"""The catalogue's files: the same bytes in any order of the items, checked, and searched as well as an exact search."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender.attributes import CATEGORIES, GENDERS, group_of
from recommender.catalogue.catalogue import Item
from recommender.catalogue.items import COLUMNS, ITEM_KINDS
from recommender.catalogue.search import EXACT, FAISS, SIGNS, ExactSearch
from recommender.colours.harmony import Palettes
from recommender.schema import Colour
from tasks.errors import ArtifactError
from tasks.packaging.archive import file_hashes
from tasks.packaging.catalogue_files import fit_search, recall_at_10, unseen_queries, write_catalogue, write_signs

COLOURS = (Colour((220, 25, 30), (46.6, 70.1, 51.0), 0.75, "red"), Colour((12, 12, 12), (3.4, 0.0, 0.0), 0.25, "black"))
Rows = NDArray[np.float32]


def silent(line: str) -> None:
    """Progress that nobody reads."""


def unit_rows(items: int, dimension: int = 32) -> Rows:
    rows = np.random.default_rng(0).normal(size=(items, dimension))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def item(number: int, **changed: Any) -> Item:
    category = CATEGORIES[number % len(CATEGORIES)]
    name = f"{category}/été-{number}.jpg"
    made = Item(name, name, group_of(category), category, GENDERS[number % 3], COLOURS[: 1 + number % 2])
    return replace(made, **changed)


@pytest.fixture
def items() -> list[Item]:
    return [item(number) for number in range(60)]


@pytest.mark.parametrize("kind", [EXACT, SIGNS])
def test_the_bytes_do_not_depend_on_the_order_of_the_items(tmp_path: Path, items: list[Item], kind: str) -> None:
    rows = unit_rows(60)
    shuffled = np.random.default_rng(1).permutation(60)
    for name, order in (("one", np.arange(60)), ("other", shuffled)):
        (tmp_path / name).mkdir()
        write_catalogue(tmp_path / name, [items[at] for at in order], rows[order], silent, kind)
    assert file_hashes(tmp_path / "one") == file_hashes(tmp_path / "other")
    assert set(file_hashes(tmp_path / "one")) >= {"items.jsonl", "items.npy", "embeddings.npy", "index.json"}


def test_rows_are_sorted_by_kind_and_id_and_stay_aligned(tmp_path: Path, items: list[Item]) -> None:
    rows = unit_rows(60)
    write_catalogue(tmp_path, items, rows, silent)
    lines = (tmp_path / "items.jsonl").read_text("utf-8").splitlines()
    written = [Item.from_json(line) for line in lines]
    assert [(ITEM_KINDS.index(each.kind), each.item_id) for each in written] == sorted(
        (ITEM_KINDS.index(each.kind), each.item_id) for each in items
    )
    assert np.array_equal(np.load(tmp_path / "embeddings.npy"), rows[[items.index(each) for each in written]])


def test_columns_say_what_the_lines_say(tmp_path: Path, items: list[Item]) -> None:
    write_catalogue(tmp_path, items, unit_rows(60), silent)
    text = (tmp_path / "items.jsonl").read_bytes()
    table = np.load(tmp_path / "items.npy")
    assert table.dtype == COLUMNS
    written = [Item.from_json(text[row["line"] :].split(b"\n")[0]) for row in table]
    assert [row["order"] for row in table] == [sorted(i.item_id for i in items).index(i.item_id) for i in written]
    for row, each in zip(table["palette"], written, strict=True):
        assert np.allclose(row[: len(each.colours)], Palettes.of([each.colours]).table()[0])
        assert not row[len(each.colours) :].any()


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"item_id": "upperwear_shirt/été-0.jpg"}, "'upperwear_shirt/été-0.jpg' twice"),
        ({"category": "upperwear_blouse"}, r"could not read item .*category must be one of"),
        ({"gender": "men"}, "gender must be one of"),
        ({"colours": ()}, "one to 3 colours"),
        ({"colours": COLOURS * 2}, "one to 3 colours"),
    ],
)
def test_items_the_handler_could_not_use_are_refused(
    tmp_path: Path, items: list[Item], changed: dict[str, Any], complaint: str
) -> None:
    items[30] = replace(items[30], **changed)
    with pytest.raises(ArtifactError, match=complaint):
        write_catalogue(tmp_path, items, unit_rows(60), silent)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("row", [np.zeros(32), np.full(32, np.nan), np.ones(32)])
def test_an_embedding_that_is_no_unit_vector_is_refused_by_name(tmp_path: Path, items: list[Item], row: Any) -> None:
    rows = unit_rows(60)
    rows[41] = row
    with pytest.raises(ArtifactError, match=rf"{items[41].item_id}.*unit vector"):
        write_catalogue(tmp_path, items, rows, silent)


@pytest.mark.parametrize("count", [0, 59])
def test_each_item_needs_one_embedding(tmp_path: Path, items: list[Item], count: int) -> None:
    with pytest.raises(ArtifactError, match=f"has {count} items and 60 embeddings"):
        write_catalogue(tmp_path, items[:count], unit_rows(60), silent)


def test_a_catalogue_of_the_usual_size_is_searched_exactly(tmp_path: Path, items: list[Item]) -> None:
    spec = write_catalogue(tmp_path, items, unit_rows(60), silent)
    assert (spec.kind, spec.items, spec.recall_at_10) == (EXACT, 60, 1.0)
    assert json.loads((tmp_path / "index.json").read_text())["search"] == spec.to_dict()
    assert not (tmp_path / "signs.npy").exists()


def test_an_approximate_search_is_measured_and_recorded(tmp_path: Path) -> None:
    told: list[str] = []
    spec = fit_search(tmp_path, unit_rows(900), SIGNS, told.append)
    assert (spec.kind, spec.items, spec.depth, spec.queries) == (SIGNS, 900, 400, 200)
    assert 0.99 <= spec.recall_at_10 < 1
    assert told == [f"search by signs, depth 400: recall at 10 is {spec.recall_at_10:.4f}"]


def test_too_low_a_recall_is_met_by_rescoring_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.packaging.catalogue_files.DEPTHS", (10, 400))
    told: list[str] = []
    spec = fit_search(tmp_path, unit_rows(900), SIGNS, told.append)
    assert (spec.kind, spec.depth) == (SIGNS, 400)
    assert len(told) == 2


def test_a_catalogue_no_approximate_search_is_good_enough_for_is_searched_exactly_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.packaging.catalogue_files.DEPTHS", (10, 20))
    told: list[str] = []
    spec = fit_search(tmp_path, unit_rows(900), SIGNS, told.append)
    assert (spec.kind, spec.recall_at_10) == (EXACT, 1.0)
    assert told[-1] == "that is less than 0.99: this catalogue is searched exactly, which is slower"
    assert not list(tmp_path.iterdir())


def test_faiss_that_is_missing_is_found_out_when_packaging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ArtifactError, match="install faiss-cpu"):
        fit_search(tmp_path, unit_rows(60), FAISS, silent)


def test_signs_are_written_the_way_each_kind_reads_them(tmp_path: Path) -> None:
    rows = unit_rows(100, 70)
    write_signs(tmp_path, rows, SIGNS)
    by_word = np.load(tmp_path / "signs.npy")
    write_signs(tmp_path, rows, FAISS)
    by_row = np.load(tmp_path / "signs.npy")
    assert (by_word.shape, by_row.shape) == ((2, 100), (100, 16))
    assert np.array_equal(by_row.view(np.uint64).T, by_word)


def test_recall_counts_what_is_missed() -> None:
    rows = unit_rows(300)

    class Halved(ExactSearch):
        def around(self, embedding: Any) -> Any:
            whole = super().around(embedding)

            class Around:
                def nearest(self, runs: list[slice], count: int) -> Any:
                    return whole.nearest(runs, count // 2)

            return Around()

    assert recall_at_10(ExactSearch(rows), rows, unseen_queries(rows)) == 1.0
    assert recall_at_10(Halved(rows), rows, unseen_queries(rows)) == 0.5


def test_queries_are_unit_vectors_near_the_rows_but_not_on_them() -> None:
    rows = unit_rows(300)
    queries = unseen_queries(rows)
    assert len(queries) == 200
    assert np.allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-6)
    nearest = (queries @ rows.T).max(axis=1)
    assert 0.8 < nearest.mean() < 0.95
    assert np.array_equal(unseen_queries(rows), queries)
