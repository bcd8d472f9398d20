"""The work of a worker process of either side: say when it was ready and what it took, then serve when asked to.

It imports next to nothing, since its own start is measured.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

Answer = Callable[[bytes], object]


def moment() -> tuple[float, float]:
    """The time on Linux's monotonic clock, which all processes share, and the CPU seconds of this process so far."""
    return time.monotonic(), time.process_time()


def read_pictures(folder: str) -> list[bytes]:
    """The JPEGs in the folder, by name."""
    return [path.read_bytes() for path in sorted(Path(folder).glob("*.jpg"))]


def serve(ready: tuple[float, float], answers: Mapping[str, Answer], pictures: list[bytes], threads: int) -> None:
    """Report the start, first answer included; then answer each line (a way of answering, seconds) with a rate."""
    names = ("ready", "ready_cpu", "first", "first_cpu")
    _say({**dict(zip(names, (*ready, *moment()), strict=True)), "peak_bytes": peak_bytes()})
    for line in sys.stdin:
        way, seconds = json.loads(line)
        answer = answers[way]
        if seconds == 0:
            answer(pictures[0])
        _say({**_rate(answer, pictures, threads, seconds), "peak_bytes": peak_bytes()})


def _rate(answer: Answer, pictures: list[bytes], threads: int, seconds: float) -> dict[str, float]:
    """The requests that these threads answer, each starting the next as soon as it has an answer."""
    counts = [0] * threads
    (started, cpu), failures = moment(), list[BaseException]()

    def work(number: int) -> None:
        try:
            while time.monotonic() < started + seconds:
                answer(pictures[(number + counts[number]) % len(pictures)])
                counts[number] += 1
        except BaseException as error:
            failures.append(error)

    others = [threading.Thread(target=work, args=(number,)) for number in range(1, threads)]
    for thread in others:
        thread.start()
    work(0)
    for thread in others:
        thread.join()
    if failures:
        raise failures[0]
    ended, ended_cpu = moment()
    return {"requests": sum(counts), "wall": ended - started, "cpu": ended_cpu - cpu}


def peak_bytes() -> int:
    """The most memory that this process has had."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024


def _say(entry: Mapping[str, float]) -> None:
    print(json.dumps(entry), flush=True)
