"""From folders of pictures to categories and genders; everything odd is named."""

import os
from collections import Counter
from pathlib import Path

import pytest
import yaml

from recommender.attributes import CATEGORIES
from tasks.catalogue import CATEGORY_NAMES, category_names, category_of, default_gender, plain, scan_catalogue
from tasks.errors import InputError
from tests.tasks.deployed import put_picture

KNOWN = category_names()


def touched(folder: Path, *names: str) -> Path:
    """The folder with empty files of these names: scanning looks at names alone."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def written(file: Path, text: str, encoding: str = "utf-8") -> Path:
    file.write_text(text, encoding=encoding)
    return file


def test_the_drawn_catalogue_has_all_thirteen_categories(drawn_catalogue: Path) -> None:
    entries = scan_catalogue(drawn_catalogue)
    assert Counter(entry.category for entry in entries) == dict.fromkeys(CATEGORIES, 4)
    assert [entry.path for entry in entries] == sorted(entry.path for entry in entries)
    assert {entry.gender for entry in entries} == {"male", "female", "unisex"}


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


def test_a_categories_file_adds_and_overrides(tmp_path: Path) -> None:
    file = written(tmp_path / "names.yaml", "Rain-Coat: upperwear_jacket\nboots: footwear_heels\n")
    catalogue = touched(tmp_path / "c", "rain coat/1.jpg", "boots/2.jpg", "shirt/3.jpg")
    found = {entry.path: entry.category for entry in scan_catalogue(catalogue, categories=file)}
    assert found == {
        "rain coat/1.jpg": "upperwear_jacket",
        "boots/2.jpg": "footwear_heels",
        "shirt/3.jpg": "upperwear_shirt",
    }


def test_a_changed_categories_file_is_read_again(tmp_path: Path) -> None:
    file = written(tmp_path / "names.yaml", "anorak: upperwear_jacket\n")
    assert category_names(file)["anorak"] == "upperwear_jacket"
    written(file, "anorak: upperwear_shirt\n")
    assert category_names(file)["anorak"] == "upperwear_shirt"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("anorak: jacket\n", "must map folder names to categories.*upperwear_shirt"),
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


def test_unknown_folders_are_named_with_what_to_do(tmp_path: Path) -> None:
    catalogue = touched(tmp_path, "gadgets/1.jpg", "gadgets/2.jpg", "shirt/1.jpg")
    with pytest.raises(InputError, match=r"for gadgets \(2 pictures\).*--categories FILE.*upperwear_shirt"):
        scan_catalogue(catalogue)


def test_of_many_unknown_folders_the_first_are_named(tmp_path: Path) -> None:
    catalogue = touched(tmp_path, *(f"odd{number}/1.jpg" for number in range(7)))
    with pytest.raises(InputError, match=r"odd0, odd1, odd2, odd3, odd4 and 2 more \(7 pictures\)"):
        scan_catalogue(catalogue)


def test_a_folder_without_pictures_is_named_with_the_layout(tmp_path: Path) -> None:
    touched(tmp_path, "shirt/readme.txt")
    with pytest.raises(InputError, match=r"holds no pictures \(\.jpg, .*Expected <group>/<type>/<file>"):
        scan_catalogue(tmp_path)


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")  # as an archive of old may unpack it
    with pytest.raises(InputError, match=r"picture 'shirt/caf\\udce9\.jpg' is not in UTF-8"):
        scan_catalogue(touched(tmp_path, f"shirt/{name}"))


def test_any_name_in_utf8_is_an_id(tmp_path: Path) -> None:
    names = sorted(f"shirt/{name}.jpg" for name in ("a b", "new\nline", 'q"uote', "\u2028", "猫"))
    assert [entry.path for entry in scan_catalogue(touched(tmp_path, *names))] == names


def test_two_pictures_of_the_same_name_are_two_items(tmp_path: Path) -> None:
    entries = scan_catalogue(touched(tmp_path, "shirt/1.jpg", "shirt/1.png", "pants/1.jpg", "shirt/notes.txt"))
    assert [entry.path for entry in entries] == ["pants/1.jpg", "shirt/1.jpg", "shirt/1.png"]


def test_an_item_knows_its_file(tmp_path: Path) -> None:
    put_picture(tmp_path / "shirt" / "1.JPEG")
    (entry,) = scan_catalogue(tmp_path)
    assert (entry.path, entry.file) == ("shirt/1.JPEG", tmp_path / "shirt" / "1.JPEG")


def test_metadata_says_the_gender_and_silence_means_the_default(tmp_path: Path) -> None:
    touched(tmp_path, "shirt/1.jpg", "shirt/2.jpg", "dress/3.jpg", "heels/4.jpg")
    written(tmp_path / "metadata.csv", "path,gender,colour\nshirt/1.jpg,male,red\ndress/3.jpg,,\nheels/4.jpg,unisex,\n")
    found = {entry.path: entry.gender for entry in scan_catalogue(tmp_path)}
    assert found == {
        "shirt/1.jpg": "male",
        "shirt/2.jpg": "unisex",
        "dress/3.jpg": "female",
        "heels/4.jpg": "unisex",
    }


def test_metadata_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    touched(tmp_path, "shirt/é.jpg")
    written(tmp_path / "metadata.csv", "path,gender\r\nshirt/é.jpg,male\r\n", "utf-8-sig")
    assert scan_catalogue(tmp_path)[0].gender == "male"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("path,gender\nshirt/1.jpg,male\n\nshirt/1.jpg,female\n", "line 4: gender 'female' .*was male before"),
        ("gender,path\nmale,shirt/1.jpg\nmale\n", "line 3: the path is missing"),
        ("path,gender\nshirt/1.jpg,male,red\n", "line 2: more values than columns"),
    ],
)
def test_a_row_of_metadata_that_contradicts_or_names_nothing_is_refused(
    tmp_path: Path, text: str, complaint: str
) -> None:
    touched(tmp_path, "shirt/1.jpg")
    written(tmp_path / "metadata.csv", text)
    with pytest.raises(InputError, match=rf"metadata\.csv, {complaint}"):
        scan_catalogue(tmp_path)


def test_spaces_and_capitals_in_the_header_do_not_matter(tmp_path: Path) -> None:
    touched(tmp_path, "shirt/1.jpg")
    written(tmp_path / "metadata.csv", "Path, Gender \nshirt/1.jpg, male\n")
    assert [entry.gender for entry in scan_catalogue(tmp_path)] == ["male"]


def test_what_notebooks_and_file_systems_keep_is_no_catalogue(tmp_path: Path) -> None:
    touched(
        tmp_path,
        *("shirt/1.jpg", "shirt/.ipynb_checkpoints/1.jpg", ".Trash/shirt/1.jpg", "__MACOSX/shirt/1.jpg"),
        *("shirt/@eaDir/1.jpg", "shirt/._1.jpg"),
    )
    assert [entry.path for entry in scan_catalogue(tmp_path)] == ["shirt/1.jpg"]


def test_what_is_no_picture_is_told_and_linked_folders_are_taken(tmp_path: Path) -> None:
    touched(tmp_path, "c/pants/1.gif", "c/pants/2.heic", "elsewhere/3.jfif")
    (tmp_path / "c" / "hat").symlink_to(tmp_path / "elsewhere")
    told: list[str] = []
    paths = [entry.path for entry in scan_catalogue(tmp_path / "c", progress=told.append)]
    assert paths == ["hat/3.jfif", "pants/1.gif"]
    assert len(told) == 1
    assert told[0].endswith("1 files, 'pants/2.heic'")


def test_metadata_may_lie_elsewhere(tmp_path: Path) -> None:
    catalogue = touched(tmp_path / "c", "shirt/1.jpg")
    said = written(tmp_path / "said.csv", "path,gender\nshirt/1.jpg,female\n")
    assert scan_catalogue(catalogue, metadata=said)[0].gender == "female"


def test_named_metadata_must_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"metadata file .*absent\.csv does not exist"):
        scan_catalogue(touched(tmp_path, "shirt/1.jpg"), metadata=tmp_path / "absent.csv")


def test_metadata_of_pictures_that_are_not_there_is_refused(tmp_path: Path) -> None:
    touched(tmp_path, "shirt/1.jpg")
    written(tmp_path / "metadata.csv", "path,gender\nshirt/1.jpg,male\nshirt/9.jpg,male\nshirt/8.jpg,male\n")
    with pytest.raises(InputError, match=r"metadata\.csv speaks of 2 pictures .* first 'shirt/8\.jpg'"):
        scan_catalogue(tmp_path)


def test_a_gender_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    touched(tmp_path, "shirt/1.jpg")
    written(tmp_path / "metadata.csv", "path,gender\nshirt/1.jpg,men\n")
    with pytest.raises(InputError, match=r"metadata\.csv, line 2: gender 'men' is not one of male, female, unisex"):
        scan_catalogue(tmp_path)


@pytest.mark.parametrize("text", ["", "path,gender\n", "file,gender\nshirt/1.jpg,male\n"])
def test_metadata_without_the_columns_or_rows_says_what_it_needs(tmp_path: Path, text: str) -> None:
    touched(tmp_path, "shirt/1.jpg")
    written(tmp_path / "metadata.csv", text)
    with pytest.raises(InputError, match="needs a header with the columns path and gender"):
        scan_catalogue(tmp_path)


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_default_gender(category: str) -> None:
    worn_by_women = {"one-piece_dress", "bottomwear_skirt", "footwear_heels"}
    assert default_gender(category) == ("female" if category in worn_by_women else "unisex")
