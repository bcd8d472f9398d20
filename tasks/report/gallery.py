"""The answers of the report: each request beside what the endpoints said, the differing ones first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.exchange.content import Shown, Tile
from tasks.invoking.answer import Answer
from tasks.pictures.thumbnail import thumbnail_uri
from tasks.verdict.comparison import RequestComparison

SHOWN_DIFFERING = 100
SHOWN_EMPTY = 40
SHOWN_AGREEING = 40
NOTHING = Shown()


@dataclass(frozen=True)
class Item:
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
    """The answer to a request by one endpoint, or by both if they agree."""

    side: str
    latency: tuple[float, ...]
    tiles: tuple[Item, ...]
    error: str | None
    text: str = ""
    cut_characters: int = 0
    location: str = ""
    """The S3 URI of the whole answer, of the asynchronous endpoint alone."""


@dataclass(frozen=True)
class Card:
    """One request, the endpoints' reading of it, and their answers."""

    comparison: RequestComparison
    css_class: str
    query: object | None
    lanes: tuple[Lane, ...]


@dataclass(frozen=True)
class Gallery:
    """The cards that are shown, the numbers of hidden ones, and the thumbnails as data: URIs by CSS class."""

    differing: tuple[Card, ...]
    incomparable: tuple[Card, ...]
    empty: tuple[Card, ...]
    agreeing: tuple[Card, ...]
    hidden_differing: int
    hidden_incomparable: int
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
    comparisons: Sequence[RequestComparison],
    answers: Sequence[tuple[Answer, Answer]],
    query_pictures: Mapping[str, bytes],
    item_pictures: Mapping[str, bytes],
    locations: Mapping[str, str],
) -> Gallery:
    """The cards to show: differing ones with the worst first, empty ones, agreeing ones; and their thumbnails."""
    pairs = {baseline.request: (baseline, asynchronous) for baseline, asynchronous in answers}
    queries, items = _Thumbnails(query_pictures, "q"), _Thumbnails(item_pictures, "i")
    known = [comparison for comparison in comparisons if comparison.request in pairs]
    differing = sorted((c for c in known if c.differs), key=_severity)
    incomparable = [c for c in known if c.incomparable]
    empty = [c for c in known if c.empty]
    agreeing = [c for c in known if c.agrees]

    def cards(chosen: Sequence[RequestComparison]) -> tuple[Card, ...]:
        return tuple(
            _card(c, *pairs[c.request], queries.css_class(c.request), items, locations.get(c.request, ""))
            for c in chosen
        )

    return Gallery(
        differing=cards(differing[:SHOWN_DIFFERING]),
        incomparable=cards(incomparable[:SHOWN_DIFFERING]),
        empty=cards(empty[:SHOWN_EMPTY]),
        agreeing=cards(agreeing[:SHOWN_AGREEING]),
        hidden_differing=len(differing[SHOWN_DIFFERING:]),
        hidden_incomparable=len(incomparable[SHOWN_DIFFERING:]),
        hidden_empty=len(empty[SHOWN_EMPTY:]),
        hidden_agreeing=len(agreeing[SHOWN_AGREEING:]),
        thumbnails={**queries.uris, **items.uris},
    )


def _severity(comparison: RequestComparison) -> tuple[bool, float, int, str]:
    return (
        comparison.answered,
        -(comparison.largest_difference or 0.0),
        -len(comparison.differences),
        comparison.request,
    )


def _card(
    comparison: RequestComparison,
    baseline: Answer,
    asynchronous: Answer,
    css_class: str,
    items: _Thumbnails,
    location: str,
) -> Card:
    response = baseline.response or asynchronous.response
    query = response.shown.query if response else None
    return Card(comparison, css_class, query, tuple(_lanes(comparison, baseline, asynchronous, items, location)))


def _lanes(
    comparison: RequestComparison, baseline: Answer, asynchronous: Answer, items: _Thumbnails, location: str
) -> Iterator[Lane]:
    ranks = {difference.rank for difference in comparison.differences}
    shown = [answer.response.shown if answer.response else NOTHING for answer in (baseline, asynchronous)]
    if comparison.agrees:
        latency = (baseline.latency_ms, asynchronous.latency_ms)
        tiles = _tiles(shown[0].tiles, ranks, items)
        yield Lane("both", latency, tiles, None, shown[0].text, shown[0].cut_characters, location)
        return
    longest = max(len(each.tiles) for each in shown)
    for side, answer, each in zip(("real-time", "asynchronous"), (baseline, asynchronous), shown, strict=True):
        tiles = _tiles(each.tiles, ranks, items)
        lacking = tuple(Item(rank, "", "", 0.0, "", "", True) for rank in range(len(tiles) + 1, longest + 1))
        where = location if side == "asynchronous" else ""
        yield Lane(side, (answer.latency_ms,), tiles + lacking, answer.error, each.text, each.cut_characters, where)


def _tiles(tiles: Sequence[Tile], differing_ranks: set[int | None], items: _Thumbnails) -> tuple[Item, ...]:
    return tuple(_item(rank, tile, rank in differing_ranks, items) for rank, tile in enumerate(tiles, 1))


def _item(rank: int, tile: Tile, differs: bool, items: _Thumbnails) -> Item:
    picture = items.css_class(tile.item_id)
    return Item(rank, tile.item_id, tile.category, tile.score, tile.reason, picture, differs)
