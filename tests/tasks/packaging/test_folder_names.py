"""The meaning of folders' names: separators, capitals and plurals don't matter, and no word is taken for another."""

from pathlib import Path

import pytest
import yaml

from recommender.attributes import CATEGORIES
from tasks.errors import InputError
from tasks.packaging.folder_names import CATEGORY_NAMES, category_names, category_of, default_gender, gender_of, plain

KNOWN = category_names()


@pytest.mark.parametrize("category", CATEGORIES)
def test_both_layouts_are_understood(category: str) -> None:
    group, kind = category.split("_")
    assert category_of(f"{group}/{kind}/1.jpg", KNOWN) == category
    assert category_of(f"{kind}/1.jpg", KNOWN) == category
    assert category_of(f"{category}/1.jpg", KNOWN) == category


@pytest.mark.parametrize(
    ("path", "category"),
    [
        ("T-Shirt/1.jpg", "upperwear_tshirt"),
        ("Tank Top/1.jpg", "upperwear_tshirt"),
        ("Upperwear/Shirt/1.jpg", "upperwear_shirt"),
        ("jeans/1.jpg", "bottomwear_pants"),
        ("hoodie/1.jpg", "upperwear_jacket"),
        ("dress/summer/red/1.jpg", "one-piece_dress"),
        ("shoes/boots/1.jpg", "footwear_shoes"),
        ("T-Shirts/1.jpg", "upperwear_tshirt"),
        ("dresses/1.jpg", "one-piece_dress"),
        ("Shoe/1.jpg", "footwear_shoes"),
        ("hat/bag/1.jpg", "accessories_bag"),
        ("one_piece_dress/1.jpg", "one-piece_dress"),
        ("One Piece Dresses/1.jpg", "one-piece_dress"),
        ("accessories-bag/1.jpg", "accessories_bag"),
        ("One_Piece/dress/1.jpg", "one-piece_dress"),
        ("women/shirt/1.jpg", "upperwear_shirt"),
        ("upperwear/Women's/shirt/1.jpg", "upperwear_shirt"),
        ("shirt/men/1.jpg", "upperwear_shirt"),
        ("shirt/short/1.jpg", "upperwear_shirt"),
        ("shirt/flat/1.jpg", "upperwear_shirt"),
        ("Pant/1.jpg", "bottomwear_pants"),
        ("blouses/1.jpg", "upperwear_shirt"),
        ("bottomwear/short/1.jpg", "bottomwear_shorts"),
        ("Footwear/flat/1.jpg", "footwear_flats"),
        ("capes/1.jpg", None),
        ("short/1.jpg", None),
        ("women/1.jpg", None),
        ("1.jpg", None),
        ("shirt.jpg", None),
        ("gadgets/1.jpg", None),
    ],
)
def test_a_path_is_of_the_category_that_its_innermost_known_folder_names(path: str, category: str | None) -> None:
    assert category_of(path, KNOWN) == category


def test_every_known_name_means_one_of_the_categories() -> None:
    assert set(KNOWN.values()) == set(CATEGORIES)
    assert all(name == plain(name) for name in yaml.safe_load(CATEGORY_NAMES.read_text()))


def written(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def test_a_folder_of_a_mac_is_the_name_in_a_categories_file(tmp_path: Path) -> None:
    known = category_names(written(tmp_path / "names.yaml", "R\u00f6cke: bottomwear_skirt\n"))
    assert category_of("Ro\u0308cke/1.jpg", known) == "bottomwear_skirt"


def test_a_categories_file_may_take_the_name_of_a_gender(tmp_path: Path) -> None:
    known = category_names(written(tmp_path / "names.yaml", "ladies: one-piece_dress\n"))
    assert category_of("ladies/1.jpg", known) == "one-piece_dress"


def test_a_changed_categories_file_is_read_again(tmp_path: Path) -> None:
    file = written(tmp_path / "names.yaml", "anorak: upperwear_jacket\n")
    assert category_names(file)["anorak"] == "upperwear_jacket"
    written(file, "anorak: upperwear_shirt\n")
    assert category_names(file)["anorak"] == "upperwear_shirt"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("anorak: jacket\n", "must map folder names to categories.*It has `anorak: jacket`.*upperwear_shirt"),
        ("coat: upperwear_jacket\nanorak:\n", "must map .*It has `anorak: None`"),
        ("- anorak\n", "must map folder names to categories"),
        ("anorak: [upperwear_jacket]\n", "must map folder names to categories"),
        ("", "must map folder names to categories"),
        ("anorak: [", "is no YAML"),
    ],
)
def test_a_wrong_categories_file_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    file = written(tmp_path / "names.yaml", text)
    with pytest.raises(InputError, match=rf"names\.yaml {complaint}"):
        category_names(file)


def test_an_absent_categories_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"categories file .*absent\.yaml does not exist"):
        category_names(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("path", "gender"),
    [
        ("women/shirt/1.jpg", "female"),
        ("shirt/Women's/1.jpg", "female"),
        ("WOMENS/shirt/1.jpg", "female"),
        ("ladies/female/1.jpg", "female"),
        ("woman/1.jpg", "female"),
        ("Men/shirt/1.jpg", "male"),
        ("men\u2019s/shirt/1.jpg", "male"),
        ("gents/man/male/1.jpg", "male"),
        ("unisex/hat/1.jpg", "unisex"),
        ("shirt/men.jpg", ""),
        ("menswear/shirt/1.jpg", ""),
    ],
)
def test_a_folder_may_name_a_gender(path: str, gender: str) -> None:
    assert gender_of(path, category_names()) == gender


def test_a_folder_that_means_a_category_names_no_gender() -> None:
    assert gender_of("men/1.jpg", {"men": "upperwear_shirt"}) == ""


def test_folders_that_contradict_each_other_are_named() -> None:
    with pytest.raises(InputError, match=r"'women/men/shirt/1\.jpg' name more than one gender: women and men\. Move"):
        gender_of("women/men/shirt/1.jpg", category_names())


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_default_gender(category: str) -> None:
    worn_by_women = {"one-piece_dress", "bottomwear_skirt", "footwear_heels"}
    assert default_gender(category) == ("female" if category in worn_by_women else "unisex")
