from __future__ import annotations

import itertools

import pytest

from recommender.attributes import (
    CATEGORIES,
    GENDERS,
    UNUSUAL,
    answerable,
    category_match,
    excludes,
    gender_match,
    group_of,
)

PAIRS = list(itertools.product(CATEGORIES, repeat=2))
T, B = "upperwear_tshirt", "bottomwear_pants"


def test_there_are_thirteen_categories_in_five_groups() -> None:
    assert len(CATEGORIES) == 13
    assert {group_of(category) for category in CATEGORIES} == {
        "upperwear",
        "bottomwear",
        "footwear",
        "accessories",
        "one-piece",
    }


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_the_tables_are_symmetric(a: str, b: str) -> None:
    assert excludes(a, b) == excludes(b, a)
    assert category_match(a, b) == category_match(b, a)
    assert (category_match(a, b) == 0) == excludes(a, b)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_a_group_is_not_answered_with_itself_but_for_layers_and_accessories(a: str, b: str) -> None:
    if group_of(a) == group_of(b) and not excludes(a, b):
        assert "upperwear_jacket" in (a, b) or {a, b} == {"accessories_bag", "accessories_hat"}


@pytest.mark.parametrize(
    ("query", "answers"),
    [
        ("upperwear_jacket", {"upperwear_shirt", "upperwear_tshirt", "one-piece_dress"}),
        ("upperwear_tshirt", {"upperwear_jacket"}),
        ("one-piece_dress", {"upperwear_jacket"}),
        ("bottomwear_skirt", {"upperwear_shirt", "upperwear_tshirt", "upperwear_jacket"}),
    ],
)
def test_what_covers_the_body_besides(query: str, answers: set[str]) -> None:
    clothes = {each for each in answerable(query) if group_of(each) not in ("footwear", "accessories")}
    if query == "upperwear_jacket" or query == "upperwear_tshirt":
        answers = answers | {"bottomwear_pants", "bottomwear_shorts", "bottomwear_skirt"}
    assert clothes == answers


def test_every_category_has_answers() -> None:
    assert all(len(answerable(category)) >= 7 for category in CATEGORIES)


def test_unusual_pairs_are_offered_with_less_weight() -> None:
    assert all(0 < category_match(*sorted(pair)) < category_match(T, B) for pair in UNUSUAL)


def test_genders() -> None:
    assert [gender_match("male", other) for other in GENDERS] == [1.0, 0.0, 0.75]
    assert [gender_match("unisex", other) for other in GENDERS] == [0.75, 0.75, 1.0]
    assert all(gender_match(a, b) == gender_match(b, a) for a, b in itertools.product(GENDERS, repeat=2))
