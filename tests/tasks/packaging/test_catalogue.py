"""From folders of pictures to categories and genders; everything odd is named."""

import os
from collections import Counter
from pathlib import Path

import pytest

from recommender.attributes import CATEGORIES
from tasks.errors import InputError
from tasks.packaging.catalogue import scan_catalogue
from tests.tasks.deployed import put_picture


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


def test_a_categories_file_adds_and_overrides(tmp_path: Path) -> None:
    file = written(tmp_path / "names.yaml", "Rain-Coat: upperwear_jacket\nboots: footwear_heels\n")
    catalogue = touched(tmp_path / "c", "rain coat/1.jpg", "boots/2.jpg", "shirt/3.jpg")
    found = {entry.path: entry.category for entry in scan_catalogue(catalogue, categories=file)}
    assert found == {
        "rain coat/1.jpg": "upperwear_jacket",
        "boots/2.jpg": "footwear_heels",
        "shirt/3.jpg": "upperwear_shirt",
    }


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
    name = os.fsdecode(b"caf\xe9.jpg")  # as an old archive may unpack it
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


def test_a_picture_named_on_a_mac_is_the_one_that_metadata_names(tmp_path: Path) -> None:
    touched(tmp_path, "shirt/e\u0301.jpg", "shirt/\u00fc.jpg")
    written(tmp_path / "metadata.csv", "path,gender\nshirt/\u00e9.jpg,male\nshirt/u\u0308.jpg,female\n")
    found = {entry.path: entry.gender for entry in scan_catalogue(tmp_path)}
    assert found == {"shirt/e\u0301.jpg": "male", "shirt/\u00fc.jpg": "female"}


def test_columns_that_nothing_reads_are_told(tmp_path: Path) -> None:
    touched(tmp_path, "shirt/1.jpg")
    written(tmp_path / "metadata.csv", "path,Colour,gender,category,\nshirt/1.jpg,red,male,bottomwear_pants,\n")
    told: list[str] = []
    (entry,) = scan_catalogue(tmp_path, progress=told.append)
    assert (entry.category, entry.gender) == ("upperwear_shirt", "male")
    assert told == ["metadata.csv: path and gender are read; ignored: colour, category"]


def test_folders_say_the_gender_where_metadata_is_silent(tmp_path: Path) -> None:
    touched(tmp_path, "women/shirt/1.jpg", "women/shirt/2.jpg", "men/dress/3.jpg", "upperwear/unisex/shirt/4.jpg")
    written(tmp_path / "metadata.csv", "path,gender\nwomen/shirt/1.jpg,unisex\nwomen/shirt/2.jpg,\n")
    found = {entry.path: (entry.category, entry.gender) for entry in scan_catalogue(tmp_path)}
    assert found == {
        "men/dress/3.jpg": ("one-piece_dress", "male"),
        "upperwear/unisex/shirt/4.jpg": ("upperwear_shirt", "unisex"),
        "women/shirt/1.jpg": ("upperwear_shirt", "unisex"),
        "women/shirt/2.jpg": ("upperwear_shirt", "female"),
    }


def test_metadata_settles_what_folders_contradict(tmp_path: Path) -> None:
    touched(tmp_path, "women/men/shirt/1.jpg")
    with pytest.raises(InputError, match="more than one gender"):
        scan_catalogue(tmp_path)
    written(tmp_path / "metadata.csv", "path,gender\nwomen/men/shirt/1.jpg,male\n")
    assert [entry.gender for entry in scan_catalogue(tmp_path)] == ["male"]


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


@pytest.mark.parametrize("text", ["", "file,gender\nshirt/1.jpg,male\n"])
def test_metadata_without_the_columns_says_what_it_needs(tmp_path: Path, text: str) -> None:
    touched(tmp_path, "shirt/1.jpg")
    written(tmp_path / "metadata.csv", text)
    with pytest.raises(InputError, match="needs a header with the columns path and gender"):
        scan_catalogue(tmp_path)
