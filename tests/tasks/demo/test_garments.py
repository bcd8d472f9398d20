"""The drawn catalogue: reproducible, complete, and never drawn twice."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from tasks.demo.garments import COMPLETE, GARMENT_KINDS, DrawnCatalogue, draw_catalogue, draw_pictures

ITEMS = 2 * len(GARMENT_KINDS)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> DrawnCatalogue:
    return draw_catalogue(tmp_path_factory.mktemp("catalogue"), items=ITEMS)


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.jpg"))}


def metadata(catalogue: DrawnCatalogue) -> list[dict[str, str]]:
    with catalogue.metadata.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_same_seed_draws_the_same_bytes(catalogue: DrawnCatalogue, tmp_path: Path) -> None:
    again = draw_catalogue(tmp_path, items=ITEMS)
    assert pictures(tmp_path) == pictures(catalogue.folder)
    assert again.metadata.read_bytes() == catalogue.metadata.read_bytes()


def test_another_seed_draws_other_pictures(catalogue: DrawnCatalogue, tmp_path: Path) -> None:
    draw_catalogue(tmp_path, items=ITEMS, seed=8)
    first, second = pictures(catalogue.folder), pictures(tmp_path)
    assert first.keys() == second.keys()
    assert not set(first.values()) & set(second.values())


def test_every_category_has_its_share(catalogue: DrawnCatalogue) -> None:
    folders = Counter(Path(name).parent.as_posix() for name in pictures(catalogue.folder))
    assert folders == {f"{kind.group}/{kind.type}": 2 for kind in GARMENT_KINDS}
    assert len(GARMENT_KINDS) == 13


def test_metadata_names_every_picture_with_its_gender(catalogue: DrawnCatalogue) -> None:
    rows = metadata(catalogue)
    assert [row["path"] for row in rows] == sorted(pictures(catalogue.folder))
    assert {row["gender"] for row in rows} <= {"male", "female", "unisex"}
    assert all(row.keys() == {"path", "gender"} for row in rows)


def test_dresses_skirts_heels_and_flats_are_for_women(catalogue: DrawnCatalogue) -> None:
    hers = [row for row in metadata(catalogue) if Path(row["path"]).parent.name in ("dress", "skirt", "heels", "flats")]
    assert len(hers) == 8
    assert {row["gender"] for row in hers} == {"female"}


def test_pictures_are_small_product_pictures(catalogue: DrawnCatalogue) -> None:
    for path in catalogue.folder.rglob("*.jpg"):
        with Image.open(path) as picture:
            assert (picture.size, picture.mode, picture.format) == ((200, 260), "RGB", "JPEG")


def test_second_call_draws_nothing(tmp_path: Path) -> None:
    first = draw_catalogue(tmp_path, items=len(GARMENT_KINDS))
    victim = tmp_path / "one-piece/dress/dress_0001.jpg"
    victim.write_bytes(b"left as it is")
    second = draw_catalogue(tmp_path, items=len(GARMENT_KINDS))
    assert (first.drawn, second.drawn) == (True, False)
    assert victim.read_bytes() == b"left as it is"


def test_interrupted_drawing_is_done_again(catalogue: DrawnCatalogue, tmp_path: Path) -> None:
    draw_catalogue(tmp_path, items=ITEMS)
    (tmp_path / COMPLETE).unlink()
    (tmp_path / "upperwear/shirt/shirt_0001.jpg").unlink()
    assert draw_catalogue(tmp_path, items=ITEMS).drawn
    assert pictures(tmp_path) == pictures(catalogue.folder)


def test_smaller_catalogue_leaves_no_picture_of_the_larger_one(tmp_path: Path) -> None:
    draw_catalogue(tmp_path, items=ITEMS)
    smaller = draw_catalogue(tmp_path, items=len(GARMENT_KINDS))
    assert [row["path"] for row in metadata(smaller)] == sorted(pictures(tmp_path))
    assert len(pictures(tmp_path)) == len(GARMENT_KINDS)


def test_too_few_items_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="each of the 13 categories needs one"):
        draw_catalogue(tmp_path, items=12)
    assert not list(tmp_path.iterdir())


def test_query_pictures_are_named_in_order_and_not_in_the_catalogue(catalogue: DrawnCatalogue, tmp_path: Path) -> None:
    paths = draw_pictures(tmp_path, count=14)
    assert [path.name[:3] for path in paths] == [f"{number:02d}_" for number in range(1, 15)]
    assert [path.stem.split("_")[1] for path in paths] == [*(kind.type for kind in GARMENT_KINDS), "shirt"]
    assert sorted(paths) == sorted(tmp_path.iterdir())
    assert not set(pictures(tmp_path).values()) & set(pictures(catalogue.folder).values())
