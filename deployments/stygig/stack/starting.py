"""`make up`: it starts each service that does not run yet, and registers every deployment."""

import json
import os
import shlex
import socket
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import httpx

from stygig.sealed import sealed
from stygig.stack.schedules import TAG, NextRun, PrefectServer, next_runs
from stygig.stack.service import Service, StackError
from stygig.stack.services import BIN, POOL, ROOT, Stack, say

ANSWERED = (200, 401, 403)
"""Of a service of ours: the Prefect server asks for a password, the embedded AWS for a signature."""


def prepared(stack: Stack) -> Stack:
    """The stack at ports that it has or can have, before anything is started."""
    stack = replace(
        stack,
        aws_port=_free_port_for(stack.aws, stack.aws_port, "STYGIG_AWS_PORT"),
        prefect_port=_free_port_for(stack.prefect, stack.prefect_port, "STYGIG_PREFECT_PORT"),
    )
    if stack.aws_port == stack.prefect_port:
        raise StackError(f"STYGIG_AWS_PORT and STYGIG_PREFECT_PORT are both {stack.aws_port}: set one to another port.")
    stack.remember_ports()
    return stack


def up(stack: Stack) -> list[NextRun]:
    """Start the services that do not run yet, deploy everything, and return the next run of each schedule.

    If one does not start, those that were started are ended again.
    """
    started: list[Service] = []
    try:
        return _started(stack, started)
    except BaseException:
        for service in reversed(started):
            say(f"ending {service.name} again")
            service.stop()
        raise


def _started(stack: Stack, started: list[Service]) -> list[NextRun]:
    environment = sealed(os.environ, stack.run) | stack.server_settings() | stack.environment()
    for service in (stack.aws, stack.prefect):
        _start(service, environment, started)
    _wait_until_answers(stack.aws, f"http://127.0.0.1:{stack.aws_port}/")
    _wait_until_answers(stack.prefect, f"{stack.api_url}/health")
    aws = _aws_environment(stack)
    environment |= aws
    _write_exports(stack, stack.environment() | aws)
    _prefect(environment, "work-pool", "create", POOL, "--type", "process", "--overwrite")
    _prefect(environment, "--no-prompt", "deploy", "--all")
    server = PrefectServer(stack.api_url, stack.auth())
    if not stack.worker.running():
        drop_late_runs(server)
    _start(stack.worker, environment, started)
    stack.worker.wait_until(partial(_worker_is_online, server))
    say("worker is up")
    if stack.worker in started:
        _ask_for_a_sweep(server)
    stack.prefect.wait_until(partial(_is_scheduled, server))
    return next_runs(server, TAG)


def _start(service: Service, environment: Mapping[str, str], started: list[Service]) -> None:
    if service.running():
        say(f"{service.name} runs already")
        return
    started.append(service)
    service.start(environment, ROOT)


def _wait_until_answers(service: Service, url: str) -> None:
    service.wait_until(partial(_answers, url))
    say(f"{service.name} is up")


def _free_port_for(service: Service, port: str, variable: str) -> str:
    """The port, or if somebody else has it another one, unless it was asked for: then raise StackError."""
    if service.running():
        return port
    try:
        with closing(socket.create_server(("127.0.0.1", int(port)))) as probe:
            return str(probe.getsockname()[1])  # 0 asks for any
    except (OSError, ValueError, OverflowError) as exc:
        if os.environ.get(variable):
            said = f"{service.name} can't listen on port {port}: {exc}. Set {variable} to a free one, or unset it."
            raise StackError(said) from exc
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        found = str(probe.getsockname()[1])
    say(f"port {port} is taken; {service.name} takes {found}")
    return found


def _prefect(environment: Mapping[str, str], *arguments: str) -> None:
    done = subprocess.run(
        (str(BIN / "prefect"), *arguments), cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StackError(f"prefect {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def _aws_environment(stack: Stack) -> dict[str, str]:
    """The output of `stygig local env` as a mapping."""
    asked = (str(BIN / "stygig"), "local", "env", "--port", stack.aws_port, "--json")
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StackError(f"the embedded AWS can't be found again: {done.stderr.strip()}")
    found: dict[str, str] = json.loads(done.stdout)["environment"]
    return found


def _write_exports(stack: Stack, environment: Mapping[str, str]) -> None:
    """Write the variables that a shell needs to use the stack to a file to be sourced."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items())]
    (stack.run / "env").write_text("".join(lines))


def _answers(url: str) -> bool:
    try:
        with httpx.Client(trust_env=False, timeout=5) as client:
            return client.get(url).status_code in ANSWERED
    except httpx.TransportError:
        return False


def _worker_is_online(server: PrefectServer) -> bool:
    try:
        found = server.post(f"work_pools/{POOL}/workers/filter", {})
    except httpx.HTTPError:
        return False
    return any(worker["status"] == "ONLINE" for worker in found)


def drop_late_runs(server: PrefectServer) -> None:
    """Delete the runs that schedules planned while the stack was down: a worker would catch up on each, one by one."""
    wanted = {
        "state": {"type": {"any_": ["SCHEDULED"]}},
        "expected_start_time": {"before_": datetime.now(UTC).isoformat()},
        "tags": {"all_": ["auto-scheduled"]},
    }
    while late := server.post("flow_runs/filter", {"flow_runs": wanted, "limit": 200}):
        say(f"{len(late)} runs were planned while nothing ran; they are dropped")
        for run in late:
            server.delete(f"flow_runs/{run['id']}")


def _is_scheduled(server: PrefectServer) -> bool:
    try:
        return all(run.at for run in next_runs(server, TAG))
    except httpx.HTTPError:
        return False


def _ask_for_a_sweep(server: PrefectServer) -> None:
    """Schedule a sweep: the last worker may have been killed, and its runs' remains and slots are to be freed now."""
    (sweep,) = server.post("deployments/filter", {"deployments": {"name": {"any_": ["sweep"]}}})
    server.post(f"deployments/{sweep['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})
