"""Where catalogue and query pictures come from when a run says `demo`: drawn once, kept in the user's cache folder."""

import os
from pathlib import Path

from tasks.demo.garments import draw_catalogue, draw_pictures

DEMO = "demo"


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "stygig"


def catalogue_source(wanted: str) -> str:
    """The folder or URI that is meant; `demo` is drawn first."""
    if wanted != DEMO:
        return wanted
    folder = cache_folder() / "demo-catalogue"
    draw_catalogue(folder)
    return str(folder)


def pictures_source(wanted: str) -> str:
    if wanted != DEMO:
        return wanted
    folder = cache_folder() / "demo-pictures"
    draw_pictures(folder)
    return str(folder)


def smoke_picture() -> Path:
    """One drawn garment, to ask an endpoint whether it answers at all."""
    return sorted(Path(pictures_source(DEMO)).glob("*.jpg"))[0]
