"""`make up` and `make down`: the embedded AWS, a Prefect server with all deployments, and a worker, in the background.

Process ids, logs, the Prefect server's password and `env` lie in `.run/`, for its user alone. What runs already is
left alone; `down` ends only what is in there. Whoever may post to the Prefect server makes the worker run commands:
it asks for the password, and no web page of another origin may talk to it.
"""

import json
import os
import secrets
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from stygig import telemetry
from stygig.prefect_schedules import TAG, NextRun, PrefectServer, next_runs
from stygig.service import DRAIN_SECONDS, Service, StackError
from stygig.signals import signals_end_the_command
from stygig.surroundings import without_strangers

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
POOL = "stygig"


@dataclass(frozen=True)
class Stack:
    """The three services, their ports and their folder."""

    run: Path = field(default_factory=lambda: Path(os.environ.get("STYGIG_RUN_FOLDER", ROOT / ".run")).resolve())
    prefect_port: str = field(default_factory=lambda: os.environ.get("STYGIG_PREFECT_PORT", "4200"))
    aws_port: str = field(default_factory=lambda: os.environ.get("STYGIG_AWS_PORT", "4577"))

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.prefect_port}/api"

    @property
    def aws(self) -> Service:
        return Service("aws", (str(BIN / "stygig"), "local", "up", "--port", self.aws_port), self.run)

    @property
    def prefect(self) -> Service:
        asked = (str(BIN / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", self.prefect_port)
        return Service("prefect", asked, self.run)

    @property
    def worker(self) -> Service:
        asked = (str(BIN / "prefect"), "worker", "start", "--pool", POOL, "--type", "process")
        return Service("worker", asked, self.run)

    def auth(self) -> str:
        """The Prefect server's password; made anew where there is none."""
        file = self.run / "prefect-auth"
        if not file.exists() or not file.read_text().strip():
            file.write_text(f"stygig:{secrets.token_urlsafe(24)}\n")
        return file.read_text().strip()

    def environment(self) -> dict[str, str]:
        """What the services and those who use them need to know of the Prefect server."""
        return {"PREFECT_API_URL": self.api_url, "PREFECT_API_AUTH_STRING": self.auth()}

    def server_settings(self) -> dict[str, str]:
        """The Prefect server's own. Leases in files survive its restart: a run would be ended that lost its slot's."""
        origins = ",".join(f"http://{host}:{self.prefect_port}" for host in ("127.0.0.1", "localhost"))
        return {
            "PREFECT_HOME": str(self.run / "prefect"),
            "PREFECT_SERVER_API_AUTH_STRING": self.auth(),
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": origins,
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            "PREFECT_SERVER_DATABASE_TIMEOUT": "60",  # SQLite has one writer: on a busy machine it is waited for
            "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PWD": str(ROOT),
        }


def up(stack: Stack) -> list[NextRun]:
    """Starts what does not run yet and deploys everything; the next run of each schedule.

    If something does not start, what was started is ended again.
    """
    os.umask(0o077)
    stack.run.mkdir(parents=True, exist_ok=True)
    stack.run.chmod(0o700)
    _refuse_taken(stack.aws, stack.aws_port, "STYGIG_AWS_PORT")
    _refuse_taken(stack.prefect, stack.prefect_port, "STYGIG_PREFECT_PORT")
    started: list[Service] = []
    try:
        return _started(stack, started)
    except BaseException:
        for service in reversed(started):
            say(f"ending {service.name} again")
            service.stop()
        raise


def _started(stack: Stack, started: list[Service]) -> list[NextRun]:
    environment = without_strangers(os.environ) | telemetry.OFF | stack.server_settings() | stack.environment()
    for service in (stack.aws, stack.prefect):
        _start(service, environment, started)
    _wait_until_answers(stack.aws, f"http://127.0.0.1:{stack.aws_port}/")
    _wait_until_answers(stack.prefect, f"{stack.api_url}/health")
    aws = _aws_environment(stack)
    environment |= aws
    _write_exports(stack, stack.environment() | aws)
    _prefect(environment, "work-pool", "create", POOL, "--type", "process", "--overwrite")
    _prefect(environment, "--no-prompt", "deploy", "--all")
    _start(stack.worker, environment, started)
    server = PrefectServer(stack.api_url, stack.auth())
    stack.worker.wait_until(partial(_worker_is_online, server))
    say("worker is up")
    if stack.worker in started:
        _ask_for_a_sweep(server)
    stack.prefect.wait_until(lambda: all(run.at for run in next_runs(server, TAG)))
    return next_runs(server, TAG)


def down(stack: Stack) -> None:
    """Ends what `up` started, once the runs in hand have ended, which need all of it; cancels those that take long."""
    if stack.worker.running() and stack.prefect.running():
        _finish_runs(PrefectServer(stack.api_url, stack.auth()))
    for service in (stack.worker, stack.prefect, stack.aws):
        if service.running():
            say(f"ending {service.name}")
        service.stop()


def _finish_runs(server: PrefectServer) -> None:
    started, cancelled = time.monotonic(), False
    while runs := _running(server):
        waited = time.monotonic() - started
        if int(waited) % 30 == 0:
            say(f"{len(runs)} runs are in hand; they have {DRAIN_SECONDS:.0f} s to end, then they are cancelled")
        if waited > DRAIN_SECONDS and not cancelled:
            cancelled = True
            _cancel(server, runs)
        if waited > 2 * DRAIN_SECONDS:
            say(f"{len(runs)} runs would not end; `stygig sweep` cleans up after them")
            return
        time.sleep(1)


def _cancel(server: PrefectServer, runs: list[dict[str, Any]]) -> None:
    for run in runs:
        with suppress(httpx.HTTPError):  # it may have ended meanwhile; if it hasn't, the wait goes on and says so
            server.post(f"flow_runs/{run['id']}/set_state", {"state": {"type": "CANCELLING"}})


def _running(server: PrefectServer) -> list[dict[str, Any]]:
    try:
        wanted = {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}
        found: list[dict[str, Any]] = server.post("flow_runs/filter", {"flow_runs": wanted})
    except httpx.HTTPError as exc:
        say(f"the Prefect server can't be asked for runs in hand: {exc}")
        return []
    return found


def _start(service: Service, environment: Mapping[str, str], started: list[Service]) -> None:
    if service.running():
        say(f"{service.name} runs already")
        return
    started.append(service)
    service.start(environment, ROOT)


def _wait_until_answers(service: Service, url: str) -> None:
    service.wait_until(partial(_answers, url))
    say(f"{service.name} is up")


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


def _aws_environment(stack: Stack) -> dict[str, str]:
    """What `stygig local env` prints, as a mapping."""
    asked = (str(BIN / "stygig"), "local", "env", "--port", stack.aws_port, "--json")
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)["environment"]
    return found


def _write_exports(stack: Stack, environment: Mapping[str, str]) -> None:
    """What a shell needs to use the stack, in one file to be sourced."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items())]
    (stack.run / "env").write_text("".join(lines))


def _answers(url: str) -> bool:
    try:
        with httpx.Client(trust_env=False, timeout=5) as client:
            return client.get(url).status_code < 500
    except httpx.TransportError:
        return False


def _worker_is_online(server: PrefectServer) -> bool:
    try:
        found = server.post(f"work_pools/{POOL}/workers/filter", {})
    except httpx.HTTPError:
        return False
    return any(worker["status"] == "ONLINE" for worker in found)


def _ask_for_a_sweep(server: PrefectServer) -> None:
    """A worker that starts may follow one that was killed: what its runs left goes now, and their slots are free."""
    (sweep,) = server.post("deployments/filter", {"deployments": {"name": {"any_": ["sweep"]}}})
    server.post(f"deployments/{sweep['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})


def explain(stack: Stack, runs: list[NextRun]) -> None:
    """How to use what is up, and when it will do something by itself."""
    where = os.path.relpath(stack.run)
    say("")
    say(f"Prefect UI:  http://127.0.0.1:{stack.prefect_port}/deployments, password: cat {where}/prefect-auth")
    say(f"In a shell:  . {where}/env")
    say("             .venv/bin/prefect deployment run 'nightly-validation/nightly' --watch")
    for run in runs:
        say(f"             {run}")
    say("`make down` ends all of it.")


def say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201 - the progress of a command


def main() -> int:
    if sys.argv[1:] not in (["up"], ["down"]):
        say("usage: python -m stygig.stack up|down")
        return 2
    stack = Stack()
    try:
        with signals_end_the_command():
            if sys.argv[1] == "up":
                explain(stack, up(stack))
            else:
                down(stack)
    except (StackError, OSError) as exc:
        say(f"error: {exc}")
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
