"""Which items complete the outfit, and in what order.

The score of an item is the weighted sum WEIGHTS of four terms, each in [0, 1]:
    similarity      (cosine + 1) / 2 of the two embeddings: the same style
    colour_harmony  harmony.py
    gender_match    attributes.py
    category_match  attributes.py
An outfit wants variety: the best item of each category comes before the second of any, if top_k has room for it.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.attributes import GENDERS, UNUSUAL_MATCH, answerable, category_match, garment, gender_match
from recommender.catalogue import Catalogue, Item
from recommender.harmony import Palettes, harmony
from recommender.reading import Reading
from recommender.schema import MAX_TOP_K, Colour, Recommendation

WEIGHTS = {"similarity": 0.4, "colour_harmony": 0.3, "gender_match": 0.15, "category_match": 0.15}
DIGITS = 6  # equal on every machine, so that ties are ties everywhere
HARMONIOUS, CLASHING = 0.75, 0.5
_FOR_WHOM = {"male": "for men", "female": "for women", "unisex": "for anyone"}

_Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows of the catalogue that may answer, each with its cosine to the query."""

    rows: _Rows
    cosine: NDArray[np.float64]


def search(catalogue: Catalogue, reading: Reading, similarity: NDArray[np.float32]) -> Candidates:
    """Of each answerable category the most similar items for that gender, exactly; as many as a request can want."""
    welcome = _welcome_genders(catalogue, reading.gender)
    found = [
        _most_similar(rows[welcome[rows]], similarity)
        for rows in (catalogue.rows[category] for category in answerable(reading.category))
    ]
    rows = np.concatenate(found)
    return Candidates(rows, np.clip(similarity[rows].astype(np.float64), -1.0, 1.0))


class Scored(NamedTuple):
    """A candidate with its score and the terms of it, in the order of WEIGHTS."""

    score: float
    item: Item
    terms: tuple[float, float, float, float]


def rank(
    catalogue: Catalogue, reading: Reading, colours: Sequence[Colour], candidates: Candidates, top_k: int
) -> tuple[Recommendation, ...]:
    """The best `top_k` candidates, or all there are, by falling score; equal scores in the order of their ids."""
    if len(candidates.rows) == 0:
        return ()
    harmonies = harmony(Palettes.of([colours]), catalogue.palettes.take(candidates.rows))
    scored = [
        score(catalogue.items[row], reading, cosine, matched)
        for row, cosine, matched in zip(
            candidates.rows.tolist(), candidates.cosine.tolist(), harmonies.tolist(), strict=True
        )
    ]
    chosen = select(scored, top_k)
    return tuple(_recommendation(place, each, reading, colours[0]) for place, each in enumerate(chosen, start=1))


def score(item: Item, reading: Reading, cosine: float, colour_harmony: float) -> Scored:
    """The item's score for a garment so read, each of its terms rounded first."""
    terms = (
        round((cosine + 1) / 2, DIGITS),
        round(colour_harmony, DIGITS),
        gender_match(reading.gender, item.gender),
        category_match(reading.category, item.category),
    )
    return Scored(round(sum(map(operator.mul, WEIGHTS.values(), terms)), DIGITS), item, terms)


def select(scored: Sequence[Scored], top_k: int) -> list[Scored]:
    """The best of each category first, then the best of the rest, until there are `top_k`; sorted by score."""
    ordered = sorted(scored, key=_by_score)
    best: dict[str, Scored] = {}
    for each in ordered:
        best.setdefault(each.item.category, each)
    rest = [each for each in ordered if best[each.item.category] is not each]
    return sorted([*best.values(), *rest][:top_k], key=_by_score)


def explain(item: Item, reading: Reading, colour: Colour, harmony_score: float, category_score: float) -> str:
    """Why the item is recommended, in words."""
    pairing = "an unusual match for" if category_score <= UNUSUAL_MATCH else "goes with"
    mine, theirs = item.colours[0].name, colour.name
    if mine == theirs:
        colours = f"also {mine}"
    elif harmony_score >= HARMONIOUS:
        colours = f"{mine} harmonises with {theirs}"
    else:
        colours = f"{mine} {'clashes' if harmony_score < CLASHING else 'contrasts'} with {theirs}"
    return f"{pairing} {_counted(garment(reading.category))}; {colours}; {_FOR_WHOM[item.gender]}"


def _recommendation(place: int, scored: Scored, reading: Reading, colour: Colour) -> Recommendation:
    item = scored.item
    terms = dict(zip(WEIGHTS, scored.terms, strict=True))
    return Recommendation(
        rank=place,
        item_id=item.item_id,
        path=item.path,
        group=item.group,
        category=item.category,
        gender=item.gender,
        score=scored.score,
        **terms,
        reason=explain(item, reading, colour, terms["colour_harmony"], terms["category_match"]),
    )


def _by_score(each: Scored) -> tuple[float, str]:
    return -each.score, each.item.item_id


def _welcome_genders(catalogue: Catalogue, gender: str) -> NDArray[np.bool_]:
    welcome = [other for other in GENDERS if gender_match(gender, other) > 0]
    return np.isin(catalogue.genders, welcome)


def _most_similar(rows: _Rows, similarity: NDArray[np.float32]) -> _Rows:
    """The MAX_TOP_K most similar of `rows`, and whatever equals the last of them."""
    if len(rows) <= MAX_TOP_K:
        return rows
    among = similarity[rows]
    return np.asarray(rows[among >= np.partition(among, -MAX_TOP_K)[-MAX_TOP_K]])


def _counted(name: str) -> str:
    plural = name.endswith("s") and name != "dress"
    return name if plural else f"a {name}"
