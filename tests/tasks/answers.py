"""Answers of an endpoint, made up but valid, for the tests that compare and report them."""

from collections.abc import Sequence
from typing import Any

from recommender.schema import Response
from tasks.exchange.recommendations import RecommendedContent
from tasks.invoking.answer import Answer

ITEMS = ("footwear/shoes/0001.png", "bottomwear/pants/0002.png", "accessories/bag/0003.png")


def response(
    items: Sequence[str] = ITEMS,
    scores: Sequence[float] = (0.9, 0.8, 0.7),
    model_version: str = "3fa1c09e77b2",
    category: str = "upperwear_shirt",
    gender: str = "unisex",
    encode_ms: float = 40.0,
) -> RecommendedContent:
    return RecommendedContent(
        Response.from_dict(
            {
                "schema_version": 1,
                "model_version": model_version,
                "query": {
                    "category": category,
                    "category_confidence": 0.8,
                    "gender": gender,
                    "gender_confidence": 0.7,
                    "dominant_colours": [
                        {"rgb": [31, 52, 120], "lab": [24.0, 15.0, -40.0], "share": 1.0, "name": "navy"}
                    ],
                },
                "recommendations": [_item(*ranked) for ranked in enumerate(zip(items, scores, strict=False), start=1)],
                "timings_ms": {"decode": 4.0, "encode": encode_ms, "search": 0.5, "score": 1.0},
            }
        )
    )


def answer(picture: str = "queries/1.jpg", latency_ms: float = 60.0, **changed: Any) -> Answer:
    return Answer(picture, response(**changed), None, latency_ms)


def no_answer(picture: str = "queries/1.jpg", error: str = "ModelError: the container answered 500") -> Answer:
    return Answer(picture, None, error, 12.0)


def _item(rank: int, item: tuple[str, float]) -> dict[str, Any]:
    item_id, score = item
    group, kind, _ = item_id.split("/")
    return {
        "rank": rank,
        "item_id": item_id,
        "path": item_id,
        "group": group,
        "category": f"{group}_{kind}",
        "gender": "unisex",
        "score": score,
        "similarity": 0.5,
        "colour_harmony": 0.6,
        "gender_match": 1.0,
        "category_match": 1.0,
        "reason": f"{kind} goes with navy",
    }
