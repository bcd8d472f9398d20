"""Where catalogue and query pictures come from when a run says `demo`: drawn once, kept in the user's cache folder."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tasks.demo.garments import draw_catalogue, draw_pictures
from tasks.settings import cache_folder

DEMO = "demo"


def catalogue_source(wanted: str) -> str:
    """The folder or URI that is meant; `demo` is drawn first."""
    if wanted != DEMO:
        return wanted
    return str(_drawn_once("demo-catalogue", draw_catalogue))


def pictures_source(wanted: str) -> str:
    if wanted != DEMO:
        return wanted
    return str(_drawn_once("demo-pictures", draw_pictures))


def _drawn_once(name: str, draw: Callable[[Path], object]) -> Path:
    """The drawn folder, whole or not at all: another run may be drawing it, or reading it, at the same time."""
    folder = cache_folder() / name
    if not folder.is_dir():
        cache_folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=f".{name}-") as scratch:
            draw(Path(scratch) / name)
            with suppress(OSError):  # somebody else was faster: theirs is the same
                (Path(scratch) / name).rename(folder)
    return folder


def smoke_picture() -> Path:
    """One drawn garment, to ask an endpoint whether it answers at all."""
    return sorted(Path(pictures_source(DEMO)).glob("*.jpg"))[0]
