"""Aliases of a response's fields: the names under which clients of the previous recommender read them.

They repeat the contract's own fields; only the number of items in the catalogue appears nowhere else.
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
"""Each alias in a recommendation, with the field that it repeats."""

OF_RESPONSE = ("input_item", "metadata")


def added(recommendation: dict[str, Any]) -> dict[str, Any]:
    """The recommendation with its aliases after its own fields."""
    return recommendation | {alias: recommendation[name] for alias, name in OF_RECOMMENDATION.items()}


def input_item(query: Mapping[str, Any]) -> dict[str, Any]:
    """The query's category, gender and colours, the latter by name."""
    colours = [each["name"] for each in query["dominant_colours"]]
    return {"category": query["category"], "gender": query["gender"], "colors": colours}


def metadata(model_version: str, stages_ms: Iterable[float], catalogue_items: int) -> dict[str, Any]:
    """The model's version, the number of items in its catalogue, and the milliseconds of all stages together."""
    return {
        "processing_time_ms": round(sum(stages_ms), 3),
        "total_items": catalogue_items,
        "model_version": model_version,
    }


def catalogue_items(response: Fields) -> int:
    """The number of items in the catalogue, as `metadata` says; 0 without `metadata`."""
    return response.nested("metadata").whole("total_items", at_least=0) if "metadata" in response else 0


def check(payload: Any, written: Mapping[str, Any]) -> None:
    """Raise SchemaError unless each alias in `payload` equals that in `written`, the same response written by us."""
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
