"""Asking by hand: what `stygig invoke` prints and its exit status, for every kind of picture and number."""

import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from recommender.schema import Response
from stygig.cli import app
from tasks.demo.sources import smoke_picture
from tasks.invoking.single import invoke_by_hand
from tasks.names import S3Location
from tasks.plan import plan_run
from tasks.storage import exists
from tests.acceptance.conftest import ANSWERS, Shop
from tests.deployments.localaws.cloud import eventually
from tests.tasks.answers import response

ITEM = re.compile(
    r"^(?P<rank>\d+)\. (?P<path>\S+/\S+\.jpg)\n"
    r"   Category: (?P<category>\w+_\w+|one-piece_dress)\n"
    r"   Gender: (?P<gender>male|female|unisex)\n"
    r"   Overall Score: (?P<score>[01]\.\d{4})$",
    re.MULTILINE,
)
SHOWN = """\
Query: upperwear_shirt (80%), unisex (70%), navy 100%
TOP 5 RECOMMENDATIONS
1. footwear/shoes/1.png
   Category: footwear_shoes
   Gender: unisex
   Overall Score: 0.9123
   shoes goes with navy
2. bottomwear/pants/2.png
   Category: bottomwear_pants
   Gender: unisex
   Overall Score: 0.8000
   pants goes with navy
3. accessories/bag/3.png
   Category: accessories_bag
   Gender: unisex
   Overall Score: 0.7000
   bag goes with navy
4. accessories/hat/4.png
   Category: accessories_hat
   Gender: unisex
   Overall Score: 0.5000
   hat goes with navy
5. bottomwear/shorts/5.png
   Category: bottomwear_shorts
   Gender: unisex
   Overall Score: 0.0000
   shorts goes with navy"""


@pytest.fixture
def asleep(shop: Shop) -> Iterator[Shop]:
    """The endpoint without an instance: nothing can answer."""
    cloud = shop.cloud
    cloud.rescale(0, "fashion")
    cloud.settle("fashion")
    yield shop
    cloud.rescale(1, "fashion")
    cloud.settle("fashion")


def test_without_waiting_the_location_is_printed_while_nothing_can_answer(asleep: Shop) -> None:
    done = asleep.run("invoke", "--endpoint-name", "fashion", "--image", str(smoke_picture()))
    assert done.returncode == 0, done.stderr
    (location,) = re.findall(rf"{ANSWERS}/\S+\.out", done.stdout)
    assert not exists(S3Location.parse(location))


def test_waiting_and_displaying_shows_each_recommendation(shop: Shop) -> None:
    done = shop.run(
        "invoke", "--endpoint-name", "fashion", "--image", str(smoke_picture()), "--wait", "--display-results"
    )
    assert done.returncode == 0, done.stderr
    assert "TOP 5 RECOMMENDATIONS\n" in done.stdout
    shown = [found.groupdict() for found in ITEM.finditer(done.stdout)]
    assert [each["rank"] for each in shown] == ["1", "2", "3", "4", "5"]
    assert len({each["path"] for each in shown}) == 5
    assert all(0 <= float(each["score"]) <= 1 for each in shown)


def test_a_list_of_five_is_displayed_to_the_letter() -> None:
    items = ("footwear/shoes/1.png", "bottomwear/pants/2.png", "accessories/bag/3.png", "accessories/hat/4.png")
    answer = response((*items, "bottomwear/shorts/5.png"), (0.91234, 0.8, 0.7, 0.5, 0.0))
    assert str(answer) == SHOWN


def saved(kind: str, folder: Path) -> Path:
    """The smoke picture as another kind of file."""
    picture = Image.open(smoke_picture()).convert("RGB")
    folder.mkdir()
    name, exif = folder / f"picture.{kind.partition(' ')[0]}", Image.Exif()
    exif[0x0112] = 6
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    kinds = {
        "jpg": lambda: picture.save(name),
        "png": lambda: picture.save(name),
        "webp": lambda: picture.save(name, lossless=True),
        "png RGBA": lambda: picture.convert("RGBA").save(name),
        "jpg rotated by EXIF": lambda: turned.save(name, exif=exif, quality=95),
        "jpg CMYK": lambda: picture.convert("CMYK").save(name, quality=95),
    }
    kinds[kind]()
    return name


def answered(shop: Shop, pictures: Sequence[Path], top_k: int = 5) -> list[Response]:
    """Ask about each picture as by hand, and read the answers from the locations that were returned."""
    records = [invoke_by_hand(plan_run("any"), "fashion", image=str(each), top_k=top_k).record for each in pictures]
    read = shop.cloud.read
    return [Response.from_dict(json.loads(eventually(partial(read, each.output_location)))) for each in records]


def test_a_picture_of_every_usual_kind_is_answered_about(shop: Shop, tmp_path: Path) -> None:
    kinds = ("jpg", "png", "webp", "png RGBA", "jpg rotated by EXIF", "jpg CMYK")
    pictures = [saved(kind, tmp_path / str(number)) for number, kind in enumerate(kinds)]
    found = dict(zip(kinds, answered(shop, pictures), strict=True))
    assert {kind: each.query.category for kind, each in found.items()} == dict.fromkeys(kinds, "upperwear_shirt")
    colours = {kind: each.query.dominant_colours[0].name for kind, each in found.items()}
    assert colours == dict.fromkeys(kinds, "orange")
    assert {len(each.recommendations) for each in found.values()} == {5}


def test_a_text_file_that_is_called_a_picture_is_named_and_ends_with_2(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a picture at all")
    done = shop.run("invoke", "--endpoint-name", "fashion", "--image", str(tmp_path / "text.jpg"), "--wait")
    assert (done.returncode, done.stdout) == (2, "")
    assert "text.jpg is no picture" in done.stderr


def test_as_many_recommendations_as_were_wanted_or_as_there_are(shop: Shop) -> None:
    found = {wanted: answered(shop, [smoke_picture()], wanted)[0].recommendations for wanted in (50, 1, 5, 10, 26)}
    available = len(found[50])
    assert 10 < available < 50
    assert {wanted: len({each.item_id for each in items}) for wanted, items in found.items()} == {
        wanted: min(wanted, available) for wanted in found
    }


@pytest.mark.parametrize("wanted", ["0", "-1", "1000", "x"])
def test_a_number_of_recommendations_out_of_range_is_refused(wanted: str) -> None:
    done = CliRunner().invoke(app, ["invoke", "--image", "a.jpg", "--top-k", wanted])
    assert done.exit_code == 2
    assert "--top-k" in done.output
