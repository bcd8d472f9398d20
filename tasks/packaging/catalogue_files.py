"""The files of the catalogue that the handler opens; they are checked when they are written, and not again.

Rows are sorted by kind and id, so that rows which are searched together lie together. Their number decides the kind of
search; an approximate search is measured against the exact one, and must reach LEAST_RECALL.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.catalogue.items import COLUMNS, ITEM_KINDS, Item
from recommender.catalogue.search import (
    EXACT,
    FAISS,
    SIGNS,
    Candidates,
    ExactSearch,
    Search,
    SearchSpec,
    kind_for,
    open_search,
    sign_bits,
)
from recommender.colours.harmony import Palettes
from recommender.errors import ArtifactError as UnreadableError
from recommender.errors import SchemaError
from tasks.errors import ArtifactError
from tasks.prefect_task import Progress

DEPTHS = (400, 1600)
LEAST_RECALL = 0.99
QUERIES, WANTED = 200, 10
QUERY_NOISE = 0.5  # the length of the noise added to a row, whose cosine to the query is then 0.89
CHUNK = 65_536
UNIT_TOLERANCE = 1e-3

_Rows = NDArray[np.float32]


def write_catalogue(
    folder: Path, items: Sequence[Item], embeddings: _Rows, progress: Progress, kind: str = ""
) -> SearchSpec:
    """Write items and embeddings [n, d], row-aligned and in any order; `kind` overrides the choice of search."""
    check(items, embeddings)
    place = {kind: at for at, kind in enumerate(ITEM_KINDS)}
    rows = sorted(range(len(items)), key=lambda row: (place[items[row].kind], items[row].item_id))
    ordered = [items[row] for row in rows]
    embeddings = np.ascontiguousarray(embeddings, dtype=np.float32)[rows]
    np.save(folder / "embeddings.npy", embeddings)
    np.save(folder / "items.npy", columns(ordered, _write_lines(folder / "items.jsonl", ordered)))
    spec = fit_search(folder, embeddings, kind or kind_for(len(ordered)), progress)
    index = {"blocks": blocks(ordered), "search": spec.to_dict()}
    (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n")
    return spec


def check(items: Sequence[Item], embeddings: _Rows) -> None:
    """Raise ArtifactError unless items and embeddings are a valid catalogue: the handler trusts what is packaged."""
    if not items or len(items) != len(embeddings):
        raise ArtifactError(f"The catalogue has {len(items)} items and {len(embeddings)} embeddings; wanted one each.")
    twice = [name for name, count in Counter(item.item_id for item in items).items() if count > 1]
    if twice:
        raise ArtifactError(f"The catalogue names item {twice[0]!r} twice; ids must be unique.")
    for item in items:
        try:
            Item.from_json(item.to_json())
        except SchemaError as exc:
            raise ArtifactError(f"The handler could not read item {item.item_id!r}: {exc}") from exc
    norms = np.linalg.norm(embeddings, axis=1)
    if not bool((np.abs(norms - 1) <= UNIT_TOLERANCE).all()):
        worst = items[int(np.argmax(np.nan_to_num(np.abs(norms - 1), nan=np.inf)))]  # a norm may be NaN
        raise ArtifactError(f"The embedding of {worst.item_id!r} isn't a unit vector; the encoder failed on it.")


def _write_lines(path: Path, items: Iterable[Item]) -> list[int]:
    """Write one line per item; return each line's offset in bytes."""
    starts = []
    with path.open("wb") as file:
        for item in items:
            starts.append(file.tell())
            file.write(item.to_json().encode() + b"\n")
    return starts


def columns(items: Sequence[Item], lines: Sequence[int]) -> NDArray[np.void]:
    """The columns that search and scores need of each item, as the handler maps them into memory."""
    table = np.zeros(len(items), COLUMNS)
    table["line"] = lines
    table["order"][sorted(range(len(items)), key=lambda row: items[row].item_id)] = np.arange(len(items))
    for start in range(0, len(items), CHUNK):
        palettes = Palettes.of([item.colours for item in items[start : start + CHUNK]]).table()
        table["palette"][start : start + CHUNK, : palettes.shape[1]] = palettes
    return table


def blocks(items: Iterable[Item]) -> dict[str, dict[str, int]]:
    """The number of items of each category and gender, in the order of the rows."""
    counts = Counter(item.kind for item in items)
    found: dict[str, dict[str, int]] = {}
    for kind in ITEM_KINDS:
        found.setdefault(kind.category, {})[kind.gender] = counts[kind]
    return found


def fit_search(folder: Path, embeddings: _Rows, kind: str, progress: Progress) -> SearchSpec:
    """Write this kind of search's files and measure it; fall back to exact search where no depth finds enough."""
    exact = SearchSpec(EXACT, len(embeddings), depth=0, recall_at_10=1.0, queries=0)
    if kind == EXACT:
        return exact
    write_signs(folder, embeddings, kind)
    for depth in DEPTHS:
        spec = _measured(folder, embeddings, kind, depth)
        progress(f"search by {kind}, depth {depth}: recall at 10 is {spec.recall_at_10:.4f}")
        if spec.recall_at_10 >= LEAST_RECALL:
            return spec
    progress(f"that is less than {LEAST_RECALL}: this catalogue is searched exactly, which is slower")
    for name in ("mean.npy", "signs.npy"):
        (folder / name).unlink()
    return exact


def write_signs(folder: Path, embeddings: _Rows, kind: str) -> None:
    """Write mean.npy and signs.npy, the signs word by word for numpy and row by row for faiss."""
    mean = embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)
    bits = np.concatenate([sign_bits(embeddings[at : at + CHUNK], mean) for at in range(0, len(embeddings), CHUNK)])
    layout: dict[str, NDArray[Any]] = {SIGNS: bits.T, FAISS: bits.view(np.uint8)}
    np.save(folder / "mean.npy", mean)
    np.save(folder / "signs.npy", np.ascontiguousarray(layout[kind]))


def _measured(folder: Path, embeddings: _Rows, kind: str, depth: int) -> SearchSpec:
    queries = unseen_queries(embeddings)
    spec = SearchSpec(kind, len(embeddings), depth, 0.0, len(queries))
    try:
        search = open_search(folder, spec, embeddings)
    except UnreadableError as exc:
        raise ArtifactError(str(exc)) from exc
    recall = recall_at_10(search, embeddings, queries)
    return SearchSpec(kind, len(embeddings), depth, recall, len(queries))


def unseen_queries(embeddings: _Rows) -> _Rows:
    """Unit vectors like those of pictures outside the catalogue: rows with noise, the same every time."""
    random = np.random.default_rng(0)
    rows = random.choice(len(embeddings), min(QUERIES, len(embeddings)), replace=False)
    noise = random.normal(size=(len(rows), embeddings.shape[1]))
    queries = embeddings[np.sort(rows)] + QUERY_NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return np.asarray(queries / np.linalg.norm(queries, axis=1, keepdims=True), dtype=np.float32)


def recall_at_10(search: Search, embeddings: _Rows, queries: _Rows) -> float:
    """The share of the ten nearest of all rows that the search finds, averaged over the queries."""
    exact = ExactSearch(embeddings)

    def nearest(by: Search, query: NDArray[np.float32]) -> set[int]:
        return _ten_nearest(by.around(query).nearest([slice(0, len(embeddings))], WANTED))

    truth = [nearest(exact, query) for query in queries]
    found = [nearest(search, query) for query in queries]
    shares = [len(true & seen) / len(true) for true, seen in zip(truth, found, strict=True)]
    return round(float(np.mean(shares)), 6)


def _ten_nearest(found: Candidates) -> set[int]:
    return set(found.rows[np.argsort(-found.cosine, kind="stable")[:WANTED]].tolist())
