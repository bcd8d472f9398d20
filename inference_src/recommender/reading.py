"""The category and gender of a garment: the caller's, else those that zero-shot and neighbours together suggest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recommender.attributes import GENDERS
from recommender.catalogue.catalogue import Attributes, Catalogue
from recommender.catalogue.items import ITEM_KINDS, ItemKind
from recommender.catalogue.search import Neighbourhood
from recommender.schema import Request

NEIGHBOURS = 10
NEIGHBOUR_SHARPNESS = 20.0  # a neighbour whose cosine is higher by 0.05 has e times the weight
ZERO_SHOT_SHARE = 0.5
GENDER_CERTAINTY = 0.6  # below this a garment counts as unisex: a wrong gender hides half of the catalogue

_Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reading:
    """A category and a gender, each with its confidence in [0, 1].

    `wearers` is the probability of each gender: 1 for `gender` alone, unless it was too uncertain to decide.
    """

    category: str
    category_confidence: float
    gender: str
    gender_confidence: float
    wearers: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.wearers:  # a frozen dataclass refuses plain assignment
            object.__setattr__(self, "wearers", {self.gender: 1.0})


def read_garment(
    request: Request, catalogue: Catalogue, embedding: _Vector, around: Neighbourhood, logit_scale: float
) -> Reading:
    """The garment's category and gender: from the request with confidence 1, else read from the picture."""
    votes = _votes(catalogue, around)

    def told(kind: str, known: Collection[str]) -> dict[str, float]:
        vote: dict[str, float] = {}
        for neighbour, weight in votes:
            value = getattr(neighbour, kind)
            vote[value] = vote.get(value, 0.0) + weight
        return combined(zero_shot(catalogue.attributes.get(kind), embedding, logit_scale), vote, known)

    held = catalogue.blocks.categories
    category = (request.category, 1.0) if request.category else _likeliest(told("category", held))
    if request.gender:
        return Reading(*category, request.gender, 1.0)
    # All genders count as known, but only the catalogue's categories: a catalogue for women alone hints that its users
    # ask about women's garments, while one without pants says nothing about the garment asked about.
    return _with_gender(category, told("gender", GENDERS))


def zero_shot(attributes: Attributes | None, embedding: _Vector, logit_scale: float) -> dict[str, float]:
    """The probability of each value: softmax over logit_scale × cosine; empty without prompts."""
    if attributes is None:
        return {}
    logits = logit_scale * (attributes.embeddings @ embedding).astype(np.float64)
    probabilities = np.exp(logits - logits.max())
    probabilities /= probabilities.sum()
    totals: dict[str, float] = {}
    for value, probability in zip(attributes.values, probabilities, strict=True):
        totals[value] = totals.get(value, 0.0) + float(probability)
    return totals


def combined(zero_shot: Mapping[str, float], vote: Mapping[str, float], known: Collection[str]) -> dict[str, float]:
    """Both distributions as one; the vote alone if there is no zero-shot one.

    The neighbours know only the values in `known`. Their vote is the probability of each of those, given that it is one
    of them, and says nothing about the others: pants aren't shoes just because a catalogue has nothing but shoes.
    """
    if not zero_shot:
        return dict(vote)
    share = ZERO_SHOT_SHARE
    among_known = sum(zero_shot.get(value, 0.0) for value in known)
    voted = {
        value: share * zero_shot.get(value, 0.0) + (1 - share) * among_known * vote.get(value, 0.0) for value in known
    }
    return {value: voted.get(value, zero_shot.get(value, 0.0)) for value in sorted({*zero_shot, *vote})}


def _votes(catalogue: Catalogue, around: Neighbourhood) -> list[tuple[ItemKind, float]]:
    """The kinds of the nearest items, with weights that sum to 1; equally near items in the order of their ids."""
    found = around.nearest([catalogue.rows], NEIGHBOURS)
    nearest = np.lexsort((catalogue.order(found.rows), -found.cosine))[:NEIGHBOURS]
    weights = np.exp((found.cosine[nearest] - found.cosine[nearest[0]]) * NEIGHBOUR_SHARPNESS)
    kinds = catalogue.blocks.kinds_at(found.rows[nearest])
    return [(ITEM_KINDS[kind], weight) for kind, weight in zip(kinds, (weights / weights.sum()).tolist(), strict=True)]


def _likeliest(distribution: Mapping[str, float]) -> tuple[str, float]:
    value = min(distribution, key=lambda each: (-distribution[each], each))
    return value, _confidence(distribution[value])


def _with_gender(category: tuple[str, float], told: Mapping[str, float]) -> Reading:
    """The reading with the likeliest gender; an uncertain one becomes unisex, and all genders count in the scores."""
    gender, confidence = _likeliest(told)
    if confidence >= GENDER_CERTAINTY:
        return Reading(*category, gender, confidence)
    total = sum(told.values())
    wearers = {name: share / total for name, share in told.items()}
    return Reading(*category, "unisex", _confidence(told.get("unisex", 0.0)), wearers)


def _confidence(share: float) -> float:
    return round(min(1.0, max(0.0, share)), 6)
