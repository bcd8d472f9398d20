"""The endpoint's own answers to requests that nobody checked before: bad ones, and large ones."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from recommender.pictures.image import MAX_IMAGE_BYTES
from tasks.hosting.fitting import TOOLKIT_BYTES
from tasks.packaging.published import read_footprint
from tests.acceptance.conftest import Shop
from tests.deployments.localaws.cloud import eventually


def asked(shop: Shop, body: bytes) -> tuple[str, Any]:
    """The ending of a request, `Output` or `Failure`, and the document written for it."""
    cloud = shop.cloud
    bucket = shop.model_uri.split("/")[2]
    cloud.s3.put_object(Bucket=bucket, Key="by-hand/request.json", Body=body)
    accepted = cloud.runtime.invoke_endpoint_async(
        EndpointName="fashion",
        InputLocation=f"s3://{bucket}/by-hand/request.json",
        ContentType="application/json",
        Accept="application/json",
    )

    def ended() -> tuple[str, Any] | None:
        for name in ("OutputLocation", "FailureLocation"):
            if (found := cloud.read(accepted[name])) is not None:
                return name.removesuffix("Location"), json.loads(found)
        return None

    return eventually(ended, 60)


def payload(picture: bytes, **more: Any) -> bytes:
    return json.dumps({"image": base64.b64encode(picture).decode(), **more}).encode()


def jpeg(side: int) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (side, side), "navy").save(drawn, "JPEG")
    return drawn.getvalue()


def padded(picture: bytes, length: int) -> bytes:
    """The picture with zeros behind it, which decoders pass over."""
    return picture + bytes(length - len(picture))


def code(document: Any) -> str:
    return str(document["error"]["code"])


@pytest.mark.parametrize("megapixels", [12, 50])
def test_a_picture_of_a_camera_is_answered_about(shop: Shop, megapixels: int) -> None:
    ended, document = asked(shop, payload(jpeg(int((megapixels * 1_000_000) ** 0.5))))
    assert ended == "Output"
    assert document["recommendations"]


def test_a_picture_of_twenty_megabytes_is_answered_about(shop: Shop) -> None:
    assert asked(shop, payload(padded(jpeg(64), MAX_IMAGE_BYTES)))[0] == "Output"


def test_beyond_a_limit_a_request_is_refused_by_name_and_the_endpoint_goes_on(shop: Shop) -> None:
    large = {
        "too_many_pixels": payload(jpeg(7_100)),
        "image_too_large": payload(padded(jpeg(64), MAX_IMAGE_BYTES + 1)),
        "request_too_large": b" " * 30_000_000,
    }
    ended = {refused: asked(shop, body) for refused, body in large.items()}
    assert {refused: (how, code(document)) for refused, (how, document) in ended.items()} == {
        refused: ("Failure", refused) for refused in large
    }
    assert asked(shop, payload(jpeg(64)))[0] == "Output"


def test_a_text_that_is_called_a_picture_ends_as_a_failure_object_with_its_code(shop: Shop) -> None:
    ended, document = asked(shop, payload(b"not a picture at all"))
    assert (ended, code(document)) == ("Failure", "not_an_image")


@pytest.mark.parametrize("wanted", [0, -1, 1000, "x"])
def test_a_number_of_recommendations_out_of_range_ends_as_a_failure_object(shop: Shop, wanted: Any) -> None:
    ended, document = asked(shop, payload(jpeg(64), top_k=wanted))
    assert (ended, code(document)) == ("Failure", "invalid_top_k")


def test_a_worker_that_has_decoded_the_largest_picture_is_within_its_budget_of_memory(shop: Shop) -> None:
    ended, _ = asked(shop, payload(jpeg(7_071)))
    assert ended == "Output"
    footprint = read_footprint(shop.model_uri)
    assert footprint
    highest = [peak_bytes(each.pid) for each in psutil.Process(shop.pid).children(recursive=True)]
    assert highest
    assert max(highest) <= footprint.resident_bytes + TOOLKIT_BYTES + footprint.request_bytes


def peak_bytes(pid: int) -> int:
    """The most memory that a process ever held."""
    (found,) = re.findall(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found) * 1024
