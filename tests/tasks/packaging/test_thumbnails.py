"""Small pictures of the catalogue's items, beside the artifact."""

import io
from pathlib import Path

import pytest
from PIL import Image

from tasks.names import S3Location
from tasks.packaging.catalogue import scan_catalogue
from tasks.packaging.thumbnails import SIDE_PX, read_thumbnails, thumbnail, write_thumbnails
from tasks.plan import RunPlan
from tasks.storage import upload, upload_file
from tests.tasks.deployed import BUCKET, picture_bytes, put_picture


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    for name in ("shirt/1.jpg", "hat/1.jpg", "bag/2.png"):
        put_picture(tmp_path / "catalogue" / name)
    write_thumbnails(scan_catalogue(tmp_path / "catalogue"), tmp_path / "thumbnails.zip")
    return tmp_path / "thumbnails.zip"


@pytest.mark.parametrize(("size", "expected"), [((800, 400), (128, 64)), ((300, 900), (43, 128)), ((50, 60), (50, 60))])
def test_a_thumbnail_keeps_the_shape_and_is_never_larger_than_it_was(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    small = Image.open(io.BytesIO(thumbnail(picture_bytes(size=size))))
    assert small.format == "JPEG"
    assert small.size == expected


def test_the_same_pictures_make_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    write_thumbnails(scan_catalogue(tmp_path / "catalogue"), tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()


@pytest.mark.parametrize("model_uri", [f"s3://{BUCKET}/models/1/model.tar.gz", f"s3://{BUCKET}/models/1/files/"])
def test_the_wanted_thumbnails_are_read_from_beside_either_form_of_the_artifact(
    plan: RunPlan, archive: Path, model_uri: str
) -> None:
    upload_file(archive, S3Location(BUCKET, "models/1/thumbnails.zip"))
    found = read_thumbnails(model_uri, ["shirt/1.jpg", "bag/2.png", "absent.jpg", "shirt/1.jpg"])
    assert set(found) == {"shirt/1.jpg", "bag/2.png"}
    assert max(Image.open(io.BytesIO(found["bag/2.png"])).size) <= SIDE_PX


def test_damaged_thumbnails_are_none(plan: RunPlan, archive: Path) -> None:
    damaged = bytearray(archive.read_bytes())
    damaged[100:120] = bytes(20)
    for number, content in enumerate((bytes(damaged), archive.read_bytes()[:500])):
        upload(content, S3Location(BUCKET, f"models/{number}/thumbnails.zip"))
        assert read_thumbnails(f"s3://{BUCKET}/models/{number}/model.tar.gz", ["bag/2.png"]) == {}


def test_an_artifact_without_thumbnails_has_none(plan: RunPlan) -> None:
    assert read_thumbnails(f"s3://{BUCKET}/models/foreign/model.tar.gz", ["shirt/1.jpg"]) == {}
