"""No picture of a folder vanishes silently."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from recommender.pictures.image import FORMATS
from tasks.errors import InputError
from tasks.pictures.files import SUFFIXES, pictures_below, read_bytes


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def found_below(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in pictures_below(folder)]


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder and a file that may not be read."""
    touched(tmp_path, "shirt/1.jpg", "pants/2.jpg")
    locked = (tmp_path / "shirt", tmp_path / "pants" / "2.jpg")
    for path in locked:
        path.chmod(0)
    if os.access(locked[0], os.R_OK):
        pytest.skip("root may read everything")
    yield tmp_path
    locked[0].chmod(0o755)


def test_every_format_of_the_recommender_is_taken_by_its_usual_names() -> None:
    known = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}
    assert known == set(SUFFIXES)


def test_linked_files_and_folders_are_taken(tmp_path: Path) -> None:
    touched(tmp_path, "elsewhere/1.jpg", "elsewhere/deeper/2.TIF", "folder/3.jpg")
    (tmp_path / "folder" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder" / "4.png").symlink_to(tmp_path / "elsewhere" / "1.jpg")
    (tmp_path / "root").symlink_to(tmp_path / "folder")
    expected = ["3.jpg", "4.png", "linked/1.jpg", "linked/deeper/2.TIF"]
    assert found_below(tmp_path / "folder") == found_below(tmp_path / "root") == expected


def test_a_link_back_ends_there(tmp_path: Path) -> None:
    touched(tmp_path, "a/1.jpg", "b/2.jpg")
    for link, target in (("a/up", ".."), ("a/itself", "."), ("b/a", "../a"), ("a/b", "../b")):
        (tmp_path / link).symlink_to(target)
    assert found_below(tmp_path) == ["a/1.jpg", "a/b/2.jpg", "b/2.jpg", "b/a/1.jpg"]


def test_folders_that_all_link_to_each_other_are_refused(tmp_path: Path) -> None:
    names = [str(each) for each in range(8)]
    touched(tmp_path, *(f"{name}/1.jpg" for name in names))
    for name, other in itertools.permutations(names, 2):
        (tmp_path / name / f"to-{other}").symlink_to(f"../{other}")
    with pytest.raises(InputError, match=r"folders link to each other.*Remove links"):
        pictures_below(tmp_path)


def test_a_folder_that_is_linked_twice_is_taken_twice(tmp_path: Path) -> None:
    touched(tmp_path, "elsewhere/1.jpg")
    for name in ("men", "women"):
        (tmp_path / "c" / name).mkdir(parents=True)
        (tmp_path / "c" / name / "shirt").symlink_to(tmp_path / "elsewhere")
    assert found_below(tmp_path / "c") == ["men/shirt/1.jpg", "women/shirt/1.jpg"]


@pytest.mark.parametrize("link", ["hat", "hat/1.jpg"])
def test_a_link_that_leads_nowhere_is_named(tmp_path: Path, link: str) -> None:
    touched(tmp_path, "shirt/1.jpg")
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to("/mnt/not/mounted")
    with pytest.raises(InputError, match=rf"/{link} \(a link to /mnt/not/mounted\) can't be read: No such file"):
        pictures_below(tmp_path)


def test_a_link_to_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").symlink_to("1.jpg")
    with pytest.raises(InputError, match=r"1\.jpg \(a link to 1\.jpg\) can't be read: Too many levels"):
        pictures_below(tmp_path)


def test_a_folder_that_may_not_be_read_is_named(locked: Path) -> None:
    with pytest.raises(InputError, match=r"/shirt can't be read: Permission denied\. Make it readable, or remove it"):
        pictures_below(locked)


def test_a_file_that_may_not_be_read_is_named(locked: Path) -> None:
    with pytest.raises(InputError, match=r"pants/2\.jpg can't be read: Permission denied"):
        read_bytes(locked / "pants" / "2.jpg")


def test_what_is_left_out_is_told_with_the_first_names(tmp_path: Path) -> None:
    touched(tmp_path, "1.jpg", *(f"shirt/{number}.heic" for number in range(5)), "shirt/6", "7.avif")
    os.mkfifo(tmp_path / "waits.jpg")
    told: list[str] = []
    assert len(pictures_below(tmp_path, told.append)) == 1
    assert len(told) == 1
    assert told[0].startswith("left out, no pictures by their names (.jpg, .jpeg, ")
    names = "'7.avif', 'shirt/0.heic', 'shirt/1.heic', 'shirt/2.heic', 'shirt/3.heic'"
    assert told[0].endswith(f"8 files, {names} and 3 more")


def test_notes_and_hidden_files_are_not_worth_a_line(tmp_path: Path) -> None:
    touched(tmp_path, "1.jpg", "metadata.csv", "README.md", "shirt/notes.txt", "shirt/.DS_Store", "Thumbs.db")
    touched(tmp_path, ".git/HEAD", "__MACOSX/x", "lost+found/x")
    told: list[str] = []
    assert len(pictures_below(tmp_path, told.append)) == 1
    assert told == []
