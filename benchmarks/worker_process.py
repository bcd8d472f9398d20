"""A worker of either side as a process of its own, told what to do through a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

REPOSITORY = Path(__file__).parent.parent
THREADS = 2


@dataclass(frozen=True)
class Command:
    """A module of benchmarks, its arguments, and variables to add to an environment without settings of threads."""

    module: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """The arguments for subprocess."""
        bare = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
        line = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{self.module}", *self.arguments]
        return {"args": line, "env": bare | dict(self.environment), "cwd": REPOSITORY, "text": True}

    def run(self) -> Any:
        """Run it to its end and return the JSON that it prints."""
        done = subprocess.run(**self.options, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)


def handler(model: Path, pictures: Path) -> Command:
    """The command for our worker, which imports the code that the artifact ships."""
    arguments = (str(model), str(pictures), str(THREADS))
    return Command("recommender_worker", arguments, {"PYTHONPATH": str(model / "code")})


def naive(checkpoint: Path, pictures: Path, catalogue: Path, **environment: str) -> Command:
    """The command for the naive worker."""
    return Command("naive_worker", (str(checkpoint), str(pictures), str(catalogue)), environment)


class WorkerProcess:
    """A worker process that lives while it is entered; entering takes until its first answer."""

    def __init__(self, command: Command) -> None:
        self._command = command

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # a file, since a pipe that nobody reads would block the worker once it is full
            self._errors = stack.enter_context(tempfile.TemporaryFile("w+"))
            started = time.monotonic()
            self._process = subprocess.Popen(
                **self._command.options, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
            )
            stack.callback(self._process.communicate)
            said = self._read()
            self.start = said | {name: said[name] - started for name in ("ready", "first")}
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def serve(self, way: str, seconds: float) -> dict[str, float]:
        """Have it serve in this way for so many seconds; return its report and the rate."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([way, seconds]) + "\n")
        self._process.stdin.flush()
        said = self._read()
        return said | {"rate": said["requests"] / said["wall"]}

    def _read(self) -> dict[str, float]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"{self._command} ended: {self._errors.read()[-2000:]}")
        said: dict[str, float] = json.loads(line)
        return said


def start_once(command: Command) -> dict[str, float]:
    """Start a worker, end it, and return its report of the start."""
    with WorkerProcess(command) as worker:
        return worker.start
