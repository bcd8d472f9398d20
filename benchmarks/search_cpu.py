"""CPU of search and scoring: `search_cpu CATALOGUE ROUNDS` prints both sides' milliseconds, measured in turn.

Both get the embedding and the colours, and return the values that the answer's recommendations are made of.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.naive_scan import read_catalogue
from recommender.catalogue.catalogue import Catalogue, open_catalogue
from recommender.ranking import find_candidates, rank
from recommender.reading import read_garment
from recommender.schema import DEFAULT_TOP_K, Colour, Recommendation, Request

LOGIT_SCALE = 100.0
NOISE = 0.02
OF_OURS = 8  # calls of ours for one of theirs
COLOURS = (
    Colour((220, 25, 30), (46.6, 70.1, 51.0), 0.7, "red"),
    Colour((20, 28, 80), (12.0, 15.0, -32.0), 0.3, "navy"),
)


def recommend(catalogue: Catalogue, embedding: NDArray[np.float32]) -> tuple[Recommendation, ...]:
    """Do the part of Recommender.answer that follows the encoder and the colours."""
    request = Request(image=b"-", top_k=DEFAULT_TOP_K)
    around = catalogue.search.around(embedding)
    reading = read_garment(request, catalogue, embedding, around, LOGIT_SCALE)
    return rank(catalogue, reading, COLOURS, find_candidates(catalogue, reading, around), DEFAULT_TOP_K)


def near(rows: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """A unit vector near some row."""
    row = rows[random.integers(len(rows))] + NOISE * random.normal(size=rows.shape[1])
    return np.asarray(row / np.linalg.norm(row), dtype=np.float32)


def cpu_ms(work: Callable[[], object]) -> float:
    """CPU milliseconds of one call, all threads included."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


def main(folder: str, rounds: str) -> None:
    path = Path(folder)
    theirs = read_catalogue(path)
    ours = open_catalogue(path, theirs.embeddings.shape[1])
    random = np.random.default_rng(0)
    recommend(ours, near(theirs.embeddings, random))
    queries = [near(theirs.embeddings, random) for _ in range(OF_OURS)]
    taken: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(int(rounds)):
        query = queries[number % OF_OURS]
        taken["ours"] += [cpu_ms(partial(recommend, ours, each)) for each in queries]
        taken["theirs"].append(cpu_ms(partial(theirs.scan, query, COLOURS[0].rgb, "unisex")))
    print(json.dumps(taken))


if __name__ == "__main__":
    main(*sys.argv[1:])
