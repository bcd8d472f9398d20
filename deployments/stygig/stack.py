"""`make up` and `make down`: the embedded AWS, a Prefect server with all deployments, and a worker, in the background.

Process ids and logs lie in `.run/`. What runs already is left alone; `down` ends only what is in there.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM

import httpx

from stygig.processes import start_time

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / ".run"
PREFECT_PORT = os.environ.get("STYGIG_PREFECT_PORT", "4200")
AWS_PORT = os.environ.get("STYGIG_AWS_PORT", "4577")
API_URL = f"http://127.0.0.1:{PREFECT_PORT}/api"
POOL = "stygig"
START_SECONDS = 180
DRAIN_SECONDS = 120


class StackError(Exception):
    """Something did not start; the message names its log."""


@dataclass(frozen=True)
class Service:
    """One process in the background."""

    name: str
    arguments: tuple[str, ...]

    @property
    def pid_file(self) -> Path:
        return RUN / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        return RUN / f"{self.name}.log"

    def running(self) -> int | None:
        """Its process id, if that process is still the one that was started."""
        if not self.pid_file.is_file():
            return None
        pid, started = self.pid_file.read_text().split()
        return int(pid) if start_time(int(pid)) == started else None

    def start(self, environment: Mapping[str, str]) -> None:
        if self.running():
            say(f"{self.name} runs already")
            return
        with self.log.open("wb") as output:
            process = subprocess.Popen(
                self.arguments,
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.pid_file.write_text(f"{process.pid} {start_time(process.pid)}")

    def wait_until(self, ready: Callable[[], bool]) -> None:
        started = time.monotonic()
        while time.monotonic() - started < START_SECONDS:
            if not self.running():
                raise StackError(f"{self.name} ended at once; {self.log} says why:\n{self.last_lines()}")
            if ready():
                say(f"{self.name} is up")
                return
            time.sleep(0.3)
        raise StackError(f"{self.name} was not ready within {START_SECONDS} s; {self.log} says why.")

    def last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])

    def stop(self) -> None:
        """SIGTERM, then, if it won't end, SIGKILL to its whole session."""
        pid = self.running()
        if pid:
            os.kill(pid, SIGTERM)
            if not _gone_within(pid, DRAIN_SECONDS):
                with suppress(ProcessLookupError):
                    os.killpg(pid, SIGKILL)
            say(f"{self.name} ended")
        self.pid_file.unlink(missing_ok=True)


BIN = Path(sys.executable).parent
AWS = Service("aws", (str(BIN / "stygig"), "local", "up", "--port", AWS_PORT))
PREFECT = Service("prefect", (str(BIN / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", PREFECT_PORT))
WORKER = Service("worker", (str(BIN / "prefect"), "worker", "start", "--pool", POOL, "--type", "process"))


def up() -> None:
    """Starts what does not run yet, deploys everything, and says how to use it."""
    RUN.mkdir(exist_ok=True)
    _refuse_taken(AWS, AWS_PORT, "STYGIG_AWS_PORT")
    _refuse_taken(PREFECT, PREFECT_PORT, "STYGIG_PREFECT_PORT")
    environment = os.environ | {
        "PREFECT_HOME": str(RUN / "prefect"),
        "PREFECT_API_URL": API_URL,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PWD": str(ROOT),
    }
    AWS.start(environment)
    PREFECT.start(environment)
    AWS.wait_until(lambda: _answers(f"http://127.0.0.1:{AWS_PORT}/"))
    PREFECT.wait_until(lambda: _answers(f"{API_URL}/health"))
    environment |= _aws_environment()
    _prefect(environment, "work-pool", "create", POOL, "--type", "process", "--overwrite")
    _prefect(environment, "--no-prompt", "deploy", "--all")
    WORKER.start(environment)
    WORKER.wait_until(_worker_is_online)
    say("")
    say(f"Prefect UI:  http://127.0.0.1:{PREFECT_PORT}/deployments")
    say(f"In a shell:  export PREFECT_API_URL={API_URL}")
    say('             eval "$(.venv/bin/stygig local env)"')
    say("             .venv/bin/prefect deployment run 'nightly-validation/nightly' --watch")
    say("`make down` ends all of it.")


def down() -> None:
    """Ends what `up` started, the worker first: it waits for the runs in hand, which need the others."""
    for service in (WORKER, PREFECT, AWS):
        if service is WORKER and service.running():
            say(f"the worker finishes its runs (at most {DRAIN_SECONDS} s)")
        service.stop()


def _refuse_taken(service: Service, port: str, variable: str) -> None:
    """Before anything is started: half a stack is worse than none."""
    if service.running():
        return
    try:
        with closing(socket.create_server(("127.0.0.1", int(port)))):
            return
    except (OSError, ValueError, OverflowError) as exc:
        raise StackError(f"{service.name} can't listen on port {port}: {exc}. Set {variable} to a free one.") from exc


def _prefect(environment: Mapping[str, str], *arguments: str) -> None:
    done = subprocess.run(
        (str(BIN / "prefect"), *arguments), cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StackError(f"prefect {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def _aws_environment() -> dict[str, str]:
    """What `stygig local env` prints, as a mapping."""
    done = subprocess.run(
        (str(BIN / "stygig"), "local", "env", "--port", AWS_PORT, "--json"), capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)["environment"]
    return found


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code < 500
    except httpx.TransportError:
        return False


def _worker_is_online() -> bool:
    found = httpx.post(f"{API_URL}/work_pools/{POOL}/workers/filter", json={}, timeout=10)
    return found.is_success and any(worker["status"] == "ONLINE" for worker in found.json())


def _gone_within(pid: int, seconds: float) -> bool:
    started, born = time.monotonic(), start_time(pid)
    while time.monotonic() - started < seconds:
        if start_time(pid) != born:
            return True
        time.sleep(0.2)
    return False


def say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201 - the progress of a command


def main() -> int:
    if sys.argv[1:] not in (["up"], ["down"]):
        say("usage: python -m stygig.stack up|down")
        return 2
    try:
        up() if sys.argv[1] == "up" else down()
    except StackError as exc:
        say(f"error: {exc}")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
