"""The catalogue as the handler searches it: one item and one unit embedding per picture.

Pictures go through the recommender's own decoding, colours and encoder, so that items and queries are treated alike.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommender.catalogue.catalogue import Item, describe_item
from recommender.catalogue.search import SearchSpec
from recommender.encoding.encoder import EncoderSpec, load_encoder
from recommender.encoding.engines import Hardware
from recommender.errors import RequestError
from recommender.pictures.image import decode_for, preprocess
from tasks.errors import InputError
from tasks.packaging.catalogue import Entry
from tasks.packaging.catalogue_files import write_catalogue
from tasks.pictures.files import read_bytes

BATCH = 32
THREADS = 2
MOST_SKIPPED_SHARE = 0.1


@dataclass(frozen=True)
class Prepared:
    """One picture ready for the encoder, or the reason why it can't be encoded."""

    entry: Entry
    item: Item | None = None
    pixels: NDArray[np.float32] | None = None
    reason: str = ""


@dataclass(frozen=True)
class Embedded:
    """Items, embeddings [n, d] and entries, row-aligned; `skipped` are the unreadable pictures with the reason."""

    items: tuple[Item, ...]
    embeddings: NDArray[np.float32]
    entries: tuple[Entry, ...]
    skipped: tuple[tuple[str, str], ...]

    def write(self, folder: Path, progress: Callable[[str], None]) -> SearchSpec:
        """Write the catalogue's files; return how they are searched."""
        return write_catalogue(folder, self.items, self.embeddings, progress)


def embed_catalogue(entries: Sequence[Entry], encoder_folder: Path, progress: Callable[[str], None]) -> Embedded:
    """Encode every picture. Skip and list damaged ones; raise InputError if more than a tenth are damaged."""
    encoder = load_encoder(encoder_folder, Hardware(THREADS))
    prepared: list[Prepared] = []
    rows: list[NDArray[np.float32]] = []
    told = 0
    for batch in _batches(entries, encoder.spec):
        pixels = [each.pixels for each in batch if each.pixels is not None]
        if pixels:
            rows.append(encoder.encode(np.stack(pixels)))
        # without the pixels, which would fill the memory
        prepared += [Prepared(each.entry, each.item, None, each.reason) for each in batch]
        tenth = 10 * len(prepared) // len(entries)
        if tenth > told:
            told = tenth
            progress(f"encoded {len(prepared)} of {len(entries)} pictures")
    skipped = tuple((each.entry.path, each.reason) for each in prepared if each.reason)
    _refuse_too_damaged(len(entries), skipped)
    good = [(each.entry, each.item) for each in prepared if each.item is not None]
    return Embedded(tuple(i for _, i in good), np.concatenate(rows), tuple(e for e, _ in good), skipped)


def _batches(entries: Sequence[Entry], spec: EncoderSpec) -> Iterator[list[Prepared]]:
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(entries), BATCH):
            yield list(pool.map(lambda entry: _prepare(entry, spec), entries[start : start + BATCH]))


def _prepare(entry: Entry, spec: EncoderSpec) -> Prepared:
    try:
        image = decode_for(spec, read_bytes(entry.file))
    except RequestError as exc:
        return Prepared(entry, reason=str(exc))
    item = describe_item(image, entry.path, entry.category, entry.gender)
    return Prepared(entry, item, preprocess(image, spec))


def _refuse_too_damaged(total: int, skipped: Sequence[tuple[str, str]]) -> None:
    if len(skipped) > MOST_SKIPPED_SHARE * total or len(skipped) == total:
        path, reason = skipped[0]
        raise InputError(
            f"{len(skipped)} of {total} pictures of the catalogue can't be read, first {path}: {reason} "
            f"Up to {MOST_SKIPPED_SHARE:.0%} are skipped and listed; repair or remove these."
        )
