"""The demo's catalogue and query pictures, which a run names `demo`: drawn once, kept in the user's cache folder."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from tasks.demo.garments import draw_catalogue, draw_pictures
from tasks.prefect_task import Progress, silent
from tasks.settings import cache_folder

DEMO = "demo"


def catalogue_source(wanted: str, progress: Progress = silent) -> str:
    """The catalogue's folder or URI; for `demo` the folder of the drawn one, which is drawn first."""
    if wanted != DEMO:
        return wanted
    return str(_drawn_once("demo-catalogue", partial(draw_catalogue, progress=progress), progress))


def pictures_source(wanted: str, progress: Progress = silent) -> str:
    """The same for query pictures."""
    if wanted != DEMO:
        return wanted
    return str(_drawn_once("demo-pictures", draw_pictures, progress))


def _drawn_once(name: str, draw: Callable[[Path], object], progress: Progress) -> Path:
    """The drawn folder, made whole or not at all: another run may draw it, or read it, at the same time."""
    folder = cache_folder() / name
    if not folder.is_dir():
        progress(f"drawing {name}, once: a few seconds")
        cache_folder().mkdir(parents=True, exist_ok=True)
        # beside the folder, since rename works within one file system only
        with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=f".{name}-") as scratch:
            draw(Path(scratch) / name)
            with suppress(OSError):  # another run was faster, and its folder is the same
                (Path(scratch) / name).rename(folder)
    return folder


def smoke_picture() -> Path:
    """A drawn garment, to test that an endpoint answers at all."""
    return sorted(Path(pictures_source(DEMO)).glob("*.jpg"))[0]
