"""Measures of a start, from a new process or an archive on disk to an answer; of its memory and its bytes."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.measure import Measure
from benchmarks.packaging import alternately
from benchmarks.recommender_sides import INT8, MEGABYTE, NAIVE, OURS, Rounds, Sides, less, less_time, tell
from benchmarks.side_by_side import in_turn
from benchmarks.worker_process import Command, handler, naive, start_once
from tasks.packaging.archive import unpack_tar_gz, write_tar_gz


def starts(sides: Sides, rounds: Rounds) -> Iterator[Measure]:
    """Measure starts: ours is ready with its catalogue and a made-up picture answered, the naive one with its model."""
    commands = {OURS: sides.ours(sides.fp16), INT8: sides.ours(sides.int8), NAIVE: sides.theirs()}
    for command in commands.values():  # not measured: it brings the files into Linux's page cache
        start_once(command)
    turns = in_turn({name: partial(start_once, each) for name, each in commands.items()}, rounds.starts)
    yield less_time("process start to ready", turns, "ready", 6.5)
    yield less_time("process start to first embedding", turns, "first", 6.5)
    for precision, at_least in ((OURS, 4.0), (INT8, 10.0)):
        yield less(f"peak memory of a worker, {precision}", turns, precision, "peak_bytes", "bytes", at_least)


def from_archive(sides: Sides, rounds: Rounds) -> Iterator[Measure]:
    """Measure unpacking and starting; our archive has its catalogue, the naive one is the checkpoint alone."""
    packed = sides.folder / "naive.tar.gz"
    _run("tar", "czf", packed, "-C", sides.checkpoint.parent, ".")
    tell(f"tar czf makes {packed.stat().st_size / MEGABYTE:.1f} MB of the checkpoint")

    def ours() -> dict[str, float]:
        unpack = partial(unpack_tar_gz, sides.fp16.archive)
        return _unpacked_and_started(unpack, lambda model: handler(model, sides.pictures))

    def theirs() -> dict[str, float]:
        def command(model: Path) -> Command:
            return naive(model / sides.checkpoint.name, sides.pictures, model)

        return _unpacked_and_started(lambda model: _run("tar", "xzf", packed, "-C", model), command)

    turns = in_turn({OURS: ours, NAIVE: theirs}, rounds.archives)
    packed.unlink()
    yield less_time("archive on disk to first embedding", turns, "first", 6.0)


def _unpacked_and_started(unpack: Callable[[Path], object], command: Callable[[Path], Command]) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="stygig-benchmark-") as folder:
        model = Path(folder)
        started, cpu = time.monotonic(), sum(os.times()[:4])
        unpack(model)
        wall, cpu = time.monotonic() - started, sum(os.times()[:4]) - cpu
        said = start_once(command(model))
    return {"first": said["first"] + wall, "first_cpu": said["first_cpu"] + cpu}


def _run(*arguments: str | Path) -> None:
    subprocess.run(arguments, check=True)


def archive_bytes(sides: Sides, rounds: Rounds) -> Iterator[Measure]:
    """Measure the model's archive, packed alike on both sides, without embeddings, which take the same on both."""
    packed = sides.folder / "naive.tar.gz"
    write_tar_gz(sides.checkpoint.parent, packed)
    theirs = packed.stat().st_size
    packed.unlink()
    alone, with_runtime = sides.fp16.model_bytes, sides.fp16.model_and_runtime_bytes
    yield Measure("bytes of the archive", alone, theirs, "bytes", theirs / alone, 3.4)
    yield Measure(
        "the same, with ONNX Runtime for AWS's image", with_runtime, theirs, "bytes", theirs / with_runtime, 2.8
    )


def packing(sides: Sides, rounds: Rounds) -> Iterator[Measure]:
    """Measure building the archive of one artifact."""
    theirs = sides.folder / "theirs.tar.gz"
    one, other = alternately(
        lambda: write_tar_gz(sides.fp16.folder, sides.folder / "ours.tar.gz"),
        lambda: _run("tar", "czf", theirs, "-C", sides.fp16.folder, "."),
        rounds.archives,
    )
    yield Measure("building the archive, against tar czf of the same files", one, other, "CPU s", other / one, 10)
