"""The predecessor's search and scores, written anew from its description: a loop in Python over the whole catalogue.

The predecessor asks its index for ten times as many neighbours as there are items, and gets −1 for the missing ones. A
dictionary made for each request turns neighbours into items; each is filtered, scored, described and collected, and the
best of each category is kept. For each pair of colours a text is made for a log that nobody keeps. All of that is done
here, too; only the index is replaced, by a product of matrices and a sort.
"""

from __future__ import annotations

import colorsys
import json
import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

RGB = tuple[int, int, int]
GREY: RGB = (128, 128, 128)
ASKED_FOR, NO_NEIGHBOUR = 10, -1
VOTERS = 5
MOST = 26
BOOST = 1.15

_TOPS = [f"upperwear_{name}" for name in ("shirt", "tshirt", "top", "blouse", "jacket")]
_DRESSES = ["one-piece_dress", "one-piece_jumpsuit"]
_BOTTOMS = [f"bottomwear_{name}" for name in ("pants", "shorts", "skirt")]
_BAGS_AND_HATS = ["accessories_bag", "accessories_hat"]
_SHIRTS = ["upperwear_shirt", "upperwear_tshirt"]
_ALL_TOPS = [*_SHIRTS, "upperwear_jacket"]


def _shoes(*names: str) -> list[str]:
    return [f"footwear_{name}" for name in names]


_FLAT_SHOES = _shoes("shoes", "sneakers", "flats")
_ANY_SHOES = _shoes("shoes", "sneakers", "heels", "flats")

EXCLUDED: dict[str, list[str]] = {
    **{name: [*_TOPS, *_DRESSES] for name in _TOPS},
    **{name: [*_DRESSES, *_TOPS, *_BOTTOMS] for name in _DRESSES},
    "bottomwear_pants": [*_BOTTOMS, "bottomwear_jeans", "bottomwear_trousers"],
    "bottomwear_shorts": [*_BOTTOMS, "bottomwear_jeans"],
    "bottomwear_skirt": [*_BOTTOMS, "bottomwear_jeans"],
}
COMPATIBLE: dict[str, list[str]] = {
    "upperwear_shirt": [*_BOTTOMS, *_FLAT_SHOES, *_BAGS_AND_HATS],
    "upperwear_tshirt": [*_BOTTOMS, "upperwear_jacket", *_FLAT_SHOES, *_BAGS_AND_HATS],
    "upperwear_jacket": [*_BOTTOMS, *_FLAT_SHOES, *_BAGS_AND_HATS],
    "bottomwear_pants": [*_ALL_TOPS, *_FLAT_SHOES, *_BAGS_AND_HATS],
    "bottomwear_shorts": [*_ALL_TOPS, *_FLAT_SHOES, *_BAGS_AND_HATS],
    "bottomwear_skirt": [*_ALL_TOPS, *_shoes("shoes", "heels", "flats"), *_BAGS_AND_HATS],
    "one-piece_dress": ["upperwear_jacket", *_shoes("heels", "flats", "shoes"), *_BAGS_AND_HATS],
    "footwear_shoes": [*_ALL_TOPS, *_BOTTOMS, "one-piece_dress", *_BAGS_AND_HATS],
    "footwear_sneakers": [*_ALL_TOPS, "bottomwear_pants", "bottomwear_shorts", *_BAGS_AND_HATS],
    "footwear_heels": [*_ALL_TOPS, "bottomwear_skirt", "one-piece_dress", *_BAGS_AND_HATS],
    "footwear_flats": [*_ALL_TOPS, *_BOTTOMS, "one-piece_dress", *_BAGS_AND_HATS],
    "accessories_bag": [*_ALL_TOPS, *_BOTTOMS, "one-piece_dress", *_ANY_SHOES],
    "accessories_hat": [*_ALL_TOPS, *_BOTTOMS, "one-piece_dress", *_ANY_SHOES],
}
GENDERS = {"male": ["male", "unisex"], "female": ["female", "unisex"], "unisex": ["unisex", "male"]}

Scored = dict[str, Any]
Candidate = tuple[dict[str, Any], float]


@dataclass(frozen=True)
class NaiveCatalogue:
    """Items as dictionaries, and their unit embeddings, row-aligned."""

    items: list[dict[str, Any]]
    embeddings: NDArray[np.float32]

    def scan(self, embedding: NDArray[np.float32], colour: RGB, gender: str) -> list[Scored]:
        """The best item of each category, by falling score."""
        rows, similarity = self._neighbours(embedding)
        found = [(int(rows[at]), float(similarity[at])) for at in range(len(rows)) if rows[at] != NO_NEIGHBOUR]
        by_row = dict(enumerate(self.items))
        candidates = [(by_row[row], near) for row, near in found if row in by_row]
        return complete(candidates, colour, gender)

    def _neighbours(self, embedding: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and similarities in the index's shape: the nearest first, then −1."""
        similarity = self.embeddings @ embedding
        nearest = np.argsort(-similarity)
        beyond = (ASKED_FOR - 1) * len(nearest)
        rows = np.pad(nearest, (0, beyond), constant_values=NO_NEIGHBOUR)
        return rows, np.pad(similarity[nearest], (0, beyond))


def read_catalogue(folder: Path) -> NaiveCatalogue:
    """Read the catalogue of one of our artifacts into memory, in the predecessor's form."""
    items = [_item(json.loads(line)) for line in (folder / "items.jsonl").read_text().splitlines()]
    return NaiveCatalogue(items, np.load(folder / "embeddings.npy"))


def _item(said: dict[str, Any]) -> dict[str, Any]:
    named = {name: said[name] for name in ("path", "category", "gender")}
    return {"id": Path(said["path"]).stem, **named, "color_rgb": tuple(said["colours"][0]["rgb"])}


def complete(candidates: list[Candidate], colour: RGB, gender: str) -> list[Scored]:
    """The items that complete the outfit, among candidates in the order of their similarity."""
    category = Counter(item["category"] for item, _ in candidates[:VOTERS]).most_common(1)[0][0]
    genders = GENDERS.get(gender, ["male", "female", "unisex"])
    excluded = [category, *EXCLUDED.get(category, [])]
    by_category: dict[str, list[Scored]] = {}
    for item, similarity in candidates:
        if item["gender"] not in genders or item["category"] in excluded:
            continue
        scored = _scored(item, similarity, category, colour, gender)
        by_category.setdefault(item["category"], []).append(scored)
    best = [sorted(each, key=lambda scored: -scored["score"])[0] for each in by_category.values()]
    best.sort(key=lambda scored: -scored["score"])
    return [{**scored, "rank": rank} for rank, scored in enumerate(best[:MOST], start=1)]


def _scored(item: dict[str, Any], similarity: float, category: str, colour: RGB, gender: str) -> Scored:
    theirs = item.get("color_rgb", GREY)
    by_colour = harmony(colour, theirs)
    by_gender = 1.0 if item["gender"] == gender else 0.75
    score = 0.4 * similarity + 0.4 * by_colour + 0.2 * by_gender
    if item["category"] in COMPATIBLE.get(category, []):
        score *= BOOST
    return {
        "id": item["id"],
        "category": item["category"],
        "gender": item["gender"],
        "color": theirs,
        "path": item.get("path", ""),
        "score": round(score, 4),
        "similarity_score": round(similarity, 4),
        "color_harmony_score": round(by_colour, 4),
        "gender_compatibility_score": round(by_gender, 4),
        "match_reason": _reason(by_colour, by_gender, colour, theirs),
    }


def harmony(one: RGB, other: RGB) -> float:
    """The harmony of two colours by hue alone; each is converted once to find neutrals, and once more for its hue."""
    if _neutral(one) or _neutral(other):
        score, distance = 1.0, 0.0
    else:
        distance = abs(_hls(one)[0] - _hls(other)[0])
        distance = min(distance, 1 - distance)
        score = _by_hue(distance)
    logger.debug(f"harmony: {one} + {other} (Δ{distance:.3f}) = {score}")
    return score


def _by_hue(distance: float) -> float:
    if distance <= 0.084:
        return 0.9
    if 0.45 <= distance <= 0.55:
        return 0.8
    return 0.7 if 0.29 <= distance <= 0.375 else 0.2


def _neutral(colour: RGB) -> bool:
    _, lightness, saturation = _hls(colour)
    return saturation < 0.2 or lightness < 0.1 or lightness > 0.9


def _hls(colour: RGB) -> tuple[float, float, float]:
    red, green, blue = [value / 255.0 for value in colour]
    return colorsys.rgb_to_hls(red, green, blue)


def _reason(by_colour: float, by_gender: float, one: RGB, other: RGB) -> str:
    reasons = []
    if by_colour >= 0.8:
        reasons.append(f"matching {one}" if one == other else f"harmonious colors ({one}+{other})")
    if by_gender >= 0.8:
        reasons.append("gender appropriate")
    reasons.append("category compatible")
    return ", ".join(reasons)
