"""A stack of a program's own, at free ports."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stygig.stack.schedules import PrefectServer


@dataclass
class Stack:
    """A stack started with `make up`, and the runs on it."""

    folder: Path
    environment: dict[str, str]
    exports: dict[str, str] = field(default_factory=dict)

    def up(self) -> None:
        self._command("up")
        lines = (self.folder / "env").read_text().splitlines()
        self.exports = dict(line.removeprefix("export ").replace("'", "").split("=", 1) for line in lines)

    def down(self) -> None:
        self._command("down")

    def _command(self, name: str) -> None:
        asked = [sys.executable, "-m", "stygig.stack", name]
        done = subprocess.run(asked, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)

    @property
    def server(self) -> PrefectServer:
        return PrefectServer(self.exports["PREFECT_API_URL"], self.exports["PREFECT_API_AUTH_STRING"])

    def pid(self, name: str) -> int:
        return int((self.folder / f"{name}.pid").read_text().split()[0])

    def log(self) -> str:
        return (self.folder / "worker.log").read_text(errors="replace")

    def start_by_worker(self, catalogue: Path) -> str:
        """Ask the worker for a flow run and return its id."""
        name = {"deployments": {"name": {"any_": ["nightly"]}}}
        (nightly,) = self.server.post("deployments/filter", name)
        wanted = {"parameters": {"catalogue": str(catalogue)}, "state": {"type": "SCHEDULED"}}
        return str(self.server.post(f"deployments/{nightly['id']}/create_flow_run", wanted)["id"])

    def state(self, run_id: str) -> str:
        (found,) = self.server.post("flow_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})
        return str(found["state_type"])

    def command(self, folder: Path, *arguments: str, own_prefect: bool) -> "subprocess.Popen[str]":
        """Start the plain command, with a temporary Prefect server of its own or on the stack's."""
        exports = {k: v for k, v in self.exports.items() if not (own_prefect and k.startswith("PREFECT_"))}
        return subprocess.Popen(
            [sys.executable, "-m", "stygig", *arguments],
            env=self.environment | exports | {"PREFECT_LOGGING_COLORS": "false"},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


@contextmanager
def stack(folder: Path) -> Iterator[Stack]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "STYGIG_", "PREFECT_"))}
    ports = {"STYGIG_PREFECT_PORT": "0", "STYGIG_AWS_PORT": "0", "STYGIG_RUN_FOLDER": str(folder / "run")}
    made = Stack(folder / "run", kept | ports | {"STYGIG_REPORTS": str(folder / "reports")})
    made.up()
    try:
        yield made
    finally:
        made.down()


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201
