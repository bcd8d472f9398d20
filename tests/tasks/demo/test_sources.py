"""The sources of a run's pictures, `demo` among them."""

from functools import partial
from pathlib import Path

import pytest

from tasks.demo.garments import draw_catalogue
from tasks.demo.sources import catalogue_source, pictures_source, smoke_picture
from tasks.packaging.catalogue import scan_catalogue
from tasks.settings import cache_folder


@pytest.mark.parametrize("wanted", ["s3://bucket/prefix/", "/some/folder", "relative"])
def test_what_is_named_is_taken_as_it_is(wanted: str) -> None:
    assert catalogue_source(wanted) == pictures_source(wanted) == wanted


def test_the_cache_lies_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "stygig"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "stygig"


def test_the_demo_catalogue_is_drawn_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("tasks.demo.sources.draw_catalogue", partial(draw_catalogue, items=26))  # 312 take five seconds
    folder = Path(catalogue_source("demo"))
    assert len(scan_catalogue(folder)) == 26
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*.jpg")}
    assert Path(catalogue_source("demo")) == folder
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*.jpg")} == before


def test_the_demo_has_enough_pictures_for_a_validation_and_one_for_a_smoke_test() -> None:
    folder = Path(pictures_source("demo"))
    assert len(list(folder.glob("*.jpg"))) == 24
    assert smoke_picture().parent == folder
