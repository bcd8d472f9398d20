"""Facts about garments: categories, the slots of an outfit, and the categories and genders that go together.

Two categories exclude each other when they fill the same slot of an outfit: nobody wears two pairs of shoes. That one
rule is symmetric by itself, and settles what the predecessor's tables left contradictory: a jacket goes over a
t-shirt, a shirt or a dress; dresses and tops, dresses and bottoms exclude each other in both directions; footwear is
never answered with footwear, nor a bag with bags, while a hat may go with a bag.
Any two categories that don't exclude each other go together. The few pairs in UNUSUAL are still offered, but with less
weight. The predecessor had heels going with tops, but tops not with heels; here they go together.
"""

from __future__ import annotations

SLOTS: dict[str, frozenset[str]] = {
    "upperwear_shirt": frozenset({"top"}),
    "upperwear_tshirt": frozenset({"top"}),
    "upperwear_jacket": frozenset({"outer layer"}),
    "bottomwear_pants": frozenset({"legs"}),
    "bottomwear_shorts": frozenset({"legs"}),
    "bottomwear_skirt": frozenset({"legs"}),
    "footwear_shoes": frozenset({"feet"}),
    "footwear_sneakers": frozenset({"feet"}),
    "footwear_heels": frozenset({"feet"}),
    "footwear_flats": frozenset({"feet"}),
    "accessories_bag": frozenset({"hand"}),
    "accessories_hat": frozenset({"head"}),
    "one-piece_dress": frozenset({"top", "legs"}),
}
CATEGORIES: tuple[str, ...] = tuple(SLOTS)
GENDERS: tuple[str, ...] = ("male", "female", "unisex")

UNUSUAL: frozenset[frozenset[str]] = frozenset(
    frozenset(pair)
    for pair in (
        ("footwear_sneakers", "bottomwear_skirt"),
        ("footwear_sneakers", "one-piece_dress"),
        ("footwear_heels", "bottomwear_pants"),
        ("footwear_heels", "bottomwear_shorts"),
        ("accessories_bag", "accessories_hat"),
    )
)
USUAL_MATCH, UNUSUAL_MATCH = 1.0, 0.5
SAME_GENDER_MATCH, UNISEX_GENDER_MATCH = 1.0, 0.75


def group_of(category: str) -> str:
    """The group of a category: "upperwear" of "upperwear_shirt"."""
    return category.split("_", 1)[0]


def garment(category: str) -> str:
    """The garment's everyday name: "t-shirt" of "upperwear_tshirt"."""
    return category.split("_", 1)[1].replace("tshirt", "t-shirt")


def excludes(query: str, candidate: str) -> bool:
    """True if the two fill the same slot of an outfit, so that one can't complete the other."""
    return not SLOTS[query].isdisjoint(SLOTS[candidate])


def answerable(query: str) -> tuple[str, ...]:
    """The categories that may be recommended for a query category, in table order."""
    return tuple(category for category in CATEGORIES if not excludes(query, category))


def category_match(query: str, candidate: str) -> float:
    """The score in [0, 1] of two categories going together; 0 when they exclude each other."""
    if excludes(query, candidate):
        return 0.0
    return UNUSUAL_MATCH if frozenset((query, candidate)) in UNUSUAL else USUAL_MATCH


def gender_match(query: str, candidate: str) -> float:
    """The score of two genders going together: 1 if they are the same, less if one is unisex, else 0."""
    if query == candidate:
        return SAME_GENDER_MATCH
    return UNISEX_GENDER_MATCH if "unisex" in (query, candidate) else 0.0
