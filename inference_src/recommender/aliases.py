"""Other names for what a response says: those by which the clients of the recommender before this one read it.

They repeat the contract's own fields; only how many items the catalogue has is said nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from recommender.errors import SchemaError, shown
from recommender.fields import Fields

OF_RECOMMENDATION = {
    "id": "item_id",
    "color_score": "colour_harmony",
    "category_score": "category_match",
    "gender_score": "gender_match",
    "match_reason": "reason",
}
"""Each alias in a recommendation, and the field it repeats."""

OF_RESPONSE = ("input_item", "metadata")


def added(recommendation: dict[str, Any]) -> dict[str, Any]:
    """The recommendation with its aliases behind its own fields."""
    return recommendation | {alias: recommendation[name] for alias, name in OF_RECOMMENDATION.items()}


def input_item(query: Mapping[str, Any]) -> dict[str, Any]:
    """What the query says, its colours by name."""
    colours = [each["name"] for each in query["dominant_colours"]]
    return {"category": query["category"], "gender": query["gender"], "colors": colours}


def metadata(model_version: str, stages_ms: Iterable[float], catalogue_items: int) -> dict[str, Any]:
    """What answered, how many items it has, and how long all stages of the answer took."""
    return {
        "processing_time_ms": round(sum(stages_ms), 3),
        "total_items": catalogue_items,
        "model_version": model_version,
    }


def catalogue_items(response: Fields) -> int:
    """How many items the catalogue has, as metadata says; 0 where there is none."""
    return response.nested("metadata").whole("total_items", at_least=0) if "metadata" in response else 0


def check(payload: Any, written: Mapping[str, Any]) -> None:
    """Raise SchemaError unless each alias of the response `payload` says what `written`, the same response, says."""
    _same(payload, written, OF_RESPONSE, "response")
    pairs = zip(payload["recommendations"], written["recommendations"], strict=True)
    for at, (given, expected) in enumerate(pairs):
        _same(given, expected, OF_RECOMMENDATION, f"response.recommendations[{at}]")


def _same(given: Mapping[str, Any], expected: Mapping[str, Any], aliases: Any, where: str) -> None:
    for alias in aliases:
        if alias in given and given[alias] != expected[alias]:
            raise SchemaError(
                f"{where}.{alias} must repeat the response's own fields, {shown(expected[alias])}; "
                f"found {shown(given[alias])}."
            )
