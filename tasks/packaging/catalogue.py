"""The catalogue to recommend from: pictures in folders, each with its category and gender.

Folders are `<group>/<type>/<file>` or just `<type>/<file>`; one of them may name a gender, as in `women/shirt/<file>`.
The optional `metadata.csv` beside them has the columns path and gender, and overrides the folders.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from recommender.attributes import CATEGORIES, GENDERS
from tasks.errors import InputError
from tasks.exchange.csv_table import read_table
from tasks.packaging.folder_names import category_names, category_of, default_gender, gender_of, normal
from tasks.pictures.files import SUFFIXES, pictures_below
from tasks.prefect_task import Progress, silent

METADATA = "metadata.csv"
UNKNOWN_SHOWN = 5


@dataclass(frozen=True)
class Entry:
    """One picture of the catalogue; `path`, relative to the catalogue's folder, is its id."""

    path: str
    category: str
    gender: str
    file: Path


def scan_catalogue(
    folder: Path, metadata: Path | None = None, categories: Path | None = None, progress: Progress = silent
) -> tuple[Entry, ...]:
    """Every picture of the folder with its category and gender, sorted by path; `progress` is told what is left out."""
    files = pictures_below(folder, progress)
    if not files:
        raise InputError(
            f"The catalogue {folder} holds no pictures ({', '.join(SUFFIXES)}). "
            "Expected <group>/<type>/<file> or <type>/<file>, as in upperwear/shirt/0001.jpg."
        )
    known = category_names(categories)
    said = _metadata(metadata or folder / METADATA, progress, required=metadata is not None)
    paths = {str(f.relative_to(folder)): f for f in files}
    _refuse_unwritable(paths)
    _refuse_strays(said, paths, metadata or folder / METADATA)
    found = {path: category_of(path, known) for path in paths}
    _refuse_unknown({path for path, category in found.items() if category is None}, folder)
    return tuple(
        Entry(path, category, said.get(normal(path)) or gender_of(path, known) or default_gender(category), paths[path])
        for path, category in found.items()
        if category is not None
    )


def _metadata(file: Path, progress: Progress, *, required: bool) -> dict[str, str]:
    """The gender by path, the path in its normal form."""
    if not file.exists():
        if required:
            raise InputError(f"The metadata file {file} does not exist.")
        return {}
    table = read_table(file, "path", "gender")
    if unused := [name for name in table.columns if name not in ("path", "gender")]:
        progress(f"{file.name}: path and gender are read; ignored: {', '.join(unused)}")
    said: dict[str, str] = {}
    for line, row in table.rows:
        path, gender = row["path"], row["gender"]
        if not path:
            raise InputError(f"{file}, line {line}: the path is missing.")
        if gender and gender not in GENDERS:
            raise InputError(f"{file}, line {line}: gender {gender!r} is not one of {', '.join(GENDERS)}.")
        if said.setdefault(normal(path), gender) != gender:
            raise InputError(
                f"{file}, line {line}: gender {gender!r} of {path}, which was "
                f"{said[normal(path)] or 'not told'} before."
            )
    return said


def _refuse_unwritable(paths: Iterable[str]) -> None:
    """Refuse names that aren't UTF-8: Linux takes any bytes as a name, but such a name can't be an item's id."""
    for path in paths:
        try:
            path.encode()
        except UnicodeEncodeError as exc:
            raise InputError(f"The name of the picture {path!r} is not in UTF-8. Rename it.") from exc


def _refuse_strays(said: Mapping[str, str], paths: Iterable[str], file: Path) -> None:
    strays = sorted(set(said) - {normal(path) for path in paths})
    if strays:
        raise InputError(
            f"{file} speaks of {len(strays)} pictures that are not in the catalogue, first {strays[0]!r}. "
            "Its paths are relative to the catalogue's folder."
        )


def _refuse_unknown(unknown: set[str], folder: Path) -> None:
    directly = sorted(path for path in unknown if Path(path).parent == Path())
    if directly:
        raise InputError(
            f"{len(directly)} pictures lie directly in {folder}, first {directly[0]}: nothing says what they show. "
            "Put them into <group>/<type>/ or <type>/, as in upperwear/shirt/0001.jpg."
        )
    if unknown:
        names = sorted({str(Path(path).parent) for path in unknown})
        more = f" and {len(names) - UNKNOWN_SHOWN} more" if len(names) > UNKNOWN_SHOWN else ""
        raise InputError(
            f"{folder}: no category is known for {', '.join(names[:UNKNOWN_SHOWN])}{more} ({len(unknown)} pictures). "
            "Give a --categories FILE with a line such as `NAME: upperwear_jacket`, or rename the folder. "
            f"The categories are: {', '.join(CATEGORIES)}."
        )
