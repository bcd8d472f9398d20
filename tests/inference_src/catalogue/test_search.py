from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.catalogue import search as module
from recommender.catalogue.search import (
    EXACT,
    FAISS,
    SEARCH_KINDS,
    SIGNS,
    ExactSearch,
    FaissSearch,
    Search,
    SearchSpec,
    SignSearch,
    bits_set,
    kind_for,
    open_search,
    sign_bits,
)
from recommender.errors import ArtifactError
from recommender.fields import Fields
from recommender.recommend import Recommender
from recommender.schema import Request
from tasks.packaging.catalogue_files import fit_search, unseen_queries, write_catalogue

Rows = NDArray[np.float32]
APPROXIMATE = (SIGNS, FAISS)


def unit(rows: NDArray[Any]) -> Rows:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def searches(embeddings: Rows, depth: int) -> dict[str, Search]:
    mean = embeddings.mean(axis=0)
    bits = sign_bits(embeddings, mean)
    return {
        EXACT: ExactSearch(embeddings),
        SIGNS: SignSearch(embeddings, mean, np.ascontiguousarray(bits.T), depth),
        FAISS: FaissSearch(embeddings, mean, bits.view(np.uint8), depth, faiss),
    }


def clustered(items: int, dimension: int = 512) -> Rows:
    """Rows with a direction in common, in clusters, as a CLIP's embeddings are."""
    random = np.random.default_rng(1)
    centres = random.normal(size=(20, dimension)) + 3
    return unit(centres[random.integers(0, 20, items)] + 0.7 * random.normal(size=(items, dimension)))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 10_000), st.integers(1, 300), st.sampled_from([3, 24, 64, 65, 130]), st.integers(1, 60), st.data()
)
def test_all_kinds_agree_where_every_row_is_rescored(
    seed: int, items: int, dimension: int, count: int, data: st.DataObject
) -> None:
    random = np.random.default_rng(seed)
    embeddings = unit(random.normal(size=(items, dimension)))[random.integers(0, items, items)]
    start = data.draw(st.integers(0, items))
    rows = slice(start, data.draw(st.integers(start, items)))
    query = unit(random.normal(size=(1, dimension)))[0]
    found = {kind: search.around(query).nearest([rows], count) for kind, search in searches(embeddings, items).items()}
    for kind in APPROXIMATE:
        assert np.array_equal(found[kind].rows, found[EXACT].rows)
        assert np.array_equal(found[kind].cosine, found[EXACT].cosine)


@pytest.mark.parametrize("kind", [EXACT, *APPROXIMATE])
def test_runs_are_searched_as_each_would_be_alone(kind: str) -> None:
    embeddings = clustered(1_000)
    around = searches(embeddings, 40)[kind].around(unseen_queries(embeddings)[0])
    runs = [slice(0, 300), slice(300, 300), slice(310, 315), slice(500, 1_000)]
    together, alone = around.nearest(runs, 10), [around.nearest([run], 10) for run in runs]
    assert [len(each.rows) for each in alone] == [10, 0, 5, 10]
    assert together.rows.tolist() == [row for each in alone for row in each.rows.tolist()]
    assert together.cosine.tolist() == [cosine for each in alone for cosine in each.cosine.tolist()]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 200), st.integers(1, 60))
def test_exact_search_finds_the_nearest_and_whatever_is_as_near(seed: int, items: int, count: int) -> None:
    random = np.random.default_rng(seed)
    embeddings = np.eye(8, dtype=np.float32)[random.integers(0, 8, items)]
    query = unit(random.normal(size=(1, 8)))[0]
    found = ExactSearch(embeddings).around(query).nearest([slice(0, items)], count)
    true = embeddings.astype(np.float64) @ query
    assert found.rows.tolist() == [row for row in range(items) if np.sum(true > true[row]) < count]
    assert np.allclose(found.cosine, true[found.rows])


@pytest.mark.parametrize("dimension", [1, 3, 24, 63, 64, 65, 130, 512])
@pytest.mark.parametrize("kind", SEARCH_KINDS)
def test_equal_rows_are_equally_near_wherever_they_stand(kind: str, dimension: int) -> None:
    random = np.random.default_rng(dimension)
    chosen = random.integers(0, 7, 2_000)
    embeddings = unit(random.normal(size=(7, dimension)))[chosen]
    found = searches(embeddings, 2_000)[kind].around(unit(random.normal(size=(1, dimension)))[0])
    cosine = found.nearest([slice(0, 2_000)], 2_000).cosine
    for row in range(7):
        assert len(set(cosine[chosen == row].tolist())) == 1


@pytest.mark.parametrize("kind", APPROXIMATE)
def test_few_rescored_rows_find_what_all_would(kind: str) -> None:
    embeddings = clustered(4_000)
    by = searches(embeddings, 400)
    for query in unseen_queries(embeddings)[:20]:
        for rows in (slice(0, 4_000), slice(1_000, 2_500)):
            exact, found = (by[each].around(query).nearest([rows], 10) for each in (EXACT, kind))
            assert found.rows.tolist() == exact.rows.tolist()
            assert found.cosine.tolist() == exact.cosine.tolist()


@pytest.mark.parametrize("kind", APPROXIMATE)
def test_no_more_rows_are_rescored_than_the_depth(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rescored: list[int] = []
    cosines = module._cosines
    monkeypatch.setattr(module, "_cosines", lambda *given: rescored.append(len(given[0])) or cosines(*given))
    embeddings = clustered(3_000)
    searches(embeddings, 100)[kind].around(embeddings[7]).nearest([slice(0, 3_000)], 10)
    assert 100 <= rescored[0] < 200  # rows as far away as the last of them count too


def test_bits_are_counted_without_numpy_2() -> None:
    words = np.random.default_rng(0).integers(0, 2**64, 1_000, np.uint64, endpoint=False)
    words[:3] = 0, 1, 2**64 - 1
    assert np.array_equal(bits_set(words), np.bitwise_count(words))


@pytest.mark.parametrize("dimension", [3, 63, 64, 65, 512])
def test_sign_bits_differ_where_a_value_lies_on_the_other_side_of_the_mean(dimension: int) -> None:
    random = np.random.default_rng(0)
    rows, mean = (random.normal(size=shape).astype(np.float32) for shape in ((5, dimension), (dimension,)))
    bits = sign_bits(rows, mean)
    assert bits.shape == (5, -(-dimension // 64))
    differing = np.bitwise_count(bits[0] ^ bits).sum(axis=1)
    assert differing.tolist() == [int(np.sum((rows[0] > mean) != (row > mean))) for row in rows]


@pytest.mark.parametrize(
    ("items", "kind"), [(1, EXACT), (100_000, EXACT), (100_001, SIGNS), (2_000_000, SIGNS), (2_000_001, FAISS)]
)
def test_the_number_of_items_chooses_the_kind(items: int, kind: str) -> None:
    assert kind_for(items) == kind


def test_a_catalogue_that_needs_faiss_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings = clustered(50)
    spec = fit_search(tmp_path, embeddings, FAISS, lambda line: None)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ArtifactError, match="50 items is searched by faiss: install faiss-cpu"):
        open_search(tmp_path, spec, embeddings)


@pytest.mark.parametrize("kind", APPROXIMATE)
@pytest.mark.parametrize("name", ["signs.npy", "mean.npy"])
def test_files_of_another_catalogue_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    embeddings = clustered(50)
    spec = fit_search(tmp_path, embeddings, kind, lambda line: None)
    np.save(tmp_path / name, np.load(tmp_path / name)[..., :-1])
    with pytest.raises(ArtifactError, match=f"{name} holds"):
        open_search(tmp_path, spec, embeddings)


def test_a_specification_survives_its_json() -> None:
    spec = SearchSpec(SIGNS, 200_000, 400, 0.9975, 200)
    assert SearchSpec.from_fields(Fields.of(spec.to_dict(), "search")) == spec


@pytest.mark.parametrize("kind", APPROXIMATE)
def test_an_answer_does_not_tell_which_kind_of_search_found_it(
    recommender: Recommender, artifact: Path, tmp_path: Path, draw: Any, encoded: Any, kind: str
) -> None:
    for name in ("encoder", "manifest.json"):
        (tmp_path / name).symlink_to(artifact / name)
    folder = tmp_path / "catalogue"
    folder.mkdir()
    for name in ("attributes.json", "attributes.npy"):
        (folder / name).symlink_to(artifact / "catalogue" / name)
    catalogue = recommender.catalogue
    spec = write_catalogue(folder, list(catalogue.items), catalogue.embeddings, lambda line: None, kind)
    assert spec.kind == kind
    other = Recommender.load(tmp_path)
    for category in ("upperwear_shirt", "accessories_hat", "one-piece_dress"):
        request = Request(image=encoded(draw(category)), top_k=50)
        assert other.answer(request).recommendations == recommender.answer(request).recommendations
        assert other.answer(request).query == recommender.answer(request).query


def test_every_kind_has_a_name_in_the_manifest() -> None:
    assert SEARCH_KINDS == (EXACT, SIGNS, FAISS)
