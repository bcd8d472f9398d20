from __future__ import annotations

import base64
import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from recommender.aliases import OF_RECOMMENDATION
from recommender.attributes import CATEGORIES
from recommender.schema import Colour, Query, Recommendation, Request, RequestError, Response, SchemaError, Timings

PICTURE = base64.b64encode(b"picture").decode()


@pytest.fixture
def response() -> Response:
    red = Colour((220, 25, 30), (46.6, 70.1, 51.0), 1.0, "red")
    item = Recommendation(
        rank=1,
        item_id="bottomwear/pants/1.png",
        path="bottomwear/pants/1.png",
        group="bottomwear",
        category="bottomwear_pants",
        gender="male",
        score=0.9,
        similarity=0.8,
        colour_harmony=1.0,
        gender_match=1.0,
        category_match=1.0,
        reason="goes with a shirt",
    )
    query = Query("upperwear_shirt", 0.7, "male", 1.0, (red,), (0.6, -0.8))
    return Response("0123456789ab", query, (item,), Timings(1.0, 2.0, 3.0, 4.0), 78)


def test_response_survives_json(response: Response) -> None:
    assert Response.from_dict(json.loads(json.dumps(response.to_dict()))) == response


def test_response_leaves_out_an_embedding_nobody_asked_for(response: Response) -> None:
    payload = response.to_dict()
    del payload["query"]["embedding"]
    assert Response.from_dict(payload).query.embedding is None
    assert "embedding" not in Response.from_dict(payload).to_dict()["query"]


def test_response_says_the_same_under_the_names_of_earlier_clients(response: Response) -> None:
    payload = response.to_dict()
    item = payload["recommendations"][0]
    assert item["id"] == item["item_id"]
    assert (item["color_score"], item["category_score"], item["gender_score"]) == (1.0, 1.0, 1.0)
    assert item["match_reason"] == item["reason"] == "goes with a shirt"
    assert payload["input_item"] == {"category": "upperwear_shirt", "gender": "male", "colors": ["red"]}
    assert payload["metadata"] == {"processing_time_ms": 10.0, "total_items": 78, "model_version": "0123456789ab"}


def test_response_is_read_without_its_aliases_too(response: Response) -> None:
    payload = response.to_dict()
    del payload["input_item"], payload["metadata"]
    for alias in OF_RECOMMENDATION:
        del payload["recommendations"][0][alias]
    assert Response.from_dict(payload) == replace(response, catalogue_items=0)


def changed(payload: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    payload = copy.deepcopy(payload)
    *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place: Any = payload
    for step in parents:
        place = place[step]
    place[last] = value
    return payload


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema_version", 2),
        ("schema_version", True),
        ("model_version", ""),
        ("extra", 1),
        ("query.category", "shirt"),
        ("query.category_confidence", 1.0001),
        ("query.gender", "Men"),
        ("query.gender_confidence", float("nan")),
        ("query.dominant_colours", None),
        ("query.dominant_colours.0.rgb", [256, 0, 0]),
        ("query.dominant_colours.0.rgb", [1.0, 0, 0]),
        ("query.dominant_colours.0.lab", [50, 0]),
        ("query.dominant_colours.0.share", -0.1),
        ("query.embedding", ["0.5"]),
        ("recommendations.0.rank", 0),
        ("recommendations.0.rank", 2),
        ("recommendations.0.item_id", None),
        ("recommendations.0.group", "upperwear"),
        ("recommendations.0.score", 1.15),
        ("recommendations.0.score", float("inf")),
        ("recommendations.0.similarity", "0.8"),
        ("recommendations.0.match_reason", "x"),
        ("recommendations.0.color_score", 0.9),
        ("recommendations.0.extra", 1),
        ("input_item", {"category": "upperwear_shirt", "gender": "female", "colors": ["red"]}),
        ("metadata.total_items", -1),
        ("metadata.model_version", "other"),
        ("metadata", None),
        ("timings_ms.decode", -1),
        ("timings_ms.decode", 10**400),
        ("timings_ms", []),
    ],
)
def test_response_names_the_field_that_is_wrong(response: Response, path: str, value: Any) -> None:
    with pytest.raises(SchemaError) as caught:
        Response.from_dict(changed(response.to_dict(), path, value))
    assert path.split(".")[-1] in str(caught.value) or path.split(".")[0] in str(caught.value)


def test_response_refuses_ids_twice_and_rising_scores(response: Response) -> None:
    payload = response.to_dict()
    twice = [payload["recommendations"][0], {**payload["recommendations"][0], "rank": 2}]
    with pytest.raises(SchemaError, match="twice"):
        Response.from_dict({**payload, "recommendations": twice})
    twice[1] = {**twice[1], "item_id": "other", "score": 0.95}
    with pytest.raises(SchemaError, match="must not rise"):
        Response.from_dict({**payload, "recommendations": twice})


@pytest.mark.parametrize("payload", [None, [], "x", 5])
def test_response_refuses_what_is_no_object(payload: Any) -> None:
    with pytest.raises(SchemaError, match="JSON object"):
        Response.from_dict(payload)


def test_request_has_the_defaults_of_the_contract() -> None:
    request = Request.from_dict({"image": PICTURE})
    assert request == Request(b"picture", None, 5, None, None, False, 0.0)


def test_null_is_as_good_as_nothing() -> None:
    nulls = dict.fromkeys(
        ("image_s3_uri", "top_k", "n_recommendations", "min_score", "gender", "category", "include_embedding"), None
    )
    assert Request.from_dict({"image": PICTURE} | nulls) == Request.from_dict({"image": PICTURE})
    with pytest.raises(RequestError, match="found neither"):
        Request.from_dict({"image": None} | nulls)


def test_request_survives_its_own_json() -> None:
    full = Request(None, "s3://bucket/key", 50, "female", "one-piece_dress", True, 0.25)
    for request in (full, Request(b"picture")):
        assert Request.from_dict(request.to_dict()) == request


@pytest.mark.parametrize("category", CATEGORIES)
def test_request_takes_every_category(category: str) -> None:
    assert Request.from_dict({"image": PICTURE, "category": category}).category == category


@pytest.mark.parametrize("fields", [{"top_k": 7}, {"n_recommendations": 7}, {"top_k": 7, "n_recommendations": 7}])
def test_request_takes_top_k_under_either_name(fields: dict[str, int]) -> None:
    assert Request.from_dict({"image": PICTURE, **fields}).top_k == 7


@pytest.mark.parametrize("least", [0, 1, 0.0, 0.2, 0.5, 1.0])
def test_request_takes_any_min_score_from_0_to_1(least: float) -> None:
    assert Request.from_dict({"image": PICTURE, "min_score": least}).min_score == least


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "image_required"),
        ({"image": PICTURE, "image_s3_uri": "s3://b/k"}, "image_required"),
        ({"image": 5}, "invalid_image"),
        ({"image": PICTURE + "\n"}, "invalid_base64"),
        ({"image": "data:image/png;base64," + PICTURE}, "invalid_base64"),
        ({"image": "!" + PICTURE}, "invalid_base64"),
        ({"image": PICTURE.rstrip("=") + "é"}, "invalid_base64"),
        ({"image": "cGljdHVyZQ"}, "invalid_base64"),
        ({"image_s3_uri": 5}, "invalid_image_s3_uri"),
        ({"image": PICTURE, "top_k": 0}, "invalid_top_k"),
        ({"image": PICTURE, "top_k": 51}, "invalid_top_k"),
        ({"image": PICTURE, "top_k": True}, "invalid_top_k"),
        ({"image": PICTURE, "top_k": 5.0}, "invalid_top_k"),
        ({"image": PICTURE, "top_k": "5"}, "invalid_top_k"),
        ({"image": PICTURE, "n_recommendations": -1}, "invalid_top_k"),
        ({"image": PICTURE, "top_k": 4, "n_recommendations": 5}, "conflicting_top_k"),
        ({"image": PICTURE, "gender": "Men"}, "invalid_gender"),
        ({"image": PICTURE, "gender": ["male"]}, "invalid_gender"),
        ({"image": PICTURE, "category": "shirt"}, "invalid_category"),
        ({"image": PICTURE, "include_embedding": 1}, "invalid_include_embedding"),
        *(
            ({"image": PICTURE, "min_score": wrong}, "invalid_min_score")
            for wrong in (-0.01, 1.01, True, "0.5", [0.5], float("inf"), float("nan"), 10**400)
        ),
        ({"image": PICTURE, "TOP_K": 5}, "unknown_field"),
    ],
)
def test_request_says_what_is_wrong(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(RequestError) as caught:
        Request.from_dict(fields)
    assert (caught.value.code, caught.value.status) == (code, 400)


@pytest.mark.parametrize("payload", [None, [], "x", 5, [{"image": PICTURE}]])
def test_request_must_be_an_object(payload: Any) -> None:
    with pytest.raises(RequestError, match="JSON object"):
        Request.from_dict(payload)


def test_messages_cut_what_the_caller_sent() -> None:
    with pytest.raises(RequestError) as caught:
        Request.from_dict({"image": PICTURE, "category": "x" * 10_000})
    assert len(caught.value.message) < 500
