"""The handler's request, typed and strict, and the refusal of each wrong field."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recommender.attributes import CATEGORIES, GENDERS
from recommender.errors import RequestError, json_shown, shown

DEFAULT_TOP_K = 5
MAX_TOP_K = 50
REQUEST_FIELDS = (
    "image",
    "image_s3_uri",
    "top_k",
    "n_recommendations",
    "min_score",
    "gender",
    "category",
    "include_embedding",
)


@dataclass(frozen=True, slots=True)
class Request:
    """One question about a picture, given as bytes or as an S3 URI."""

    image: bytes | None = None
    image_s3_uri: str | None = None
    top_k: int = DEFAULT_TOP_K
    gender: str | None = None
    category: str | None = None
    include_embedding: bool = False
    min_score: float = 0.0

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
        if self.min_score:
            payload["min_score"] = self.min_score
        if self.include_embedding:
            payload["include_embedding"] = True
        return payload

    @classmethod
    def from_dict(cls, payload: object) -> Request:
        """The request in a decoded JSON object, where null counts as absent; RequestError names a wrong field."""
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
            min_score=_score(given.get("min_score", 0.0)),
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
    # Python's bool is an int, but JSON's true is no number
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_TOP_K:
        raise RequestError("invalid_top_k", f"{name} must be a whole number 1–{MAX_TOP_K}; found {json_shown(value)}.")
    return value


def _score(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise RequestError("invalid_min_score", f"min_score must be a number 0–1; found {json_shown(value)}.")
    return float(value)


def _choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in allowed:
        return value
    raise RequestError(f"invalid_{name}", f"{name} must be one of {', '.join(allowed)}; found {json_shown(value)}.")


def _flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise RequestError(f"invalid_{name}", f"{name} must be true or false; found {json_shown(value)}.")
