"""What garment is in the picture, and for whom: the caller's word, else zero-shot and neighbours together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recommender.attributes import GENDERS
from recommender.catalogue.catalogue import Attributes, Catalogue
from recommender.catalogue.items import KINDS, Kind
from recommender.catalogue.search import Neighbourhood
from recommender.schema import Request

NEIGHBOURS = 10
NEIGHBOUR_SHARPNESS = 20.0  # a neighbour nearer by 0.05 of cosine has e times the say
ZERO_SHOT_SHARE = 0.5
GENDER_CERTAINTY = 0.6  # below it a garment is taken as unisex: a wrong gender hides half of the catalogue

_Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reading:
    """A category and a gender, each with the confidence in [0, 1] with which it was told.

    `wearers` says how likely each gender is, as shares of 1: the gender alone, unless it was too uncertain to be told.
    """

    category: str
    category_confidence: float
    gender: str
    gender_confidence: float
    wearers: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.wearers:
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
    # of all genders: whom a catalogue is for is a hint at who asks, what it lacks is none at what they ask about
    return _with_gender(category, told("gender", GENDERS))


def zero_shot(attributes: Attributes | None, embedding: _Vector, logit_scale: float) -> dict[str, float]:
    """The probability of each value: softmax over logit_scale × cosine; nothing where there are no prompts."""
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
    """Both opinions as one distribution; the vote alone where there is no other.

    The neighbours know only some of the values. Their vote says how likely each of those is if it is one of them, and
    nothing of the others: pants are not shoes because a catalogue has nothing but shoes.
    """
    if not zero_shot:
        return dict(vote)
    share = ZERO_SHOT_SHARE
    among_known = sum(zero_shot.get(value, 0.0) for value in known)
    voted = {
        value: share * zero_shot.get(value, 0.0) + (1 - share) * among_known * vote.get(value, 0.0) for value in known
    }
    return {value: voted.get(value, zero_shot.get(value, 0.0)) for value in sorted({*zero_shot, *vote})}


def _votes(catalogue: Catalogue, around: Neighbourhood) -> list[tuple[Kind, float]]:
    """What the nearest items are, each with its say, which sums to 1; equally near ones in the order of their ids."""
    found = around.nearest([catalogue.rows], NEIGHBOURS)
    nearest = np.lexsort((catalogue.order(found.rows), -found.cosine))[:NEIGHBOURS]
    weights = np.exp((found.cosine[nearest] - found.cosine[nearest[0]]) * NEIGHBOUR_SHARPNESS)
    kinds = catalogue.blocks.kinds_at(found.rows[nearest])
    return [(KINDS[kind], weight) for kind, weight in zip(kinds, (weights / weights.sum()).tolist(), strict=True)]


def _likeliest(distribution: Mapping[str, float]) -> tuple[str, float]:
    value = min(distribution, key=lambda each: (-distribution[each], each))
    return value, _confidence(distribution[value])


def _with_gender(category: tuple[str, float], told: Mapping[str, float]) -> Reading:
    """What can't be told is taken as unisex, and scored by all that it may be."""
    gender, confidence = _likeliest(told)
    if confidence >= GENDER_CERTAINTY:
        return Reading(*category, gender, confidence)
    total = sum(told.values())
    wearers = {name: share / total for name, share in told.items()}
    return Reading(*category, "unisex", _confidence(told.get("unisex", 0.0)), wearers)


def _confidence(share: float) -> float:
    return round(min(1.0, max(0.0, share)), 6)
