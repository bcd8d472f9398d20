"""The costs of our recommender beside the naive one: start, memory, bytes, throughput, search, packaging.

`python -m benchmarks.recommender` prints one JSON line per measure; progress and ranges go to standard error. The naive
way is open_clip from a checkpoint file, k-means by scikit-learn and a scan of the catalogue in Python. Both sides have
the same weights, random ones, and take turns; the median of the readings counts. Turns that other processes disturbed
are left out if enough others remain; if not, the times of a start are CPU seconds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.measure import Measure
from benchmarks.recommender_artifact import ITEMS
from benchmarks.recommender_sides import FULL, INT8, OURS, QUICK, Rounds, Sides, more, tell
from benchmarks.recommender_starts import archive_bytes, from_archive, packing, starts
from benchmarks.side_by_side import in_turn
from benchmarks.worker_process import THREADS, Command, WorkerProcess

TUNED = {"OPENBLAS_NUM_THREADS": "1"}
SCANNING = {"tuned threads": 1.7, "default threads": 2.5}
SCANNING_INT8 = {"tuned threads": 3.5, "default threads": 5.5}


def serving(sides: Sides, rounds: Rounds) -> Iterator[Measure]:
    """Measure rates: our container answers with two threads in one process, the naive worker one request at a time."""
    commands = {
        OURS: sides.ours(sides.fp16),
        INT8: sides.ours(sides.int8),
        "tuned threads": sides.theirs(**TUNED),
        "default threads": sides.theirs(),
    }
    with ExitStack() as stack:
        workers = {name: stack.enter_context(WorkerProcess(command)) for name, command in commands.items()}
        turns = {name: (workers[name], "handler") for name in (OURS, INT8)}
        turns |= {f"{name}, {way}": (workers[name], way) for name in SCANNING for way in ("scan", "product")}
        for worker, way in turns.values():
            worker.serve(way, 0)
        asked = {name: partial(worker.serve, way, rounds.seconds) for name, (worker, way) in turns.items()}
        found = in_turn(asked, rounds.serving, [worker.pid for worker in workers.values()])
    for way, said in (("scan", ""), ("product", ", which searches by one product and applies no rules")):
        for precision, goals in ((OURS, SCANNING), (INT8, SCANNING_INT8)):
            for name, at_least in goals.items():
                measure = f"requests on two cores, {precision}, against a naive worker with {name}{said}"
                yield more(measure, found, precision, f"{name}, {way}", "1/s", at_least)


def tower(sides: Sides, rounds: Rounds) -> Iterator[Measure]:
    """Measure the image tower against a product of matrices, both with two threads; the best of each, as a limit."""
    arguments = (str(sides.fp16.folder / "encoder"), str(THREADS))
    command = Command("tower_rate", arguments, {"OPENBLAS_NUM_THREADS": str(THREADS)})
    turns = in_turn({"both": command.run}, rounds.processor)
    name = "image tower at batch 8, a fraction of the fp32 GEMM rate"
    tell(f"{name}: ours {turns.spread('both', 'tower')}, theirs {turns.spread('both', 'product')} GFLOP/s")
    ours, theirs = (max(turns.values("both", reading)) for reading in ("tower", "product"))
    yield Measure(name, ours, theirs, "GFLOP/s", ours / theirs, 0.75)


def searching(sides: Sides, rounds: Rounds) -> Iterator[Measure]:
    """Measure search and scoring, both sides with one thread in one process."""
    arguments = (str(sides.fp16.folder / "catalogue"), str(5 * rounds.processor))
    taken = Command("search_cpu", arguments, TUNED).run()
    one, other = (statistics.median(taken[side]) for side in ("ours", "theirs"))
    yield Measure(f"search and scoring, {ITEMS} items", one, other, "CPU ms", other / one, 50)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of each, which proves nothing")
    rounds = QUICK if parser.parse_args(arguments).quick else FULL
    rows: tuple[Callable[[Sides, Rounds], Iterator[Measure]], ...] = (
        starts, from_archive, archive_bytes, serving, tower, searching, packing,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="stygig-benchmark-") as folder:
        sides = Sides.write(Path(folder))
        for row in rows:
            for measure in row(sides, rounds):
                print(measure.to_json(), flush=True)


if __name__ == "__main__":
    main()
