"""The pictures that quality is measured on: a folder with labels.csv (file, label), or garments drawn for it."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.demo.garments import garments
from tasks.errors import InputError
from tasks.exchange.csv_table import read_table
from tasks.packaging.catalogue import Entry
from tasks.packaging.folder_names import category_names, default_gender, numbers_of, plain

LABELS = "labels.csv"
LONGEST_NAME_SHOWN = 200
DRAWING_SEED = 2_026  # differs from the seeds of the catalogue, of the query pictures and of the encoder's training


@dataclass(frozen=True)
class Labelled:
    """A picture with its label, the category that the label stands for, and the colour it was drawn in, if known."""

    name: str
    file: Path
    label: str
    category: str | None
    colour: str | None = None

    @property
    def key(self) -> str:
        """The label in the form in which it is compared."""
        return label_key(self.label)

    @property
    def entry(self) -> Entry | None:
        """The picture as an item of a catalogue, if its label stands for a category."""
        category = self.category
        return Entry(self.name, category, default_gender(category), self.file) if category else None


def label_key(label: str) -> str:
    """A label in the form in which it is compared: T-Shirt, tshirt and t-shirts are one."""
    name = plain(label)
    if name.endswith(("sses", "shes", "ches", "xes")):
        return name.removesuffix("es")
    return name if name.endswith("ss") else name.removesuffix("s")


def read_labelled(folder: Path, only: Collection[str] = ()) -> list[Labelled]:
    """Read the pictures of a folder with these labels, or all; case, spaces, dashes and plurals don't matter."""
    rows = _rows(folder)
    _refuse_unknown(only, {row["label"] for row in rows}, folder)
    wanted = {label_key(label) for label in only}
    known = category_names()
    found = [_labelled(folder, row, known) for row in rows if not only or label_key(row["label"]) in wanted]
    missing = [each.name for each in found if not _is_file(each.file)]
    if missing:
        first = missing[0][:LONGEST_NAME_SHOWN]
        raise InputError(f"{folder / LABELS} names {len(missing)} files that don't exist, first {first}.")
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the file system refuses a name longer than any file's
        return False


def _rows(folder: Path) -> list[dict[str, str]]:
    table = folder / LABELS
    if not table.is_file():
        raise InputError(f"No {LABELS} in {folder}; a folder of pictures needs one, with the columns file and label.")
    read = read_table(table, "file", "label").rows
    _refuse_twice(table, read)
    rows = [row for _, row in read]
    unlabelled = [row["file"] for row in rows if not plain(row["label"])]
    if unlabelled:
        raise InputError(f"{table} has {len(unlabelled)} rows without a label, first that of {unlabelled[0]!r}.")
    return rows


def _refuse_twice(table: Path, rows: Iterable[tuple[int, dict[str, str]]]) -> None:
    first: dict[str, int] = {}
    for line, row in rows:
        if first.setdefault(row["file"], line) != line:
            name = row["file"][:LONGEST_NAME_SHOWN]
            raise InputError(f"{table}, line {line}: {name} stands in line {first[row['file']]} too. Name it once.")


def _refuse_unknown(asked: Iterable[str], there: Collection[str], folder: Path) -> None:
    known = {label_key(label) for label in there}
    unknown = [label for label in asked if label_key(label) not in known]
    if unknown:
        labels = ", ".join(sorted(there))
        raise InputError(f"{folder} has no picture labelled {', '.join(unknown)}; its labels are {labels}.")


def _labelled(folder: Path, row: dict[str, str], known: Mapping[str, str]) -> Labelled:
    label = row["label"]
    named = (known[name] for name in numbers_of(plain(label)) if name in known)
    return Labelled(row["file"], folder / row["file"], label, next(named, None), row.get("colour") or None)


def draw_labelled(folder: Path, count: int) -> None:
    """Draw `count` garments, the categories in turn, with a labels.csv that has their colours, too."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LABELS).open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(("file", "label", "colour"))
        for number, garment in enumerate(garments(count, DRAWING_SEED), start=1):
            name = f"{number:05d}.jpg"
            garment.picture.save(folder / name, quality=90)
            table.writerow((name, garment.kind.type, garment.colour))
