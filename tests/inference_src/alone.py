"""Runs a program without a network and with an empty home folder, and reports what it tried."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("network_recorder.c")
COMPILER = shutil.which("gcc") or shutil.which("cc")
MISSING = (
    ""
    if sys.platform == "linux" and COMPILER
    else "needs Linux and a C compiler: what compiled libraries look up is recorded by a library loaded before them"
)


@dataclass(frozen=True)
class Ran:
    """A program's output, its requests to the network, and the files in its home folder afterwards."""

    said: str
    logged: str
    network: list[str]
    home: list[str]


def run_alone(folder: Path, *arguments: str | Path, **environment: str) -> Ran:
    """Run Python with these arguments; of this process's environment it gets only PATH, besides the given variables."""
    library, home, record = folder / "network_recorder.so", folder / "home", folder / "network"
    home.mkdir()
    compiled = [str(COMPILER), "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(compiled, check=True, capture_output=True)
    alone = {"PATH": os.environ["PATH"], "HOME": str(home), "LD_PRELOAD": str(library), "NETWORK_RECORD": str(record)}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=alone | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    network = record.read_text().splitlines() if record.exists() else []
    return Ran(done.stdout, done.stderr, network, sorted(str(file.relative_to(home)) for file in home.rglob("*")))
