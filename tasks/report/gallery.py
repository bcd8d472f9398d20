"""The pictures of the report: each query beside what the endpoints recommended, the differing ones first."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from recommender.errors import RequestError
from recommender.pictures.image import decode
from recommender.schema import Query, Recommendation, Response
from tasks.invoking.answer import Answer
from tasks.verdict.comparison import PictureComparison

THUMBNAIL_PIXELS = 112
THUMBNAIL_QUALITY = 78
SHOWN_DIFFERING = 100
SHOWN_EMPTY = 40
SHOWN_AGREEING = 40


@dataclass(frozen=True)
class Tile:
    """One recommended item; `item_id` is "" at a rank where only the other endpoint has one.

    `css_class` names the thumbnail, "" if there is no picture of the item.
    """

    rank: int
    item_id: str
    category: str
    score: float
    reason: str
    css_class: str
    differs: bool


@dataclass(frozen=True)
class Lane:
    """The recommendations for a picture by one endpoint, or by both if they agree."""

    side: str
    latency: tuple[float, ...]
    tiles: tuple[Tile, ...]
    error: str | None


@dataclass(frozen=True)
class Card:
    """One picture, the endpoints' reading of it, and their recommendations."""

    comparison: PictureComparison
    css_class: str
    query: Query | None
    lanes: tuple[Lane, ...]


@dataclass(frozen=True)
class Gallery:
    """The cards that are shown, the numbers of hidden ones, and the thumbnails as data: URIs by CSS class."""

    differing: tuple[Card, ...]
    empty: tuple[Card, ...]
    agreeing: tuple[Card, ...]
    hidden_differing: int
    hidden_empty: int
    hidden_agreeing: int
    thumbnails: Mapping[str, str]


@dataclass
class _Thumbnails:
    """One CSS class per picture, so that an item that is recommended often is embedded once."""

    pictures: Mapping[str, bytes]
    prefix: str
    uris: dict[str, str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)

    def css_class(self, name: str) -> str:
        if name not in self.classes:
            uri = thumbnail_uri(self.pictures[name]) if name in self.pictures else None
            self.classes[name] = f"{self.prefix}{len(self.classes)}" if uri else ""
            if uri:
                self.uris[self.classes[name]] = uri
        return self.classes[name]


def gallery(
    comparisons: Sequence[PictureComparison],
    answers: Sequence[tuple[Answer, Answer]],
    query_pictures: Mapping[str, bytes],
    item_pictures: Mapping[str, bytes],
) -> Gallery:
    """The cards to show: differing ones with the worst first, empty ones, agreeing ones; and their thumbnails."""
    pairs = {baseline.picture: (baseline, asynchronous) for baseline, asynchronous in answers}
    queries, items = _Thumbnails(query_pictures, "q"), _Thumbnails(item_pictures, "i")
    known = [comparison for comparison in comparisons if comparison.picture in pairs]
    differing = sorted((c for c in known if c.differs), key=_severity)
    empty = [c for c in known if c.empty]
    agreeing = [c for c in known if c.agrees]

    def cards(chosen: Sequence[PictureComparison]) -> tuple[Card, ...]:
        return tuple(_card(c, *pairs[c.picture], queries.css_class(c.picture), items) for c in chosen)

    return Gallery(
        differing=cards(differing[:SHOWN_DIFFERING]),
        empty=cards(empty[:SHOWN_EMPTY]),
        agreeing=cards(agreeing[:SHOWN_AGREEING]),
        hidden_differing=len(differing[SHOWN_DIFFERING:]),
        hidden_empty=len(empty[SHOWN_EMPTY:]),
        hidden_agreeing=len(agreeing[SHOWN_AGREEING:]),
        thumbnails={**queries.uris, **items.uris},
    )


def thumbnail_uri(picture: bytes) -> str | None:
    """A small JPEG as a data: URI; None if the picture can't be decoded: the page then shows a placeholder."""
    try:
        small = decode(picture, at_least_px=2 * THUMBNAIL_PIXELS)
    except RequestError:
        return None
    small.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    encoded = io.BytesIO()
    small.save(encoded, "JPEG", quality=THUMBNAIL_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.getvalue()).decode("ascii")


def _severity(comparison: PictureComparison) -> tuple[float, int, str]:
    return -(comparison.max_score_difference or 0.0), -len(comparison.differences), comparison.picture


def _card(
    comparison: PictureComparison, baseline: Answer, asynchronous: Answer, css_class: str, items: _Thumbnails
) -> Card:
    response = baseline.response or asynchronous.response
    query = response.query if response else None
    return Card(comparison, css_class, query, tuple(_lanes(comparison, baseline, asynchronous, items)))


def _lanes(comparison: PictureComparison, baseline: Answer, asynchronous: Answer, items: _Thumbnails) -> Iterator[Lane]:
    ranks = {difference.rank for difference in comparison.differences}
    if comparison.agrees:
        latency = (baseline.latency_ms, asynchronous.latency_ms)
        yield Lane("both", latency, _tiles(baseline.response, ranks, items), None)
        return
    longest = max(len(answer.response.recommendations) if answer.response else 0 for answer in (baseline, asynchronous))
    for side, answer in (("real-time", baseline), ("asynchronous", asynchronous)):
        tiles = _tiles(answer.response, ranks, items)
        lacking = tuple(Tile(rank, "", "", 0.0, "", "", True) for rank in range(len(tiles) + 1, longest + 1))
        yield Lane(side, (answer.latency_ms,), tiles + lacking, answer.error)


def _tiles(response: Response | None, differing_ranks: set[int | None], items: _Thumbnails) -> tuple[Tile, ...]:
    recommendations = response.recommendations if response else ()
    return tuple(_tile(rank, item, rank in differing_ranks, items) for rank, item in enumerate(recommendations, 1))


def _tile(rank: int, item: Recommendation, differs: bool, items: _Thumbnails) -> Tile:
    return Tile(rank, item.item_id, item.category, item.score, item.reason, items.css_class(item.item_id), differs)
