"""The request and the response of the handler, typed and strict: shared by handler, client, comparison and tests."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from recommender.attributes import CATEGORIES, GENDERS, group_of
from recommender.errors import RequestError, SchemaError, json_shown, shown
from recommender.fields import Fields

__all__ = [
    "DEFAULT_TOP_K",
    "MAX_TOP_K",
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
DEFAULT_TOP_K = 5
MAX_TOP_K = 50
REQUEST_FIELDS = (
    "image",
    "image_s3_uri",
    "top_k",
    "n_recommendations",
    "gender",
    "category",
    "include_embedding",
)


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
    """What was understood of the picture asked about."""

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
    """One item which completes the outfit; every score lies in [0, 1]."""

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
        fields.only(*cls.__slots__)
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
    """Milliseconds: bytes to picture; picture to embedding; nearest items and query; colours, scores, selection."""

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
    schema_version: int = SCHEMA_VERSION

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of the contract; without `embedding` where none was asked for."""
        query = asdict(self.query)
        query["dominant_colours"] = [each.to_dict() for each in self.query.dominant_colours]
        embedding = query.pop("embedding")
        if embedding is not None:
            query["embedding"] = list(embedding)
        return {
            "schema_version": self.schema_version,
            "model_version": self.model_version,
            "query": query,
            "recommendations": [asdict(each) for each in self.recommendations],
            "timings_ms": asdict(self.timings_ms),
        }

    @classmethod
    def from_dict(cls, payload: object) -> Response:
        """The response in a decoded JSON object; SchemaError names the first field that isn't as it must be."""
        fields = Fields.of(payload, "response")
        fields.only("schema_version", "model_version", "query", "recommendations", "timings_ms")
        version = fields.whole("schema_version", at_least=1)
        if version != SCHEMA_VERSION:
            raise SchemaError(f"response.schema_version is {version}; this reader knows {SCHEMA_VERSION}: update it.")
        response = cls(
            model_version=fields.text("model_version"),
            query=Query.from_fields(fields.nested("query")),
            recommendations=tuple(Recommendation.from_fields(each) for each in fields.each_nested("recommendations")),
            timings_ms=Timings.from_fields(fields.nested("timings_ms")),
        )
        response.check_order()
        return response

    def check_order(self) -> None:
        """Raise SchemaError unless ranks count from 1, scores fall and ids are unique."""
        ranks = [each.rank for each in self.recommendations]
        if ranks != list(range(1, len(ranks) + 1)):
            raise SchemaError(f"response.recommendations has ranks {shown(ranks)}; they must count up from 1.")
        scores = [each.score for each in self.recommendations]
        if scores != sorted(scores, reverse=True):
            raise SchemaError(f"response.recommendations has scores {shown(scores)}; they must not rise.")
        if len({each.item_id for each in self.recommendations}) != len(ranks):
            raise SchemaError("response.recommendations names an item_id twice; ids must be unique.")


@dataclass(frozen=True, slots=True)
class Request:
    """One question: a picture, as bytes or as an S3 URI, and what is known about it."""

    image: bytes | None = None
    image_s3_uri: str | None = None
    top_k: int = DEFAULT_TOP_K
    gender: str | None = None
    category: str | None = None
    include_embedding: bool = False

    def __post_init__(self) -> None:
        if (self.image is None) == (self.image_s3_uri is None):
            found = "neither" if self.image is None else "both"
            raise RequestError("image_required", f"Give exactly one of image and image_s3_uri; found {found}.")

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of the contract, without the optional fields that weren't given."""
        payload: dict[str, Any] = {"top_k": self.top_k}
        if self.image is not None:
            payload["image"] = base64.b64encode(self.image).decode("ascii")
        optional = {"image_s3_uri": self.image_s3_uri, "gender": self.gender, "category": self.category}
        payload.update({name: value for name, value in optional.items() if value is not None})
        if self.include_embedding:
            payload["include_embedding"] = True
        return payload

    @classmethod
    def from_dict(cls, payload: object) -> Request:
        """The request in a decoded JSON object, where null says nothing; or a RequestError that names the field."""
        if not isinstance(payload, Mapping):
            raise RequestError("invalid_request", f"The request must be a JSON object; found {json_shown(payload)}.")
        unknown = sorted(str(name) for name in payload if name not in REQUEST_FIELDS)
        if unknown:
            known = ", ".join(REQUEST_FIELDS)
            raise RequestError("unknown_field", f"Unknown field {shown(unknown[0])}; the fields are {known}.")
        given = {name: value for name, value in payload.items() if value is not None}
        return cls(
            image=_image(given["image"]) if "image" in given else None,
            image_s3_uri=_uri(given["image_s3_uri"]) if "image_s3_uri" in given else None,
            top_k=_top_k(given),
            gender=_choice("gender", given["gender"], GENDERS) if "gender" in given else None,
            category=_choice("category", given["category"], CATEGORIES) if "category" in given else None,
            include_embedding=_flag("include_embedding", given.get("include_embedding", False)),
        )


def _image(value: object) -> bytes:
    if not isinstance(value, str):
        raise RequestError("invalid_image", f"image must be a base64 string; found {json_shown(value)}.")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        message = f"image isn't strict base64 ({error}); send the encoded bytes without line breaks or a data: prefix."
        raise RequestError("invalid_base64", message) from error


def _uri(value: object) -> str:
    if isinstance(value, str):
        return value
    raise RequestError("invalid_image_s3_uri", f"image_s3_uri must be a string; found {json_shown(value)}.")


def _top_k(payload: Mapping[str, object]) -> int:
    given = [_count(name, payload[name]) for name in ("top_k", "n_recommendations") if name in payload]
    if len(set(given)) > 1:
        message = f"top_k is {given[0]} but its alias n_recommendations is {given[1]}; give one."
        raise RequestError("conflicting_top_k", message)
    return given[0] if given else DEFAULT_TOP_K


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_TOP_K:
        raise RequestError("invalid_top_k", f"{name} must be a whole number 1–{MAX_TOP_K}; found {json_shown(value)}.")
    return value


def _choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in allowed:
        return value
    raise RequestError(f"invalid_{name}", f"{name} must be one of {', '.join(allowed)}; found {json_shown(value)}.")


def _flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise RequestError(f"invalid_{name}", f"{name} must be true or false; found {json_shown(value)}.")
