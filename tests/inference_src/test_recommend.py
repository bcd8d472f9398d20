from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import numpy as np
import pytest

from recommender.attributes import CATEGORIES, GENDERS, SLOTS, answerable, excludes, gender_match
from recommender.catalogue.items import ITEM_KINDS, ItemKind
from recommender.errors import EncoderError
from recommender.ranking import WEIGHTS, explain, score_terms
from recommender.reading import Reading, combined, read_garment, zero_shot
from recommender.recommend import Recommender
from recommender.schema import Colour, Request, Response

RED = Colour((220, 25, 30), (46.6, 70.1, 51.0), 1.0, "red")


@pytest.fixture(scope="session")
def ask(recommender: Recommender, draw: Any, encoded: Any) -> Any:
    """Asks about a drawn garment."""

    def answer(drawn: str = "upperwear_shirt", **fields: Any) -> Response:
        return recommender.answer(Request(image=encoded(draw(drawn)), **fields))

    return answer


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_garment_is_recognised(ask: Any, category: str) -> None:
    query = ask(category).query
    assert query.category == category
    assert 0.5 < query.category_confidence <= 1
    assert query.dominant_colours[0].name == "navy"


@pytest.mark.parametrize("category", CATEGORIES)
def test_nothing_is_recommended_for_a_slot_that_is_filled(ask: Any, category: str) -> None:
    response = ask(category, top_k=50)
    found = {each.category for each in response.recommendations}
    assert found == set(answerable(category))
    assert not any(excludes(category, each) for each in found)


@pytest.mark.parametrize("gender", GENDERS)
def test_gender_incompatible_items_are_left_out(ask: Any, gender: str) -> None:
    response = ask(gender=gender, top_k=50)
    found = {each.gender for each in response.recommendations}
    assert found == {other for other in GENDERS if gender_match(gender, other) > 0}
    assert (response.query.gender, response.query.gender_confidence) == (gender, 1.0)


def test_a_gender_nobody_can_tell_is_unisex(ask: Any) -> None:
    assert ask().query.gender == "unisex"
    assert {each.gender for each in ask(top_k=50).recommendations} == set(GENDERS)


def test_an_uncertain_gender_is_scored_by_all_that_it_may_be() -> None:
    reading = Reading("upperwear_shirt", 1.0, "unisex", 0.1, {"male": 0.5, "female": 0.4, "unisex": 0.1})
    kinds = np.array([ITEM_KINDS.index(ItemKind("bottomwear_pants", gender)) for gender in GENDERS])
    terms = score_terms(reading, kinds, np.zeros(3), np.zeros(3))
    assert terms["gender_match"].tolist() == [0.575, 0.475, 0.775]  # male, female, unisex
    certain = score_terms(Reading("upperwear_shirt", 1.0, "male", 1.0), kinds, np.zeros(3), np.zeros(3))
    assert certain["gender_match"].tolist() == [1.0, 0.0, 0.75]


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_callers_category_is_respected(ask: Any, category: str) -> None:
    query = ask("accessories_hat", category=category).query
    assert (query.category, query.category_confidence) == (category, 1.0)


@pytest.mark.parametrize("top_k", [1, 2, 5, 11, 23, 50])
def test_top_k_is_honoured_exactly(ask: Any, top_k: int) -> None:
    available = len(answerable("upperwear_shirt")) * 4
    found = ask(top_k=top_k, gender="male").recommendations
    assert len(found) == min(top_k, available)
    assert [each.rank for each in found] == list(range(1, len(found) + 1))
    assert len({each.item_id for each in found}) == len(found)


def test_scores_fall_and_are_the_documented_sum(ask: Any) -> None:
    found = ask(top_k=50).recommendations
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    for each in found:
        terms = dataclasses.asdict(each)
        assert each.score == pytest.approx(sum(weight * terms[name] for name, weight in WEIGHTS.items()), abs=1e-6)


@pytest.mark.parametrize("category", CATEGORIES)
def test_an_outfit_fills_each_slot_once_before_any_twice(ask: Any, category: str) -> None:
    free = set().union(*SLOTS.values()) - SLOTS[category]
    found = ask(category=category, gender="female", top_k=len(free)).recommendations
    outfit = [each.category for each in found]
    filled = Counter(slot for each in outfit for slot in SLOTS[each])
    if "one-piece_dress" not in outfit:  # fills two at once, so that there is room for one more
        assert set(filled) == free
        assert set(filled.values()) == {1}


def test_the_best_of_each_category_is_chosen_before_a_second_of_any(ask: Any) -> None:
    categories = len(answerable("upperwear_shirt"))
    assert max(Counter(each.category for each in ask(top_k=categories).recommendations).values()) == 1
    assert len({each.category for each in ask(top_k=categories + 1).recommendations}) == categories


def test_likeness_of_colour_decides_between_otherwise_equal_items(ask: Any) -> None:
    best = ask(top_k=5, gender="male").recommendations
    assert all("/navy-" in each.item_id for each in best)


@pytest.mark.parametrize("top_k", [3, 50])
def test_what_scores_below_min_score_is_left_out_and_what_scores_as_much_is_not(ask: Any, top_k: int) -> None:
    every = ask(top_k=50).recommendations
    least = sorted({each.score for each in every})[-4]
    found = ask(top_k=top_k, min_score=least).recommendations
    good = [each for each in every if each.score >= least]
    assert 3 < len(good) < len(every)
    assert min(each.score for each in good) == least
    assert len(found) == min(top_k, len(good))
    assert {each.item_id for each in found} <= {each.item_id for each in good}
    assert [each.rank for each in found] == list(range(1, len(found) + 1))


def test_a_poor_item_takes_no_good_ones_place(ask: Any) -> None:
    """A slot of an outfit whose best item is poor stays empty, and the next good item is listed instead."""
    plain = ask(top_k=5).recommendations
    least = plain[-1].score + 1e-6
    found = ask(top_k=5, min_score=least).recommendations
    assert len(found) == 5
    assert min(each.score for each in found) >= least
    assert {each.item_id for each in found} != {each.item_id for each in plain}


def test_no_item_scores_enough_is_an_empty_answer(ask: Any) -> None:
    response = ask(top_k=50, min_score=1.0)
    assert response.recommendations == ()
    assert response.query == ask().query


def test_a_min_score_of_0_leaves_nothing_out(ask: Any) -> None:
    assert ask(top_k=50, min_score=0.0).recommendations == ask(top_k=50).recommendations


def test_answers_are_the_same_every_time(ask: Any) -> None:
    first, second = ask(top_k=50), ask(top_k=50)
    assert first.recommendations == second.recommendations
    assert first.query == second.query


def test_the_embedding_is_given_when_asked_for(ask: Any) -> None:
    assert ask().query.embedding is None
    embedding = ask(include_embedding=True).query.embedding
    assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-5)


def test_the_response_keeps_its_own_schema(ask: Any) -> None:
    response = ask(top_k=50, include_embedding=True)
    assert Response.from_dict(response.to_dict()) == response
    assert response.model_version == "0123456789ab"
    assert response.timings_ms.encode > 0


def test_reasons_are_words(ask: Any) -> None:
    reasons = {
        each.category: each.reason for each in ask("bottomwear_skirt", gender="female", top_k=50).recommendations
    }
    assert reasons["footwear_heels"].startswith("goes with a skirt; ")
    assert reasons["footwear_sneakers"].startswith("an unusual match for a skirt; ")
    assert all(reason.endswith(("for women", "for anyone")) for reason in reasons.values())


@pytest.mark.parametrize(
    ("mine", "theirs", "harmony", "said"),
    [
        ("red", "red", 1.0, "also red"),
        ("charcoal", "red", 0.9, "charcoal, a neutral, goes with red"),
        ("red", "charcoal", 0.9, "red goes with charcoal, a neutral"),
        ("navy", "red", 0.8, "navy harmonises with red"),
        ("navy", "red", 0.6, "navy contrasts with red"),
        ("navy", "red", 0.3, "navy clashes with red"),
        ("charcoal", "red", 0.3, "charcoal clashes with red"),
    ],
)
def test_the_reason_says_how_the_colours_go_together(
    recommender: Recommender, mine: str, theirs: str, harmony: float, said: str
) -> None:
    labs = {"red": (46.6, 70.1, 51.0), "navy": (13.0, 20.0, -40.0), "charcoal": (25.0, 0.5, -1.0)}
    colours = {name: Colour((0, 0, 0), lab, 1.0, name) for name, lab in labs.items()}
    item = dataclasses.replace(recommender.catalogue.items[0], colours=(colours[mine],), gender="unisex")
    reading = Reading("upperwear_shirt", 1.0, "unisex", 1.0)
    assert explain(item, reading, colours[theirs], harmony, 1.0) == f"goes with a shirt; {said}; for anyone"


def test_a_failing_encoder_is_never_hidden(recommender: Recommender, draw: Any, encoded: Any) -> None:
    class Broken:
        spec = recommender.encoder.spec

        def encode(self, batch: Any) -> Any:
            raise EncoderError("no")

    broken = dataclasses.replace(recommender, encoder=Broken())
    with pytest.raises(EncoderError):
        broken.answer(Request(image=encoded(draw("upperwear_shirt"))))


def test_zero_shot_is_a_softmax_over_scaled_cosines(recommender: Recommender) -> None:
    attributes = recommender.catalogue.attributes["category"]
    told = zero_shot(attributes, attributes.embeddings[3], 30.0)
    assert sum(told.values()) == pytest.approx(1)
    assert max(told, key=lambda each: told[each]) == attributes.values[3]
    assert zero_shot(None, attributes.embeddings[3], 30.0) == {}


def test_two_opinions_weigh_the_same() -> None:
    assert combined({"a": 1.0}, {"b": 1.0}, "ab") == {"a": 0.5, "b": 0.5}
    assert combined({}, {"b": 1.0}, "ab") == {"b": 1.0}


def test_neighbours_speak_neither_for_nor_against_what_the_catalogue_lacks() -> None:
    told = combined({"a": 0.7, "b": 0.2, "c": 0.1}, {"b": 0.5, "c": 0.5}, "bc")
    assert told == pytest.approx({"a": 0.7, "b": 0.175, "c": 0.125})
    assert combined({"a": 1.0}, {"b": 1.0}, "b") == {"a": 1.0, "b": 0.0}


def test_pants_asked_of_a_catalogue_of_shoes_are_pants_and_get_shoes(
    recommender: Recommender, catalogue_of: Any, draw: Any, encoded: Any
) -> None:
    shoes = [item for item in recommender.catalogue.items if item.category == "footwear_shoes"]
    few = dataclasses.replace(recommender, catalogue=catalogue_of(shoes, np.full(len(shoes), 0.5)))
    answer = few.answer(Request(image=encoded(draw("bottomwear_pants")), top_k=2))
    assert answer.query.category == "bottomwear_pants"
    assert [each.category for each in answer.recommendations] == ["footwear_shoes"] * 2


def test_neighbours_decide_without_text_embeddings(recommender: Recommender) -> None:
    catalogue = dataclasses.replace(recommender.catalogue, attributes={})
    row = next(at for at, item in enumerate(catalogue.items) if item.category == "footwear_flats")
    embedding = catalogue.embeddings[row]
    reading = read_garment(Request(image=b"x"), catalogue, embedding, catalogue.search.around(embedding), 30.0)
    assert reading.category == "footwear_flats"
    assert reading.gender in GENDERS


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_of_equally_near_neighbours_those_with_the_first_ids_vote(
    recommender: Recommender, catalogue_of: Any, first_axis: Any, names: tuple[str, str]
) -> None:
    item = recommender.catalogue.items[0]
    kinds = {names[0]: "footwear_flats", names[1]: "accessories_hat"}
    items = [
        dataclasses.replace(item, item_id=f"{name}{n}", category=kind, group=kind.split("_")[0])
        for name, kind in kinds.items()
        for n in range(10)
    ]
    catalogue = dataclasses.replace(catalogue_of(items, np.full(20, 0.5)), attributes={})
    reading = read_garment(Request(image=b"x"), catalogue, first_axis, catalogue.search.around(first_axis), 30.0)
    assert (reading.category, reading.category_confidence) == (kinds["a"], 1.0)


def test_a_catalogue_of_one_item_answers(recommender: Recommender, catalogue_of: Any, first_axis: Any) -> None:
    catalogue = catalogue_of([recommender.catalogue.items[0]], [1.0])
    reading = read_garment(Request(image=b"x"), catalogue, first_axis, catalogue.search.around(first_axis), 1.0)
    assert 0 <= reading.category_confidence <= 1
