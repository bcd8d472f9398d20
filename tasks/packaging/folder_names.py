"""The category and the gender that a picture's folders name."""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import yaml

from recommender.attributes import CATEGORIES
from tasks.errors import InputError
from tasks.pictures.files import readable

CATEGORY_NAMES = Path(__file__).with_name("category_names.yaml")
GENDER_NAMES = {
    **dict.fromkeys(("women", "woman", "womens", "female", "ladies"), "female"),
    **dict.fromkeys(("men", "man", "mens", "male", "gents"), "male"),
    "unisex": "unisex",
}
OWN_WORDS = ("short", "flat")
"""Adjectives: they say how a garment is, or how it was photographed, and not that it is shorts or flats."""


def normal(text: str) -> str:
    """The text in Unicode's form NFC, in which names are compared: a Mac writes é as two characters, others as one."""
    return unicodedata.normalize("NFC", text)


def plain(name: str) -> str:
    """A folder's name in lower case without spaces, dashes and underscores: T-Shirt and t_shirt become tshirt."""
    return re.sub(r"[\s_\-]+", "", normal(name).lower())


_CATEGORIES = {plain(name): name for name in CATEGORIES}


def category_names(extra: Path | None = None) -> Mapping[str, str]:
    """The category by folder name; `extra` is a YAML file of the same form as category_names.yaml."""
    return _CATEGORIES | _read_names(CATEGORY_NAMES) | (_read_names(extra) if extra else {})


def _read_names(file: Path) -> dict[str, str]:
    if not file.is_file():
        raise InputError(f"The categories file {file} does not exist.")
    try:
        with readable(file):
            read = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as exc:
        raise InputError(f"The categories file {file} is no YAML: {' '.join(str(exc).split())}") from exc
    wrong = [f"{n}: {c}" for n, c in read.items() if c not in CATEGORIES] if isinstance(read, dict) else []
    if wrong or not isinstance(read, dict):
        found = f" It has `{wrong[0]}`." if wrong else ""
        raise InputError(
            f"The categories file {file} must map folder names to categories, one a line, as in "
            f"`anorak: upperwear_jacket`.{found} The categories are: {', '.join(CATEGORIES)}."
        )
    return {plain(str(name)): category for name, category in read.items()}


def numbers_of(name: str) -> tuple[str, ...]:
    """The plain name itself, and in the other grammatical number: dresses and dress, shoe and shoes."""
    singular = [name.removesuffix("s")] if not name.endswith("ss") else []
    if name.endswith(("ses", "xes", "zes", "ches", "shes")):  # not every "es": capes are not caps
        singular.append(name.removesuffix("es"))
    return name, *singular, *(() if name in OWN_WORDS else (f"{name}s",))


def category_of(path: str, known: Mapping[str, str]) -> str | None:
    """The category that the folders of a path name, the innermost first; None if none of them names one."""
    folders = [name for name in Path(path).parts[:-1] if plain(name) in known or not _gender_named(name)]
    for index in range(len(folders) - 1, -1, -1):
        pair = plain("".join(folders[index - 1 : index + 1])) if index else ""
        for name in (*numbers_of(pair), plain(folders[index])):
            if name in _CATEGORIES:
                return _CATEGORIES[name]
        for name in numbers_of(plain(folders[index])):
            if name in known:
                return known[name]
    return None


def gender_of(path: str, known: Mapping[str, str]) -> str:
    """The gender that the folders of a path name, as in women/shirt; empty if none of them names one."""
    folders = [name for name in Path(path).parts[:-1] if plain(name) not in known]
    named = {gender: name for name in folders if (gender := _gender_named(name))}
    if len(named) > 1:
        raise InputError(
            f"The folders of {path!r} name more than one gender: {' and '.join(named.values())}. "
            "Move it, or say the gender in metadata.csv."
        )
    return next(iter(named), "")


def _gender_named(folder: str) -> str:
    return GENDER_NAMES.get(re.sub("['\u2019]", "", plain(folder)), "")


def default_gender(category: str) -> str:
    """The gender where nothing names one: female for dresses, skirts and heels, unisex for the rest."""
    return "female" if category in {"one-piece_dress", "bottomwear_skirt", "footwear_heels"} else "unisex"
