"""One unit embedding per readable picture; damaged ones are listed, too many are an error."""

import json
from pathlib import Path

import numpy as np
import pytest

from recommender.encoding.encoder import load_encoder
from recommender.pictures.image import decode, preprocess
from tasks.encoder.choice import EncoderChoice, prepare_encoder
from tasks.errors import InputError
from tasks.packaging.catalogue import Entry, scan_catalogue
from tasks.packaging.embedding import embed_catalogue
from tests.tasks.deployed import put_picture

COLOURS = ("red", "green", "blue", "yellow", "black", "white", "orange", "purple", "pink", "brown")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    prepare_encoder(EncoderChoice("demo"), folder)
    return folder


@pytest.fixture
def entries(tmp_path: Path) -> tuple[Entry, ...]:
    for colour in COLOURS:
        put_picture(tmp_path / "shirt" / f"{colour}.png", colour)
    return scan_catalogue(tmp_path)


def silent(line: str) -> None:
    """Progress that nobody reads."""


def test_rows_are_unit_and_aligned_with_items_and_entries(encoder: Path, entries: tuple[Entry, ...]) -> None:
    embedded = embed_catalogue(entries, encoder, silent)
    assert embedded.entries == entries
    assert [item.item_id for item in embedded.items] == [entry.path for entry in entries]
    assert embedded.embeddings.dtype == np.float32
    assert np.allclose(np.linalg.norm(embedded.embeddings, axis=1), 1, atol=1e-5)
    assert embedded.skipped == ()


def test_a_row_is_what_the_recommender_makes_of_that_picture(encoder: Path, entries: tuple[Entry, ...]) -> None:
    embedded, loaded = embed_catalogue(entries, encoder, silent), load_encoder(encoder)
    pixels = preprocess(decode(entries[3].file.read_bytes()), loaded.spec)
    assert np.allclose(embedded.embeddings[3], loaded.encode(pixels[None])[0], atol=1e-5)


def test_an_item_has_its_pictures_colours_and_its_entrys_words(encoder: Path, entries: tuple[Entry, ...]) -> None:
    by_path = {item.path: item for item in embed_catalogue(entries, encoder, silent).items}
    red = by_path["shirt/red.png"]
    assert (red.group, red.category, red.gender) == ("upperwear", "upperwear_shirt", "unisex")
    assert red.colours[0].name == "red"


def test_a_damaged_picture_is_skipped_and_listed_and_the_rest_stays_aligned(
    encoder: Path, entries: tuple[Entry, ...]
) -> None:
    whole = embed_catalogue(entries, encoder, silent)
    entries[4].file.write_text("not a picture")
    embedded = embed_catalogue(entries, encoder, silent)
    assert [path for path, _ in embedded.skipped] == [entries[4].path]
    assert embedded.skipped[0][1]
    kept = [row for row in range(len(entries)) if row != 4]
    assert embedded.items == tuple(whole.items[row] for row in kept)
    assert np.allclose(embedded.embeddings, whole.embeddings[kept], atol=1e-5)


def test_more_than_a_tenth_damaged_is_refused_with_the_first_named(encoder: Path, entries: tuple[Entry, ...]) -> None:
    for entry in entries[:2]:
        entry.file.write_text("not a picture")
    with pytest.raises(InputError, match=rf"2 of 10 pictures .* first {entries[0].path}: .*Up to 10% are skipped"):
        embed_catalogue(entries, encoder, silent)


def test_nothing_but_damaged_pictures_is_refused(encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "hat").mkdir()
    (tmp_path / "hat" / "1.jpg").touch()
    with pytest.raises(InputError, match=r"1 of 1 pictures of the catalogue can't be read, first hat/1\.jpg"):
        embed_catalogue(scan_catalogue(tmp_path), encoder, silent)


def test_progress_is_told_in_batches(encoder: Path, drawn_catalogue: Path) -> None:
    told: list[str] = []
    embed_catalogue(scan_catalogue(drawn_catalogue), encoder, told.append)
    assert told == ["encoded 32 of 52 pictures", "encoded 52 of 52 pictures"]


def test_what_is_written_is_what_the_handler_reads(encoder: Path, entries: tuple[Entry, ...], tmp_path: Path) -> None:
    embedded, folder = embed_catalogue(entries, encoder, silent), tmp_path / "written"
    folder.mkdir()
    embedded.write(folder, silent)
    lines = (folder / "items.jsonl").read_text().splitlines()
    assert [json.loads(line)["item_id"] for line in lines] == [entry.path for entry in entries]
    rows = np.load(folder / "embeddings.npy", mmap_mode="r")
    assert rows.flags.c_contiguous
    assert np.array_equal(rows, embedded.embeddings)
