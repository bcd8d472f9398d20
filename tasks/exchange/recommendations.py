"""The recommender's side: its requests, and its answers as they are compared and shown.

Whatever sends, waits, judges and reports knows requests and answers alone; this module knows the recommender.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from recommender.errors import SchemaError
from recommender.schema import Recommendation, Response
from tasks.exchange.content import Content, Shown, Tile, UnreadableAnswerError, Words
from tasks.exchange.difference import Difference
from tasks.exchange.rankings import overlap_of
from tasks.exchange.request import Request
from tasks.exchange.tolerance import Tolerance, apart

if TYPE_CHECKING:
    from tasks.pictures.queries import Picture

JSON = "application/json"
UNRECOMMENDED = "recommendations"
# Scores lie in [0, 1], so none differ by more. Reported where there are no two scores to subtract.
LARGEST_SCORE_DIFFERENCE = 1.0
WORDS = Words(
    noun="picture",
    same="the same items in the same order",
    largest="largest score difference",
    empty="neither endpoint recommended anything",
    without="without any recommendation",
    may_be_empty=False,
)


def picture_request(picture: Picture, top_k: int) -> Request:
    """The request about a picture, the same bytes for both endpoints."""
    return Request(picture.name, payload(picture.content, top_k), JSON, JSON, picture=picture.content)


def payload(content: bytes, top_k: int) -> bytes:
    """The body of a request about a picture."""
    return json.dumps({"image": base64.b64encode(content).decode(), "top_k": top_k}).encode()


NOT_A_PICTURE = Request(
    "(deliberate failure)",
    payload(b"this is not a picture", 1),
    JSON,
    JSON,
    expect="refused",
    refusal="not_an_image",
)


@dataclass(frozen=True)
class RecommendedContent(Content):
    """The recommender's answer."""

    words = WORDS
    response: Response

    @classmethod
    def read(cls, body: bytes) -> RecommendedContent:
        try:
            return cls(Response.from_dict(json.loads(body)))
        except (ValueError, SchemaError) as exc:
            raise UnreadableAnswerError(str(exc)) from exc

    def each_difference(self, other: RecommendedContent, tolerance: Tolerance) -> Iterator[Difference]:
        """Yield those of the reading of the query, of the items and their order, of scores beyond the tolerance."""
        yield from _answer_differences(self.response, other.response)
        yield from _item_differences(self.response, other.response, tolerance)

    def largest_difference(self, other: RecommendedContent, tolerance: Tolerance) -> float | None:
        """The largest difference of scores; 1.0 if the answers share no item."""
        if self.proves_nothing and other.proves_nothing:
            return None
        scores = {item.item_id: item.score for item in self.response.recommendations}
        items = other.response.recommendations
        shared = [abs(scores[item.item_id] - item.score) for item in items if item.item_id in scores]
        if not shared or not all(difference <= LARGEST_SCORE_DIFFERENCE for difference in shared):
            return LARGEST_SCORE_DIFFERENCE
        return max(shared)

    def overlap(self, other: RecommendedContent) -> str:
        first, second = ([item.item_id for item in each.response.recommendations] for each in (self, other))
        return overlap_of(first, second)

    @property
    def proves_nothing(self) -> bool:
        return not self.response.recommendations

    @property
    def stages_ms(self) -> Mapping[str, float]:
        return {name: float(value) for name, value in asdict(self.response.timings_ms).items()}

    @property
    def shown(self) -> Shown:
        items = self.response.recommendations
        return Shown(
            tiles=tuple(Tile(item.item_id, item.category, item.score, item.reason) for item in items),
            query=self.response.query,
        )

    def to_json(self) -> object:
        return self.response.to_dict()

    def __str__(self) -> str:
        """The recommendations as text for people."""
        query = self.response.query
        colours = ", ".join(f"{colour.name} {colour.share:.0%}" for colour in query.dominant_colours)
        lines = [
            f"Query: {query.category} ({query.category_confidence:.0%}), {query.gender} "
            f"({query.gender_confidence:.0%}), {colours}",
            f"TOP {len(self.response.recommendations)} RECOMMENDATIONS",
        ]
        for item in self.response.recommendations:
            lines += [
                f"{item.rank}. {item.path}",
                f"   Category: {item.category}",
                f"   Gender: {item.gender}",
                f"   Overall Score: {item.score:.4f}",
                f"   {item.reason}",
            ]
        return "\n".join(lines)


def _answer_differences(baseline: Response, asynchronous: Response) -> Iterator[Difference]:
    pairs = {
        "model version": (baseline.model_version, asynchronous.model_version),
        "query category": (baseline.query.category, asynchronous.query.category),
        "query gender": (baseline.query.gender, asynchronous.query.gender),
    }
    for field, (first, second) in pairs.items():
        if first != second:
            yield Difference(None, field, str(first), str(second), place=(field,))


def _item_differences(baseline: Response, asynchronous: Response, tolerance: Tolerance) -> Iterator[Difference]:
    pairs = zip_longest(baseline.recommendations, asynchronous.recommendations)
    for rank, (first, second) in enumerate(pairs, start=1):
        if first is None or second is None or first.item_id != second.item_id:
            yield Difference(rank, "item", _item(first), _item(second), place=(rank,))
        elif math.isnan(first.score) or not tolerance.covers(first.score, second.score):
            size = apart(first.score, second.score)
            yield Difference(rank, "score", f"{first.score:.6f}", f"{second.score:.6f}", size, (rank, "score"))


def _item(recommendation: Recommendation | None) -> str:
    return "nothing" if recommendation is None else recommendation.item_id
