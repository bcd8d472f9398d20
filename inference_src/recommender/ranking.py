"""The choice and the order of the items that complete the outfit.

The score of an item is the weighted sum WEIGHTS of four terms, each in [0, 1]:
    similarity      (cosine + 1) / 2 of the two embeddings: the same style
    colour_harmony  harmony.py
    gender_match    attributes.py; its expected value if the gender of the garment is uncertain
    category_match  attributes.py
An outfit has one item for each slot, so one per slot is chosen first (a bag before a second pair of shoes), then the
best of each other category, then the rest, up to top_k. The chosen items are then sorted by score.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from recommender.attributes import (
    CATEGORIES,
    GENDERS,
    SLOTS,
    UNUSUAL_MATCH,
    answerable,
    category_match,
    garment,
    gender_match,
)
from recommender.catalogue.catalogue import Catalogue
from recommender.catalogue.items import ITEM_KINDS, Item
from recommender.catalogue.search import Candidates, Neighbourhood
from recommender.colours.harmony import Palettes, harmony, is_neutral
from recommender.reading import Reading
from recommender.schema import MAX_TOP_K, Colour, Recommendation

WEIGHTS = {"similarity": 0.4, "colour_harmony": 0.3, "gender_match": 0.15, "category_match": 0.15}
DIGITS = 6  # of the seven that single precision has
HARMONIOUS, CLASHING = 0.75, 0.5
_FOR_WHOM = {"male": "for men", "female": "for women", "unisex": "for anyone"}

_CATEGORY_OF_KIND = np.array([CATEGORIES.index(kind.category) for kind in ITEM_KINDS])
_GENDER_MATCH = np.array([[gender_match(gender, kind.gender) for kind in ITEM_KINDS] for gender in GENDERS])

_Rows = NDArray[np.intp]
_Floats = NDArray[np.float64]


def find_candidates(catalogue: Catalogue, reading: Reading, around: Neighbourhood) -> Candidates:
    """The MAX_TOP_K most similar items of each answerable category, among those that suit a possible wearer."""
    welcome = tuple(other for other in GENDERS if any(gender_match(gender, other) for gender in reading.wearers))
    runs = [catalogue.blocks.rows(category, welcome) for category in answerable(reading.category)]
    return around.nearest(runs, MAX_TOP_K)


def rank(
    catalogue: Catalogue,
    reading: Reading,
    colours: Sequence[Colour],
    candidates: Candidates,
    top_k: int,
    min_score: float = 0.0,
) -> tuple[Recommendation, ...]:
    """The best `top_k` candidates, or all if there are fewer, by falling score; equal scores in the order of their ids.

    Candidates that score below `min_score` are left out before the choice, so that they take no other's place.
    """
    rows = candidates.rows
    if len(rows) == 0:
        return ()
    kinds = catalogue.blocks.kinds_at(rows)
    terms = score_terms(reading, kinds, candidates.cosine, harmony(Palettes.of([colours]), catalogue.palettes(rows)))
    scores = total(terms)
    good = np.flatnonzero(scores >= min_score)
    if len(good) == 0:
        return ()
    chosen = good[select(scores[good], _CATEGORY_OF_KIND[kinds[good]], catalogue.order(rows[good]), top_k)].tolist()
    return tuple(
        _recommendation(
            place,
            catalogue.items[int(rows[at])],
            float(scores[at]),
            {name: float(term[at]) for name, term in terms.items()},
            reading,
            colours[0],
        )
        for place, at in enumerate(chosen, start=1)
    )


def score_terms(reading: Reading, kinds: _Rows, cosine: _Floats, colour_harmony: _Floats) -> dict[str, _Floats]:
    """The terms of WEIGHTS for n candidates of these kinds, rounded."""
    by_gender = np.array([reading.wearers.get(gender, 0.0) for gender in GENDERS]) @ _GENDER_MATCH
    return {
        "similarity": np.round((cosine + 1) / 2, DIGITS),
        "colour_harmony": np.round(colour_harmony, DIGITS),
        "gender_match": np.round(np.minimum(by_gender, 1.0), DIGITS)[kinds],
        "category_match": _category_match(reading.category)[kinds],
    }


@cache
def _category_match(category: str) -> _Floats:
    """The category match of each of ITEM_KINDS with a garment of this category."""
    return np.array([category_match(category, kind.category) for kind in ITEM_KINDS])


def total(terms: dict[str, _Floats]) -> _Floats:
    """The scores: the weighted sums of the terms, rounded."""
    return np.asarray(np.round(sum(weight * terms[name] for name, weight in WEIGHTS.items()), DIGITS))


def select(scores: _Floats, categories: _Rows, order: NDArray[np.uint32], top_k: int) -> _Rows:
    """Choose one item per slot of an outfit, then one per other category, then the rest; return `top_k` by score."""
    by_score = np.lexsort((order, -scores))
    places = np.arange(len(by_score))
    best = np.full(len(CATEGORIES), -1)
    best[categories[by_score][::-1]] = places[::-1]  # numpy keeps the last write, here the best place
    best = np.sort(best[best >= 0])
    preferred = np.concatenate([_outfit_first(best, categories[by_score[best]]), np.delete(places, best)])
    return np.asarray(by_score[np.sort(preferred[:top_k])])


def _outfit_first(best: _Rows, categories: _Rows) -> list[int]:
    """The best of each category, in two groups by score: those whose slots are still free, then the others."""
    worn: set[str] = set()
    outfit: list[int] = []
    others: list[int] = []
    for place, category in zip(best.tolist(), categories.tolist(), strict=True):
        slots = SLOTS[CATEGORIES[category]]
        if worn.isdisjoint(slots):
            outfit.append(place)
            worn |= slots
        else:
            others.append(place)
    return outfit + others


def explain(item: Item, reading: Reading, colour: Colour, harmony_score: float, category_score: float) -> str:
    """The reason for the recommendation, in words."""
    pairing = "an unusual match for" if category_score <= UNUSUAL_MATCH else "goes with"
    mine, theirs = item.colours[0].name, colour.name
    if mine == theirs:
        colours = f"also {mine}"
    elif harmony_score >= CLASHING and (is_neutral(item.colours[0]) or is_neutral(colour)):
        colours = (
            f"{mine} goes with {theirs}, a neutral" if is_neutral(colour) else f"{mine}, a neutral, goes with {theirs}"
        )
    elif harmony_score >= HARMONIOUS:
        colours = f"{mine} harmonises with {theirs}"
    else:
        colours = f"{mine} {'clashes' if harmony_score < CLASHING else 'contrasts'} with {theirs}"
    return f"{pairing} {_counted(garment(reading.category))}; {colours}; {_FOR_WHOM[item.gender]}"


def _recommendation(
    place: int, item: Item, score: float, terms: dict[str, float], reading: Reading, colour: Colour
) -> Recommendation:
    return Recommendation(
        rank=place,
        item_id=item.item_id,
        path=item.path,
        group=item.group,
        category=item.category,
        gender=item.gender,
        score=score,
        **terms,
        reason=explain(item, reading, colour, terms["colour_harmony"], terms["category_match"]),
    )


def _counted(name: str) -> str:
    plural = name.endswith("s") and name != "dress"
    return name if plural else f"a {name}"
