"""The wait at the start: the demo against a plain Prefect flow, and commands against their limits of CPU time.

`python -m benchmarks.startup [--rounds N]` prints one JSON line per measure. The plain flow returns 1 and has the
temporary server that Prefect starts by itself. Both run in turn, with empty homes the first time and full ones after.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.measure import Measure, cpu_seconds

PLAIN_FLOW = "from prefect import flow\n@flow\ndef one(): return 1\nassert one() == 1"
FIRST_AT_MOST, SECOND_AT_MOST = 2.5, 1.25
FIRST_LINE_SECONDS, SILENCE_SECONDS = 2.0, 5.0
LIMITS_CPU_SECONDS = {"--help": 0.3, "inventory": 1.5, "sweep": 1.5, "status": 1.5}


def environment(home: Path, **own: str) -> dict[str, str]:
    """The environment of somebody with that home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PREFECT_", "STYGIG_"))}
    patient = {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "600"}
    return kept | patient | {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")} | own


def wall_seconds(arguments: list[str], folder: Path, own: dict[str, str]) -> float:
    """Run the program to its end; its wall time."""
    began = time.monotonic()
    subprocess.run(arguments, cwd=folder, env=own, check=True, capture_output=True)
    return time.monotonic() - began


def demo(home: Path) -> list[float]:
    """Run the demo; the seconds after its start at which it said something, and at which it ended."""
    began = time.monotonic()
    asked: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(
        [sys.executable, "-m", "stygig", "nightly", "--local"], cwd=home, env=environment(home), **asked
    ) as run:
        assert run.stdout
        moments = [time.monotonic() - began for _ in run.stdout]
    if run.returncode:
        raise RuntimeError(f"the demo ended with {run.returncode}")
    return [*moments, time.monotonic() - began]


def plain_flow(home: Path) -> float:
    return wall_seconds([sys.executable, "-c", PLAIN_FLOW], home, environment(home))


def side_by_side(rounds: int) -> Iterator[Measure]:
    """Measure both with empty homes, then `rounds` times with those homes; medians."""
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        moments = demo(Path(ours))
        silence = max(after - before for before, after in pairwise(moments))
        yield at_most("first demo against a plain flow's first", moments[-1], plain_flow(Path(theirs)), FIRST_AT_MOST)
        yield at_most("first line of the first demo", moments[0], FIRST_LINE_SECONDS, 1)
        yield at_most("longest silence of the first demo", silence, SILENCE_SECONDS, 1)
        pairs = [(demo(Path(ours))[-1], plain_flow(Path(theirs))) for _ in range(rounds)]
        again = statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)
        yield at_most("next demo against a plain flow's next", *again, SECOND_AT_MOST)


def at_most(measure: str, ours: float, theirs: float, times: float) -> Measure:
    """Our time may be so many times theirs; a ratio of 1 is just that."""
    return Measure(measure, ours, theirs, "s", theirs * times / ours, 1)


@contextmanager
def embedded_aws(home: Path) -> Iterator[dict[str, str]]:
    """An embedded AWS in another process, and the environment of its clients."""
    up = [sys.executable, "-m", "localaws", "up", "--port", "0"]
    quiet: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(up, env=environment(home), **quiet) as aws:
        assert aws.stdout
        aws.stdout.readline()
        asked = [sys.executable, "-m", "localaws", "env", "--json"]
        told = subprocess.run(asked, env=environment(home), check=True, capture_output=True, text=True).stdout
        yield environment(home, **json.loads(told)["environment"])
        aws.terminate()


def commands(rounds: int) -> Iterator[Measure]:
    """Measure the CPU time of commands that need no Prefect."""
    with tempfile.TemporaryDirectory() as home, embedded_aws(Path(home)) as own:
        for command, limit in LIMITS_CPU_SECONDS.items():
            asked = [sys.executable, "-m", "stygig", command]
            used = statistics.median(cpu_seconds(quietly(asked, Path(home), own)) for _ in range(rounds))
            yield Measure(f"stygig {command}", used, limit, "CPU s", limit / used, 1)


def quietly(arguments: list[str], folder: Path, own: dict[str, str]) -> Callable[[], object]:
    return lambda: subprocess.run(arguments, cwd=folder, env=own, check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    for measures in (commands(rounds), side_by_side(rounds)):
        for measure in measures:
            print(measure.to_json(), flush=True)


if __name__ == "__main__":
    main()
