from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.attributes import CATEGORIES, GENDERS, answerable, excludes, gender_match
from recommender.catalogue.catalogue import Catalogue
from recommender.catalogue.search import Candidates
from recommender.colours.cielab import lab_of_rgb
from recommender.ranking import find_candidates, rank, select
from recommender.reading import Reading
from recommender.recommend import Recommender
from recommender.schema import Colour

RED = Colour((220, 25, 30), (46.6, 70.1, 51.0), 1.0, "red")


def candidates_of(catalogue: Catalogue, reading: Reading, query: Any) -> Candidates:
    return find_candidates(catalogue, reading, catalogue.search.around(query))


def test_ties_are_broken_by_id(recommender: Recommender, catalogue_of: Any, first_axis: Any) -> None:
    items = list(recommender.catalogue.items)
    catalogue = catalogue_of(items, np.zeros(78))
    reading = Reading("upperwear_shirt", 1.0, "unisex", 1.0)
    found = rank(catalogue, reading, [RED], candidates_of(catalogue, reading, first_axis), 50)
    listed = [(-each.score, each.item_id) for each in found]
    assert listed == sorted(listed)
    assert len({score for score, _ in listed}) < len(listed)


def test_equal_items_of_any_category_are_told_apart_by_id_alone(
    recommender: Recommender, catalogue_of: Any, first_axis: Any
) -> None:
    item = recommender.catalogue.items[0]
    kinds = ("upperwear_jacket", "footwear_flats", "accessories_hat", "bottomwear_pants")
    names = ("d", "B", "ä", "a")
    items = [
        dataclasses.replace(item, item_id=name, category=kind, group=kind.split("_")[0], gender="unisex")
        for name, kind in zip(names, kinds, strict=True)
    ]
    catalogue = catalogue_of(items, np.full(4, 0.25))
    reading = Reading("upperwear_shirt", 1.0, "unisex", 1.0)
    found = rank(catalogue, reading, [RED], candidates_of(catalogue, reading, first_axis), 3)
    assert [each.item_id for each in found] == ["B", "a", "d"]
    assert len({each.score for each in found}) == 1


COLOUR = st.builds(
    lambda rgb, share: Colour(rgb, tuple(float(value) for value in lab_of_rgb(rgb)), share, "named"),  # type: ignore[arg-type]
    st.tuples(*[st.integers(0, 255)] * 3),
    st.floats(0.01, 1),
)


@settings(deadline=None, max_examples=100)
@given(
    seed=st.integers(0, 10_000),
    likeness=st.floats(-1, 1),
    top_k=st.integers(1, 50),
    category=st.sampled_from(CATEGORIES),
    gender=st.sampled_from(GENDERS),
    colours=st.lists(COLOUR, min_size=1, max_size=3),
)
def test_answers_keep_their_promises_for_any_query(
    recommender: Recommender,
    seed: int,
    likeness: float,
    top_k: int,
    category: str,
    gender: str,
    colours: list[Colour],
) -> None:
    catalogue, random = recommender.catalogue, np.random.default_rng(seed)
    query = random.normal(size=24) * (1 - abs(likeness)) + 20 * likeness * catalogue.embeddings[seed % 78]
    reading = Reading(category, 0.5, gender, 0.5)
    candidates = candidates_of(catalogue, reading, np.float32(query / np.linalg.norm(query)))
    found = rank(catalogue, reading, colours, candidates, top_k)
    assert len(found) == min(top_k, len(candidates.rows))
    assert len({each.item_id for each in found}) == len(found)
    assert [(-each.score, each.item_id) for each in found] == sorted((-each.score, each.item_id) for each in found)
    for each in found:
        terms = (each.score, each.similarity, each.colour_harmony, each.gender_match, each.category_match)
        assert all(0 <= term <= 1 for term in terms)
        assert not excludes(category, each.category)
        assert gender_match(gender, each.gender) > 0
    best = {each.category: each.item_id for each in reversed(found)}
    first = {each.category for each in found}
    assert len(first) == min(top_k, len(answerable(category)))
    alone = rank(catalogue, reading, colours, candidates, len(answerable(category)))
    assert all(each.item_id == best.get(each.category, each.item_id) for each in alone)


def test_accessories_are_found_whatever_else_is_nearer(
    recommender: Recommender, catalogue_of: Any, first_axis: Any
) -> None:
    item = recommender.catalogue.items[0]
    pants = [
        dataclasses.replace(item, item_id=f"p{n:04}", group="bottomwear", category="bottomwear_pants")
        for n in range(1_000)
    ]
    bag = dataclasses.replace(item, item_id="bag", group="accessories", category="accessories_bag", gender="unisex")
    catalogue = catalogue_of([*pants, bag], [0.99] * 1_000 + [-0.9])
    reading = Reading("upperwear_shirt", 1, "unisex", 1)
    found = rank(catalogue, reading, [RED], candidates_of(catalogue, reading, first_axis), 2)
    assert {each.category for each in found} == {"bottomwear_pants", "accessories_bag"}


def test_search_keeps_the_nearest_of_a_long_category(
    recommender: Recommender, catalogue_of: Any, first_axis: Any
) -> None:
    item, many = recommender.catalogue.items[0], 400
    pants = [
        dataclasses.replace(item, item_id=f"{n:04}", group="bottomwear", category="bottomwear_pants", gender="unisex")
        for n in range(many)
    ]
    cosines = np.random.default_rng(0).permutation(np.linspace(-1, 1, many))
    reading = Reading("upperwear_shirt", 1, "male", 1)
    catalogue = catalogue_of(pants, cosines)
    found = candidates_of(catalogue, reading, first_axis)
    assert sorted(found.rows.tolist()) == sorted(np.argsort(-cosines)[:50].tolist())
    tied = candidates_of(catalogue_of(pants, np.ones(many)), reading, first_axis)
    assert len(tied.rows) == many


def test_no_answerable_items_is_an_empty_answer(recommender: Recommender, catalogue_of: Any, first_axis: Any) -> None:
    shirts = [item for item in recommender.catalogue.items if item.category == "upperwear_shirt"]
    catalogue = catalogue_of(shirts, np.ones(len(shirts)))
    reading = Reading("upperwear_shirt", 1, "male", 1)
    assert rank(catalogue, reading, [RED], candidates_of(catalogue, reading, first_axis), 5) == ()


@pytest.mark.parametrize(
    ("top_k", "chosen"),
    [(1, [4]), (2, [4, 2]), (3, [4, 2, 3]), (4, [4, 1, 2, 3]), (9, [4, 1, 0, 2, 3])],
)
def test_the_best_of_each_category_is_chosen_first_and_listed_by_score(top_k: int, chosen: list[int]) -> None:
    scores = np.array([0.8, 0.8, 0.7, 0.2, 0.9])
    categories = np.array([7, 7, 2, 3, 7])
    order = np.array([3, 1, 0, 2, 4], np.uint32)
    assert select(scores, categories, order, top_k).tolist() == chosen
