"""The cost of packaging: the archive against `tar czf`, and unchanged inputs again against the first time.

`python -m benchmarks.packaging` prints one JSON line per measure. Both sides run alternately in one process tree;
the results are CPU seconds, medians of five.
"""

import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measure import Measure, cpu_seconds
from localaws import LocalAws
from tasks.demo.garments import draw_catalogue
from tasks.packaging.archive import write_tar_gz
from tasks.packaging.artifact import package
from tasks.packaging.inputs import PackagingInputs
from tasks.plan import plan_run
from tasks.planning.preflight import ensure_bucket

ROUNDS = 5
ITEMS, DIMENSION = 13_000, 512


def alternately(ours: Callable[[], None], theirs: Callable[[], None], rounds: int = ROUNDS) -> tuple[float, float]:
    """Median CPU seconds of both, children included, measured in turn."""
    pairs = [(cpu_seconds(ours), cpu_seconds(theirs)) for _ in range(rounds)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def archive(folder: Path) -> Measure:
    """Measure the archive of an artifact as large as a real one: 88 MB of weights, 13,000 embeddings."""
    stage = folder / "stage"
    (stage / "catalogue").mkdir(parents=True)
    rng = np.random.default_rng(0)
    np.save(stage / "catalogue" / "embeddings.npy", rng.normal(size=(ITEMS, DIMENSION)).astype(np.float32))
    (stage / "image.onnx").write_bytes(rng.bytes(88_000_000))

    def theirs() -> None:
        subprocess.run(["tar", "czf", folder / "theirs.tar.gz", "-C", stage, "."], check=True)

    ours, other = alternately(lambda: write_tar_gz(stage, folder / "ours.tar.gz"), theirs)
    return Measure("archive of 115 MB against tar czf", ours, other, "CPU s", other / ours, 10)


def again(folder: Path) -> Measure:
    """Measure packaging the drawn catalogue once and again: the second time nothing is encoded or uploaded."""
    draw_catalogue(folder / "catalogue", items=312)
    inputs = PackagingInputs(str(folder / "catalogue"))
    with LocalAws() as aws:
        os.environ.update(aws.environment(), XDG_CACHE_HOME=str(folder / "cache"))
        plan = plan_run("benchmark")
        ensure_bucket(plan)
        first = cpu_seconds(lambda: package(plan, inputs, lambda line: None))
        second = statistics.median(cpu_seconds(lambda: package(plan, inputs, lambda line: None)) for _ in range(ROUNDS))
    return Measure(
        "packaging 312 unchanged pictures again, against the first time", second, first, "CPU s", first / second, 5
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="stygig-benchmark-") as folder:
        for measure in (archive, again):
            print(measure(Path(folder)).to_json())


if __name__ == "__main__":
    main()
