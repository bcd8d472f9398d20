"""The handler's request and response, typed and strict; shared by handler, client, comparison and tests."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from recommender import aliases
from recommender.attributes import CATEGORIES, GENDERS, group_of
from recommender.errors import RequestError, SchemaError, shown
from recommender.fields import Fields
from recommender.request import DEFAULT_TOP_K, MAX_TOP_K, REQUEST_FIELDS, Request

__all__ = [
    "DEFAULT_TOP_K",
    "MAX_TOP_K",
    "REQUEST_FIELDS",
    "SCHEMA_VERSION",
    "Colour",
    "Query",
    "Recommendation",
    "Request",
    "RequestError",
    "Response",
    "SchemaError",
    "Timings",
]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Colour:
    """A dominant colour: sRGB 0–255, CIELAB (D65), its share of the garment in [0, 1], and a name."""

    rgb: tuple[int, int, int]
    lab: tuple[float, float, float]
    share: float
    name: str

    @classmethod
    def from_fields(cls, fields: Fields) -> Colour:
        """The colour in `fields`, or SchemaError."""
        fields.only("rgb", "lab", "share", "name")
        return cls(fields.rgb("rgb"), fields.lab("lab"), fields.unit("share"), fields.text("name"))

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of the contract."""
        return {"rgb": list(self.rgb), "lab": list(self.lab), "share": self.share, "name": self.name}


@dataclass(frozen=True, slots=True)
class Query:
    """The recommender's reading of the picture asked about."""

    category: str
    category_confidence: float
    gender: str
    gender_confidence: float
    dominant_colours: tuple[Colour, ...]
    embedding: tuple[float, ...] | None = None

    @classmethod
    def from_fields(cls, fields: Fields) -> Query:
        """The query in `fields`, or SchemaError."""
        names = ("category", "category_confidence", "gender", "gender_confidence", "dominant_colours")
        fields.only(*names, optional=("embedding",))
        return cls(
            category=fields.one_of("category", CATEGORIES),
            category_confidence=fields.unit("category_confidence"),
            gender=fields.one_of("gender", GENDERS),
            gender_confidence=fields.unit("gender_confidence"),
            dominant_colours=tuple(Colour.from_fields(each) for each in fields.each_nested("dominant_colours")),
            embedding=fields.numbers("embedding") if "embedding" in fields else None,
        )


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One item that completes the outfit; every score lies in [0, 1]."""

    rank: int
    item_id: str
    path: str
    group: str
    category: str
    gender: str
    score: float
    similarity: float
    colour_harmony: float
    gender_match: float
    category_match: float
    reason: str

    @classmethod
    def from_fields(cls, fields: Fields) -> Recommendation:
        """The recommendation in `fields`, or SchemaError."""
        fields.only(*cls.__slots__, optional=aliases.OF_RECOMMENDATION)
        category = fields.one_of("category", CATEGORIES)
        return cls(
            rank=fields.whole("rank", at_least=1),
            item_id=fields.text("item_id"),
            path=fields.text("path"),
            group=fields.one_of("group", (group_of(category),)),
            category=category,
            gender=fields.one_of("gender", GENDERS),
            score=fields.unit("score"),
            similarity=fields.unit("similarity"),
            colour_harmony=fields.unit("colour_harmony"),
            gender_match=fields.unit("gender_match"),
            category_match=fields.unit("category_match"),
            reason=fields.text("reason"),
        )


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds for bytes to picture; picture to embedding; nearest items and query; colours, scores, selection."""

    decode: float
    encode: float
    search: float
    score: float

    @classmethod
    def from_fields(cls, fields: Fields) -> Timings:
        """The timings in `fields`, or SchemaError."""
        fields.only(*cls.__slots__)
        return cls(*(fields.number(name, at_least=0.0) for name in cls.__slots__))


@dataclass(frozen=True, slots=True)
class Response:
    """The handler's answer."""

    model_version: str
    query: Query
    recommendations: tuple[Recommendation, ...]
    timings_ms: Timings
    catalogue_items: int = 0
    schema_version: int = SCHEMA_VERSION

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of the contract, its aliases included; `embedding` only if it was asked for."""
        query = asdict(self.query)
        query["dominant_colours"] = [each.to_dict() for each in self.query.dominant_colours]
        embedding = query.pop("embedding")
        if embedding is not None:
            query["embedding"] = list(embedding)
        return {
            "schema_version": self.schema_version,
            "model_version": self.model_version,
            "query": query,
            "recommendations": [aliases.added(asdict(each)) for each in self.recommendations],
            "timings_ms": asdict(self.timings_ms),
            "input_item": aliases.input_item(query),
            "metadata": aliases.metadata(self.model_version, asdict(self.timings_ms).values(), self.catalogue_items),
        }

    @classmethod
    def from_dict(cls, payload: object) -> Response:
        """The response in a decoded JSON object; SchemaError names the first wrong field."""
        fields = Fields.of(payload, "response")
        named = ("schema_version", "model_version", "query", "recommendations", "timings_ms")
        fields.only(*named, optional=aliases.OF_RESPONSE)
        version = fields.whole("schema_version", at_least=1)
        if version != SCHEMA_VERSION:
            raise SchemaError(f"response.schema_version is {version}; this reader knows {SCHEMA_VERSION}: update it.")
        response = cls(
            model_version=fields.text("model_version"),
            query=Query.from_fields(fields.nested("query")),
            recommendations=tuple(Recommendation.from_fields(each) for each in fields.each_nested("recommendations")),
            timings_ms=Timings.from_fields(fields.nested("timings_ms")),
            catalogue_items=aliases.catalogue_items(fields),
        )
        response.check_order()
        aliases.check(payload, response.to_dict())
        return response

    def check_order(self) -> None:
        """Raise SchemaError unless ranks count from 1, scores never rise and ids are unique."""
        ranks = [each.rank for each in self.recommendations]
        if ranks != list(range(1, len(ranks) + 1)):
            raise SchemaError(f"response.recommendations has ranks {shown(ranks)}; they must count up from 1.")
        scores = [each.score for each in self.recommendations]
        if scores != sorted(scores, reverse=True):
            raise SchemaError(f"response.recommendations has scores {shown(scores)}; they must not rise.")
        if len({each.item_id for each in self.recommendations}) != len(ranks):
            raise SchemaError("response.recommendations names an item_id twice; ids must be unique.")
