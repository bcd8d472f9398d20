"""Search for the rows of a catalogue that are nearest to an embedding: one protocol, three kinds.

exact   the cosine of every row; up to EXACT_ITEMS items
signs   the sign bits of (row − mean), one per dimension: rows are ordered by how many bits differ from the query's,
        and the cosines of the best `depth` are computed from the rows themselves; up to SIGNS_ITEMS items
faiss   the same, but faiss compares the bits, in a third of the time
The mean is subtracted because all embeddings of a CLIP share a direction, whose signs would tell nothing.
All kinds compute the cosines that they return in the same way, so that a score doesn't depend on the kind.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.catalogue.mapped import open_array
from recommender.errors import ArtifactError
from recommender.fields import Fields

EXACT, SIGNS, FAISS = SEARCH_KINDS = ("exact", "signs", "faiss")
EXACT_ITEMS = 100_000
SIGNS_ITEMS = 2_000_000
CHUNK = 16_384  # rows whose bits and counts stay in the processor's cache
RESCORED = 1_024  # rows that are copied at a time, so that the copy stays there too

_Rows = NDArray[np.float32]
_Vector = NDArray[np.float32]
_Places = NDArray[np.intp]
_WORD = np.uint64


def kind_for(items: int) -> str:
    """The kind of search for a catalogue of so many items."""
    return EXACT if items <= EXACT_ITEMS else SIGNS if items <= SIGNS_ITEMS else FAISS


@dataclass(frozen=True, slots=True)
class SearchSpec:
    """A catalogue's kind of search, and the share of the true ten nearest that it found for `queries` queries."""

    kind: str
    items: int
    depth: int
    recall_at_10: float
    queries: int

    @classmethod
    def from_fields(cls, fields: Fields) -> SearchSpec:
        """The specification in `fields`, or SchemaError."""
        fields.only(*cls.__slots__)
        return cls(
            kind=fields.one_of("kind", SEARCH_KINDS),
            items=fields.whole("items", at_least=1),
            depth=fields.whole("depth", at_least=0),
            recall_at_10=fields.unit("recall_at_10"),
            queries=fields.whole("queries", at_least=0),
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of index.json and the manifest."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows of the catalogue, in the catalogue's order, each with its cosine to the query."""

    rows: _Places
    cosine: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The rows around one embedding.

    `close` returns the places in a run of rows where the `count` nearest may be; `cosines` returns the cosines of rows.
    """

    close: Callable[[slice, int], _Places]
    cosines: Callable[[_Places], _Vector]

    def nearest(self, runs: Sequence[slice], count: int) -> Candidates:
        """The `count` nearest of each run of rows, or all it has, and those that are as near as the last of them."""
        close = [self.close(run, count) + run.start for run in runs]
        rows = np.concatenate(close)
        cosine = self.cosines(rows).astype(np.float64)
        if all(len(each) <= count for each in close):
            return Candidates(rows, cosine)
        bounds = itertools.pairwise(itertools.accumulate((len(each) for each in close), initial=0))
        kept = np.concatenate([_least(-cosine[start:end], count) + start for start, end in bounds])
        return Candidates(rows[kept], cosine[kept])


class Search(Protocol):
    """A search for neighbours; `around` does once what doesn't depend on the rows asked for."""

    def around(self, embedding: _Vector) -> Neighbourhood:
        """The neighbourhood of a unit vector."""


@dataclass(frozen=True, slots=True)
class ExactSearch:
    """A search that compares every row."""

    embeddings: _Rows

    def around(self, embedding: _Vector) -> Neighbourhood:
        """The neighbourhood of a unit vector."""
        cosines = _cosines(self.embeddings, embedding)
        distances = -cosines
        return Neighbourhood(lambda run, count: _least(distances[run], count), lambda rows: cosines[rows])


@dataclass(frozen=True, slots=True)
class SignSearch:
    """A search that compares sign bits [words, n] first."""

    embeddings: _Rows
    mean: _Vector
    signs: NDArray[np.uint64]
    depth: int

    def around(self, embedding: _Vector) -> Neighbourhood:
        """The neighbourhood of a unit vector."""
        distances = _differing_bits(self.signs, sign_bits(embedding[None], self.mean)[0])

        def close(run: slice, count: int) -> _Places:
            return _least(distances[run], max(count, self.depth))

        return Neighbourhood(close, partial(_cosines_of, self.embeddings, embedding))


@dataclass(frozen=True, slots=True)
class FaissSearch:
    """A search of sign bits [n, bytes] by faiss, on the mapped file: an IndexBinaryFlat without its copy in memory."""

    embeddings: _Rows
    mean: _Vector
    signs: NDArray[np.uint8]
    depth: int
    faiss: Any

    def around(self, embedding: _Vector) -> Neighbourhood:
        """The neighbourhood of a unit vector."""
        bits = sign_bits(embedding[None], self.mean).view(np.uint8)

        def close(run: slice, count: int) -> _Places:
            among = self.signs[run]
            if len(among) <= (depth := max(count, self.depth)):
                return np.arange(len(among))
            return np.asarray(np.sort(self.faiss.knn_hamming(bits, among, depth)[1][0]))

        return Neighbourhood(close, partial(_cosines_of, self.embeddings, embedding))


def open_search(folder: Path, spec: SearchSpec, embeddings: _Rows) -> Search:
    """Open the search chosen for the catalogue in `folder`; ArtifactError if its files or faiss can't be used."""
    if spec.kind == EXACT:
        return ExactSearch(embeddings)
    items, dimension = embeddings.shape
    mean = np.array(open_array(folder / "mean.npy", np.float32, (dimension,)))
    words = -(-dimension // 64)
    if spec.kind == SIGNS:
        signs = open_array(folder / "signs.npy", np.uint64, (words, items))
        return SignSearch(embeddings, mean, signs, spec.depth)
    rows = open_array(folder / "signs.npy", np.uint8, (items, words * 8))
    return FaissSearch(embeddings, mean, rows, spec.depth, _faiss(items))


def sign_bits(rows: _Rows, mean: _Vector) -> NDArray[np.uint64]:
    """The signs of (row − mean) as bits, [n, words]; the last word is filled up with 0."""
    packed = np.packbits(rows > mean, axis=1)
    padding = -packed.shape[1] % 8
    return np.ascontiguousarray(np.pad(packed, ((0, 0), (0, padding)))).view(np.uint64)


def _differing_bits(signs: NDArray[np.uint64], bits: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """The number of bits in each column of `signs` [words, n] that differ from `bits` [words]."""
    distances = np.zeros(signs.shape[1], np.uint16)
    for start in range(0, len(distances), CHUNK):
        chunk = distances[start : start + CHUNK]
        for word, wanted in zip(signs, bits, strict=True):
            chunk += _count_bits(word[start : start + CHUNK] ^ wanted)
    return distances


def bits_set(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The number of 1 bits in each word: np.bitwise_count for a numpy older than 2, as in some serving images."""
    pairs = words - (words >> _WORD(1) & _WORD(0x5555555555555555))
    nibbles = (pairs & _WORD(0x3333333333333333)) + (pairs >> _WORD(2) & _WORD(0x3333333333333333))
    octets = nibbles + (nibbles >> _WORD(4)) & _WORD(0x0F0F0F0F0F0F0F0F)
    return np.asarray(octets * _WORD(0x0101010101010101) >> _WORD(56), np.uint8)


_count_bits = getattr(np, "bitwise_count", bits_set)


def _least(values: NDArray[Any], count: int) -> _Places:
    """The positions of the `count` least values, and of those that equal the last of them."""
    if len(values) <= count:
        return np.arange(len(values))
    return np.flatnonzero(values <= np.partition(values, count - 1)[count - 1])


def _cosines(embeddings: _Rows, embedding: _Vector) -> _Vector:
    """The cosines, equal for equal rows: BLAS sums in an order that depends on a row's place, and is hardly faster."""
    return np.asarray(np.clip(np.einsum("ij,j->i", embeddings, embedding), -1.0, 1.0))


def _cosines_of(embeddings: _Rows, embedding: _Vector, rows: _Places) -> _Vector:
    """The cosines of these rows."""
    parts = [rows[start : start + RESCORED] for start in range(0, max(1, len(rows)), RESCORED)]
    return np.concatenate([_cosines(embeddings[part], embedding) for part in parts])


def _faiss(items: int) -> Any:
    try:
        import faiss
    except ImportError as error:
        raise ArtifactError(f"A catalogue of {items} items is searched by faiss: install faiss-cpu.") from error
    return faiss
