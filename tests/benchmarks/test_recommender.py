"""The comparison with the naive way: what it scans, what it counts, and that both sides' processes run."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import search_cpu, side_by_side
from benchmarks.naive_scan import Candidate, NaiveCatalogue, complete, harmony, read_catalogue
from benchmarks.recommender_artifact import random_embeddings, random_items
from benchmarks.recommender_sides import INT8, NAIVE, OURS, less_time, more
from benchmarks.serving_loop import moment, serve
from benchmarks.side_by_side import ENOUGH_QUIET, QUIET_CORES, Sample, Turns, in_turn
from benchmarks.tower_rate import tower_operations
from benchmarks.worker_process import Command, WorkerProcess
from recommender.attributes import CATEGORIES, GENDERS
from tasks.packaging.catalogue_files import write_catalogue

BLUE, BLACK, OCHRE = (30, 60, 200), (20, 20, 20), (200, 150, 30)
# (id, category, gender, colour, similarity): the predecessor's own code was run on these
GOLDEN = (
    ("t1", "upperwear_tshirt", "unisex", BLUE, 0.95),
    ("t2", "upperwear_tshirt", "unisex", (200, 30, 30), 0.93),
    ("s1", "upperwear_shirt", "unisex", (240, 240, 240), 0.92),
    ("t3", "upperwear_tshirt", "unisex", BLUE, 0.91),
    ("d1", "one-piece_dress", "female", BLUE, 0.90),
    ("p1", "bottomwear_pants", "unisex", BLACK, 0.80),
    ("p2", "bottomwear_pants", "unisex", OCHRE, 0.88),
    ("p3", "bottomwear_pants", "male", BLACK, 0.86),
    ("k1", "bottomwear_skirt", "female", (255, 255, 255), 0.85),
    ("n1", "footwear_sneakers", "unisex", (60, 200, 30), 0.70),
    ("b1", "accessories_bag", "unisex", (40, 90, 210), 0.60),
    ("j1", "upperwear_jacket", "unisex", (0, 0, 0), 0.59),
    ("h1", "footwear_heels", "female", (255, 0, 0), 0.58),
    ("u1", "accessories_belt", "unisex", (0, 0, 0), 0.50),
)


def golden(colour_key: str = "color_rgb") -> list[Candidate]:
    return [
        ({"id": name, "category": category, "gender": gender, colour_key: colour}, similarity)
        for name, category, gender, colour, similarity in GOLDEN
    ]


@pytest.mark.parametrize(
    ("gender", "colour_key", "expected"),
    [
        ("unisex", "color_rgb", "p1 1.058, b1 0.92, n1 0.874, u1 0.8"),
        ("female", "color_rgb", "k1 1.081, p1 1.0005, b1 0.8625, n1 0.8165, u1 0.75, h1 0.712"),
        ("male", "color_rgb", "p3 1.0856, b1 0.8625, n1 0.8165, u1 0.75"),
        ("unisex", "color", "p2 1.0948, n1 1.012, b1 0.966, u1 0.8"),
    ],
)
def test_the_naive_scan_scores_as_the_predecessor_did(gender: str, colour_key: str, expected: str) -> None:
    found = complete(golden(colour_key), BLUE, gender)
    assert ", ".join(f"{each['id']} {each['score']}" for each in found) == expected
    assert [each["rank"] for each in found] == list(range(1, len(found) + 1))


def test_the_naive_scan_takes_the_nearest_of_tied_categories() -> None:
    kinds = ("upperwear_tshirt", "upperwear_shirt", "upperwear_tshirt", "upperwear_shirt", "bottomwear_pants")
    candidates: list[Candidate] = [
        ({"id": str(n), "category": kind, "gender": "unisex"}, 0.9 - n / 10) for n, kind in enumerate(kinds)
    ]
    assert [each["category"] for each in complete(candidates, BLUE, "unisex")] == ["bottomwear_pants"]


@pytest.mark.parametrize(
    ("other", "expected"),
    [((255, 128, 0), 0.9), ((255, 129, 0), 0.2), ((64, 255, 0), 0.7), ((0, 255, 191), 0.8), ((0, 0, 50), 1.0)],
)
def test_the_naive_colours_go_together_as_the_predecessors_did(other: tuple[int, int, int], expected: float) -> None:
    assert harmony((255, 0, 0), other) == expected


def test_the_naive_scan_drops_what_lies_beyond_the_catalogue() -> None:
    rows = np.eye(3, 4, dtype=np.float32)
    items = [{"id": str(row), "category": kind, "gender": "unisex"} for row, kind in enumerate(CATEGORIES[2:5])]
    found = NaiveCatalogue(items, rows).scan(rows[0], BLUE, "unisex")
    assert {each["id"] for each in found} <= {"0", "1", "2"}
    assert found


@pytest.fixture(scope="module")
def catalogue_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random items, four of each category and gender, and random prompts."""
    folder = tmp_path_factory.mktemp("random")
    write_catalogue(folder, random_items(156), random_embeddings(156), lambda line: None)
    prompts = [("category", name) for name in CATEGORIES] + [("gender", name) for name in GENDERS]
    np.save(folder / "attributes.npy", random_embeddings(len(prompts)))
    said = [{"kind": kind, "value": value, "prompt": value} for kind, value in prompts]
    (folder / "attributes.json").write_text(json.dumps(said))
    return folder


def test_both_sides_read_the_same_catalogue(catalogue_folder: Path) -> None:
    naive = read_catalogue(catalogue_folder)
    assert len({item["id"] for item in naive.items}) == len(naive.items) == len(naive.embeddings) == 156
    found = naive.scan(naive.embeddings[0], BLUE, "unisex")
    assert found
    assert len({each["category"] for each in found}) == len(found)


def test_search_is_measured_on_both_sides_in_turn(catalogue_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search_cpu.main(str(catalogue_folder), "2")
    taken = json.loads(capsys.readouterr().out)
    assert {side: len(values) for side, values in taken.items()} == {"ours": 2 * search_cpu.OF_OURS, "theirs": 2}
    assert min(*taken["ours"], *taken["theirs"]) > 0


def turns_of(ours: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> Turns:
    """Turns that read `first` and `rate`, with the cores that other processes used meanwhile."""
    pairs = {OURS: ours, NAIVE: theirs}
    return Turns(
        {
            name: [Sample({"first": value, "first_cpu": value / 2, "rate": value}, cores) for value, cores in each]
            for name, each in pairs.items()
        }
    )


def test_disturbed_turns_do_not_count_where_enough_were_not() -> None:
    quiet, loud = QUIET_CORES / 2, QUIET_CORES * 2
    turns = turns_of([(1, quiet), (2, quiet), (3, quiet), (90, loud)], [(10, quiet)] * ENOUGH_QUIET)
    found = less_time("start", turns, "first", 6.5)
    assert (found.ours, found.theirs, found.ratio, found.unit) == (2, 10, 5, "s")


def test_a_start_is_told_in_cpu_seconds_where_all_turns_were_disturbed() -> None:
    turns = turns_of([(2, 1.0)] * 3, [(10, 1.0)] * 3)
    found = less_time("start", turns, "first", 6.5)
    assert (found.ours, found.theirs, found.ratio, found.unit) == (1, 5, 5, "CPU s")


def test_a_rate_is_better_when_it_is_higher() -> None:
    turns = turns_of([(20, 0.0)] * 3, [(8, 0.0)] * 3)
    assert more("requests", turns, OURS, NAIVE, "1/s", 2.0).ratio == 2.5


@pytest.mark.parametrize(("others_seconds", "rounds"), [(0.0, 3), (100.0, 6)])
def test_a_disturbed_comparison_goes_on_up_to_twice_as_long(
    monkeypatch: pytest.MonkeyPatch, others_seconds: float, rounds: int
) -> None:
    busy = iter(range(1000))
    monkeypatch.setattr(side_by_side, "_busy_seconds", lambda: next(busy) * others_seconds)
    monkeypatch.setattr(side_by_side, "_own_seconds", lambda pids: 0.0)
    turns = in_turn({OURS: lambda: {"first": 1.0}, INT8: lambda: {"first": 2.0}}, rounds=3)
    assert {name: len(samples) for name, samples in turns.samples.items()} == {OURS: rounds, INT8: rounds}


def test_the_tower_is_counted_without_what_its_last_block_leaves_out() -> None:
    assert tower_operations() == pytest.approx(8.24e9, rel=0.003)


def test_a_worker_tells_of_its_start_and_serves_with_all_its_threads(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('["length", 0]\n["length", 0.05]\n'))
    seen: set[int] = set()
    serve(moment(), {"length": lambda body: seen.add(len(body))}, [b"1", b"22"], threads=2)
    start, first, served = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert start["ready"] <= start["first"]
    assert first["requests"] == 0
    assert served["requests"] > 1
    assert served["wall"] >= 0.05
    assert seen == {1, 2}


def test_a_thread_that_fails_fails_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('["fail", 5]\n'))

    def fail(body: bytes) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        serve(moment(), {"fail": fail}, [b"1"], threads=2)


def test_a_worker_that_ends_says_why(tmp_path: Path) -> None:
    command = Command("recommender_worker", (str(tmp_path), str(tmp_path), "1"))
    with pytest.raises(RuntimeError, match=r"No manifest\.json"), WorkerProcess(command):
        pass
