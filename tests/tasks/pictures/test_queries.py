"""Query pictures: the same ones every time, and none that an endpoint can't take."""

from pathlib import Path

import pytest
from PIL import Image

from tasks.errors import InputError, NotFoundError
from tasks.names import S3Location
from tasks.pictures.queries import MOST_PICTURE_BYTES, checked, read_picture, read_pictures
from tasks.plan import RunPlan
from tasks.storage import upload
from tests.tasks.deployed import BUCKET, picture_bytes, put_picture


@pytest.fixture
def thirty(tmp_path: Path) -> Path:
    for number in range(30):
        put_picture(tmp_path / f"{number:02d}.jpg")
    return tmp_path


def test_pictures_are_spread_evenly_over_the_sorted_names(thirty: Path) -> None:
    assert [p.name for p in read_pictures(str(thirty), 5, minimum=5)] == [
        "00.jpg",
        "06.jpg",
        "12.jpg",
        "18.jpg",
        "24.jpg",
    ]


@pytest.mark.parametrize("count", [0, 30, 1000])
def test_zero_or_more_than_there_are_takes_all(thirty: Path, count: int) -> None:
    assert len(read_pictures(str(thirty), count)) == 30


def test_the_same_folder_gives_the_same_bytes(thirty: Path) -> None:
    assert read_pictures(str(thirty), 7, minimum=1) == read_pictures(str(thirty), 7, minimum=1)


def test_names_are_unique_across_folders(tmp_path: Path) -> None:
    put_picture(tmp_path / "a" / "1.jpg")
    put_picture(tmp_path / "b" / "1.jpg", "blue")
    found = read_pictures(str(tmp_path), 0, minimum=1)
    assert [p.name for p in found] == ["a/1.jpg", "b/1.jpg"]
    assert found[0].sha256 != found[1].sha256


def test_too_few_says_how_many_were_found_and_how_to_allow_it(tmp_path: Path) -> None:
    put_picture(tmp_path / "1.jpg")
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(InputError, match=r"Found 1 pictures .* needs at least 20\..*minimum_pictures"):
        read_pictures(str(tmp_path), 24)


def test_a_text_file_that_is_called_a_picture_is_named(thirty: Path) -> None:
    (thirty / "07.jpg").write_text("not a picture")
    with pytest.raises(InputError, match=r"07\.jpg is no picture: .*Remove or replace it"):
        read_pictures(str(thirty), 0)


def test_pictures_that_the_recommender_would_refuse_are_all_named_at_once(thirty: Path) -> None:
    noise = Image.effect_noise((300, 300), 80)
    noise.save(thirty / "03.jpg")
    (thirty / "03.jpg").write_bytes((thirty / "03.jpg").read_bytes()[:8000])
    (thirty / "04.png").write_bytes(picture_bytes(kind="PNG", size=(500, 5)))
    with pytest.raises(InputError) as refused:
        read_pictures(str(thirty), 0)
    said = str(refused.value)
    assert said.startswith(f"2 of 31 query pictures from {thirty} can't be used; repair, replace or remove them. ")
    assert "03.jpg: image is damaged or cut short" in said
    assert "04.png: image is 500 × 5" in said


def test_of_many_unusable_pictures_the_first_are_named(thirty: Path) -> None:
    for number in range(20, 28):
        (thirty / f"{number}.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"^8 of 30 .* 24\.jpg is no picture.* And 3 more\.$") as refused:
        read_pictures(str(thirty), 0)
    assert "25.jpg" not in str(refused.value)


def test_a_damaged_picture_that_is_not_among_the_chosen_is_no_obstacle(thirty: Path) -> None:
    (thirty / "07.jpg").write_bytes(picture_bytes()[:300])
    assert len(read_pictures(str(thirty), 5, minimum=5)) == 5


def test_one_picture_by_hand_may_be_one_that_the_recommender_refuses(tmp_path: Path) -> None:
    (tmp_path / "wide.png").write_bytes(picture_bytes(kind="PNG", size=(500, 5)))
    assert read_picture(str(tmp_path / "wide.png")).name == "wide.png"


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", picture_bytes(kind="PNG")[:60]])
def test_a_broken_picture_is_named(content: bytes) -> None:
    with pytest.raises(InputError, match=r"broken\.png is no picture"):
        checked(content, "broken.png")


def test_a_picture_that_base64_makes_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(InputError, match=r"big\.jpg has 4\.2 MB: InvokeEndpoint takes 4\.2 MB\. Use a smaller"):
        checked(bytes(MOST_PICTURE_BYTES + 1), "big.jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_passes_with_its_bytes_as_they_are(kind: str) -> None:
    content = picture_bytes(kind=kind)
    assert checked(content, "picture") is content


def test_pictures_come_from_an_s3_prefix_too(plan: RunPlan, thirty: Path) -> None:
    for file in thirty.iterdir():
        upload(file.read_bytes(), S3Location(BUCKET, f"queries/{file.name}"))
    assert read_pictures(f"s3://{BUCKET}/queries/", 21) == read_pictures(str(thirty), 21)


def test_one_picture_comes_from_a_file_or_from_s3(plan: RunPlan, tmp_path: Path) -> None:
    file = put_picture(tmp_path / "red.jpg")
    uri = upload(file.read_bytes(), S3Location(BUCKET, "queries/red.jpg"))
    assert read_picture(str(file)) == read_picture(uri)
    assert read_picture(uri).name == "red.jpg"


def test_one_picture_that_is_not_there_is_named(plan: RunPlan, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"absent\.jpg is not a file\. Name a picture"):
        read_picture(str(tmp_path / "absent.jpg"))
    with pytest.raises(NotFoundError, match=rf"s3://{BUCKET}/absent\.jpg does not exist"):
        read_picture(f"s3://{BUCKET}/absent.jpg")


def test_asking_for_fewer_than_the_minimum_is_refused_too(thirty: Path) -> None:
    with pytest.raises(
        InputError, match=r"5 pictures were asked for \(picture_count\).* at least 20 \(minimum_pictures\)"
    ):
        read_pictures(str(thirty), 5)


def test_pictures_of_every_format_are_taken_and_others_are_told(thirty: Path) -> None:
    for suffix in ("gif", "bmp", "tiff", "jfif"):
        put_picture(thirty / f"31.{suffix}")
    (thirty / "31.heic").write_bytes(b"as a phone keeps it")
    told: list[str] = []
    assert len(read_pictures(str(thirty), 0, progress=told.append)) == 34
    assert len(told) == 1
    assert told[0].endswith("1 files, '31.heic'")


def test_hidden_files_are_left_out(thirty: Path) -> None:
    (thirty / "._00.jpg").write_bytes(b"what a Mac puts beside each file")
    assert len(read_pictures(str(thirty), 0)) == 30
