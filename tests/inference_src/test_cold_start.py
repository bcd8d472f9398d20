"""The stages of a worker's start: one line of the log, in which they sum to the whole."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import inference
from recommender.errors import ArtifactError
from recommender.stopwatch import OTHER, Stopwatch
from tests.inference_src.alone import MISSING, run_alone

STAGES = ["import", "engine", "construct", "catalogue", "warm_up", "other"]
TIMED = """
import time
began = time.perf_counter_ns()
import json, pathlib, sys
import inference
imported = time.perf_counter_ns()
inference.model_fn(sys.argv[1], None)
print(json.dumps({"import": (imported - began) / 1e6, "total": (time.perf_counter_ns() - began) / 1e6}))
"""


def microseconds(milliseconds: float) -> int:
    """A number of the log, which has three decimals, in microseconds."""
    return round(milliseconds * 1000)


def summed(entry: dict[str, Any]) -> int:
    return sum(microseconds(each) for each in entry["stages_ms"].values())


def last_line(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().err.splitlines()[-1])


class Clock:
    """A clock that moves on by the next of `steps`, in nanoseconds, at each look."""

    def __init__(self, steps: Iterator[int]) -> None:
        self.looks = [0]
        self._steps = steps

    def __call__(self) -> int:
        self.looks.append(self.looks[-1] + next(self._steps))
        return self.looks[-1]


def irregular() -> Iterator[int]:
    return (1_000_003 * step % 7_919_993 for step in itertools.count(1))


def test_the_stages_of_a_start_are_named_and_sum_to_its_total(
    artifact: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(irregular())
    inference.start(artifact, None, clock)
    entry = last_line(capsys)
    assert (entry["event"], entry["level"]) == ("cold_start", "info")
    assert list(entry["stages_ms"]) == STAGES
    assert min(entry["stages_ms"].values()) > 0
    passed = clock.looks[-1] // 1000 - clock.looks[1] // 1000
    assert summed(entry) == microseconds(entry["total_ms"]) == inference.IMPORT_US + passed


def test_a_start_says_what_it_started(artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inference.model_fn(str(artifact))
    entry = last_line(capsys)
    told = {name: entry[name] for name in ("version", "items", "engine", "device", "threads")}
    assert told == {
        "version": "0123456789ab",
        "items": 78,
        "engine": "onnxruntime",
        "device": "cpu",
        "threads": 1,
    }
    assert summed(entry) == microseconds(entry["total_ms"])


def test_a_start_that_fails_says_how_far_it_came(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "encoder").symlink_to(artifact / "encoder")
    (tmp_path / "manifest.json").symlink_to(artifact / "manifest.json")
    with pytest.raises(ArtifactError, match=r"No index\.json"):
        inference.model_fn(str(tmp_path))
    entry = last_line(capsys)
    assert (entry["event"], entry["level"], entry["error"]) == ("cold_start", "error", "ArtifactError")
    assert list(entry["stages_ms"]) == ["import", "engine", "construct", "other"]
    assert summed(entry) == microseconds(entry["total_ms"])


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_a_real_start_is_told_to_the_last_millisecond_and_asks_the_network_for_nothing(
    artifact: Path, tmp_path: Path
) -> None:
    """Neither Python nor a compiled library asks: name look-ups and Internet sockets fail, and are recorded."""
    ran = run_alone(tmp_path, "-c", TIMED, artifact, PYTHONPATH=str(Path(inference.__file__).parent))
    (line,) = ran.logged.splitlines()
    entry, timed = json.loads(line), json.loads(ran.said)
    assert list(entry["stages_ms"]) == STAGES
    assert summed(entry) == microseconds(entry["total_ms"])
    assert entry["total_ms"] <= timed["total"]
    assert entry["stages_ms"]["import"] <= timed["import"]
    assert (ran.network, ran.home) == ([], [])


def test_a_stopwatch_counts_all_that_passes_and_nothing_twice() -> None:
    clock = Clock(irregular())
    watch = Stopwatch(clock, before={"import": 1_234_567})
    for stage in ("first", "second", "first"):
        watch.note(stage)
    total_ms = watch.total_ms()
    counted = sum(microseconds(each) for each in watch.stages_ms.values())
    assert list(watch.stages_ms) == ["import", "first", "second", OTHER]
    assert counted == microseconds(total_ms) == 1_234_567 + clock.looks[-1] // 1000 - clock.looks[1] // 1000


def test_a_lap_is_the_time_since_the_last_one_and_no_stages() -> None:
    watch = Stopwatch(Clock(itertools.repeat(2_500_000)))
    assert (watch.lap_ms(), watch.lap_ms()) == (2.5, 2.5)
    assert watch.stages_ms == {}


def test_a_stopwatch_takes_the_clock_of_the_process_by_default() -> None:
    began = time.perf_counter_ns()
    watch = Stopwatch()
    took = watch.total_ms()
    assert 0 <= took <= (time.perf_counter_ns() - began) / 1e6
